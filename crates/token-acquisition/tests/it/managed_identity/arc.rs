//! Azure Arc: the challenge that names a file, from agents that are the agent and from others.

use std::fs;

use entra_abstractions::{AcquireToken, Environment, ManagedIdentityId};
use entra_emulator::ManagedIdentityHost as Host;

use super::{asked, system, with};
use crate::{
    kit::{Kit, ORDERS, as_app, every_text, who},
    wiretap::{Wiretap, granted, reply},
};

#[tokio::test]
async fn the_key_of_the_challenge_is_shown_anew_each_time() {
    let kit = Kit::new();
    let identity = system(&kit, Host::AzureArc);
    identity.acquire(&as_app(ORDERS)).await.unwrap();
    identity.acquire(&as_app(ORDERS).force_refresh()).await.unwrap();
    let statuses: Vec<_> = asked(&kit).iter().map(|entry| entry.status.unwrap()).collect();
    assert_eq!(statuses, [401, 200, 401, 200]);
}

#[tokio::test]
async fn no_file_but_the_agents_is_ever_sent() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tokens");
    fs::create_dir(&folder).unwrap();
    fs::write(root.path().join("other.key"), "s3cret-of-another").unwrap();
    fs::write(folder.join("large.key"), "s3cret".repeat(1_000)).unwrap();
    fs::write(folder.join("lines.key"), "s3cret\r\nx-injected: 1").unwrap();
    let shown = folder.display();
    let mut challenges = vec![
        String::new(),
        "www-authenticate: Basic\r\n".to_owned(),
        "www-authenticate: Basic realm=\r\n".to_owned(),
        "www-authenticate: Basic realm=/etc/passwd\r\n".to_owned(),
        format!("www-authenticate: Bearer realm={shown}/lines.key\r\n"),
        format!("www-authenticate: Basic realm={shown}/../other.key\r\n"),
        format!("www-authenticate: Basic realm={shown}/large.key\r\n"),
        format!("www-authenticate: Basic realm={shown}/lines.key\r\n"),
        format!("www-authenticate: Basic realm={shown}/none.key\r\n"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root.path().join("other.key"), folder.join("link.key")).unwrap();
        challenges.push(format!("www-authenticate: Basic realm={shown}/link.key\r\n"));
    }
    for challenge in challenges {
        let kit = Kit::new();
        let wiretap = Wiretap::that([reply("401 Unauthorized", &challenge, ""), granted("t")]).await;
        let error = identity(&kit, &wiretap, &folder).acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the developer", "{challenge}: {error}");
        assert!(!every_text(&error).contains("s3cret"), "{challenge}: {error}");
        assert_eq!(wiretap.heard().len(), 1, "nothing is shown to who names {challenge:?}");
    }
}

#[tokio::test]
async fn an_agent_that_is_never_content_is_not_asked_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.key"), "k").unwrap();
    let challenge = format!("www-authenticate: Basic realm={}/a.key\r\n", folder.path().display());
    let kit = Kit::new();
    let wiretap = Wiretap::that([reply("401 Unauthorized", &challenge, "")]).await;
    let error = identity(&kit, &wiretap, folder.path()).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!((who(&error), wiretap.heard().len()), ("the administrator", 2), "{error}");
    assert!(wiretap.heard()[1].contains("authorization: Basic k\r\n"));
}

fn identity(
    kit: &Kit,
    wiretap: &Wiretap,
    folder: &std::path::Path,
) -> entra_token_acquisition::ManagedIdentity {
    let endpoint = format!("{}/metadata/identity/oauth2/token", wiretap.url);
    let variables = [("IDENTITY_ENDPOINT", endpoint), ("IMDS_ENDPOINT", wiretap.url.clone())];
    with(kit, Environment::from_pairs(variables), ManagedIdentityId::System).arc_keys(folder).build().unwrap()
}
