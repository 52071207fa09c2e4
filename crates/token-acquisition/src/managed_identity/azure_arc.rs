//! Azure Arc: a server outside Azure, whose agent hands out tokens to whoever can read a file that
//! it names in a challenge.
//! <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured, Secret};
use http::{HeaderMap, HeaderValue, header};
use url::Url;
use zeroize::Zeroizing;

use super::{
    ask::{Ask, Outgoing, endpoint, unsupported},
    source::variable,
};

#[derive(Debug)]
pub(super) struct AzureArc {
    endpoint: Url,
    keys: Option<PathBuf>,
}

/// Where the agent listens, where the environment does not say.
const ENDPOINT: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";

/// The agent writes a few hundred bytes.
const LARGEST_KEY: u64 = 4096;

impl AzureArc {
    pub(super) const NAME: &str = "Azure Arc";

    /// The agent is there where the environment names its endpoints, or its program is installed.
    /// `keys` is the folder in which it writes its keys, where that is another than the usual one.
    pub(super) fn from_environment(
        environment: &Environment,
        keys: Option<&Path>,
    ) -> Result<Option<Self>, Misconfigured> {
        let named = variable(environment, "IDENTITY_ENDPOINT")
            .filter(|_| variable(environment, "IMDS_ENDPOINT").is_some());
        let url = match named {
            Some(url) => url,
            None if program(environment).is_some_and(|program| program.is_file()) => ENDPOINT,
            None => return Ok(None),
        };
        let keys = keys.map(Path::to_owned).or_else(|| usual_keys(environment));
        Ok(Some(Self { endpoint: endpoint("IDENTITY_ENDPOINT", url, Self::NAME)?, keys }))
    }

    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        if *ask.id != ManagedIdentityId::System {
            return Err(unsupported(Self::NAME, ask.id, "ask for the system-assigned identity"));
        }
        Ok(Outgoing::get(&self.endpoint, "2020-06-01", ask).metadata())
    }

    /// Answers the challenge: with the content of the file that it names, and of no other file than
    /// the agent's.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Result<HeaderValue, Misconfigured> {
        let path = challenge(headers)?;
        let folder = self.keys.as_deref().ok_or_else(|| {
            Misconfigured::new("Azure Arc has no managed identities on this operating system")
        })?;
        let key = read(folder, &path)?;
        let mut answer = HeaderValue::from_str(Secret::new(format!("Basic {}", key.expose())).expose())
            .map_err(|error| refused("its key cannot stand in a header").with_source(error))?;
        answer.set_sensitive(true);
        Ok(answer)
    }
}

/// The path in `WWW-Authenticate: Basic realm=<path>`.
fn challenge(headers: &HeaderMap) -> Result<PathBuf, Misconfigured> {
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let (Some(challenge), None) = (challenges.next(), challenges.next()) else {
        return Err(refused("it asks for a proof, but names no key"));
    };
    let path = challenge.to_str().ok().and_then(|text| {
        let (scheme, realm) = text.trim().split_at_checked("Basic realm=".len())?;
        scheme.eq_ignore_ascii_case("Basic realm=").then(|| realm.trim().trim_matches('"'))
    });
    match path {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(refused("its challenge is not of the form Basic realm=<path>")),
    }
}

/// Reads a key. Whoever can answer in the agent's place could else have any file of this program's
/// user sent to them.
fn read(folder: &Path, path: &Path) -> Result<Secret, Misconfigured> {
    let is_plain = path.is_absolute()
        && !path.components().any(|part| matches!(part, Component::ParentDir | Component::CurDir));
    let is_key = path.extension().is_some_and(|extension| extension == "key");
    if !is_plain || !is_key || path.parent() != Some(folder) {
        return Err(refused("it names a key that is not one of the agent's"));
    }
    let unreadable = |error: io::Error| {
        refused("its key cannot be read")
            .hint("the user that the process runs as must be in the group himds")
            .with_source(error)
    };
    // Not through a link: what it leads to is not the agent's.
    let metadata = fs::symlink_metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("it names a key that is no file"));
    }
    let mut key = Zeroizing::new(Vec::with_capacity(4097));
    File::open(path).and_then(|file| file.take(LARGEST_KEY + 1).read_to_end(&mut key)).map_err(unreadable)?;
    if key.len() as u64 > LARGEST_KEY {
        return Err(refused("its key is larger than a key can be"));
    }
    match str::from_utf8(&key).map(str::trim) {
        Ok(key) if !key.is_empty() => Ok(Secret::new(key)),
        _ => Err(refused("its key is not text")),
    }
}

fn refused(what: &str) -> Misconfigured {
    Misconfigured::new(format!("what answers as the agent of Azure Arc is not believed: {what}"))
        .hint("see to the agent, azcmagent, on this server")
}

fn usual_keys(environment: &Environment) -> Option<PathBuf> {
    if cfg!(target_os = "linux") {
        Some(PathBuf::from("/var/opt/azcmagent/tokens"))
    } else if cfg!(windows) {
        environment
            .get("ProgramData")
            .map(|folder| Path::new(folder).join(r"AzureConnectedMachineAgent\Tokens"))
    } else {
        None
    }
}

fn program(environment: &Environment) -> Option<PathBuf> {
    if cfg!(target_os = "linux") {
        Some(PathBuf::from("/opt/azcmagent/bin/himds"))
    } else if cfg!(windows) {
        environment
            .get("ProgramFiles")
            .map(|folder| Path::new(folder).join(r"AzureConnectedMachineAgent\himds.exe"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(challenge: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        headers
    }

    fn arc(folder: &Path) -> AzureArc {
        AzureArc { endpoint: Url::parse(ENDPOINT).unwrap(), keys: Some(folder.to_owned()) }
    }

    #[test]
    fn the_key_of_the_challenge_is_the_answer() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("a.key");
        fs::write(&key, "s3cret?%G&=\n").unwrap();
        let answer = arc(folder.path()).answer(&headers(&format!("Basic realm={}", key.display()))).unwrap();
        assert_eq!(answer, "Basic s3cret?%G&=");
        assert!(answer.is_sensitive());
        fs::write(&key, "k".repeat(4096)).unwrap();
        assert!(arc(folder.path()).answer(&headers(&format!("Basic realm={}", key.display()))).is_ok());
    }

    #[test]
    fn no_other_file_is_ever_read() {
        let root = tempfile::tempdir().unwrap();
        let (folder, outside) = (root.path().join("tokens"), root.path().join("outside.key"));
        fs::create_dir_all(folder.join("below.key")).unwrap();
        for name in ["a.txt", "below.key/b.key", "large.key", "broken.key", "empty.key"] {
            fs::write(folder.join(name), "s3cret").unwrap();
        }
        fs::write(&outside, "s3cret").unwrap();
        fs::write(folder.join("large.key"), "k".repeat(4097)).unwrap();
        fs::write(folder.join("broken.key"), "s3cret\r\nx-injected: 1").unwrap();
        fs::write(folder.join("empty.key"), " \n").unwrap();
        let shown = folder.display();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, folder.join("link.key")).unwrap();
        let hostile = [
            format!("Basic realm={}", outside.display()),
            format!("Basic realm={shown}/../outside.key"),
            format!("Basic realm={shown}/../tokens/large.key"),
            format!("Basic realm={shown}/./a.key"),
            format!("Basic realm={shown}/a.txt"),
            format!("Basic realm={shown}/below.key"),
            format!("Basic realm={shown}/below.key/b.key"),
            format!("Basic realm={shown}/large.key"),
            format!("Basic realm={shown}/broken.key"),
            format!("Basic realm={shown}/empty.key"),
            format!("Basic realm={shown}/none.key"),
            // Without links, one more that is not there.
            format!("Basic realm={shown}/link.key"),
            "Basic realm=outside.key".to_owned(),
            "Basic realm=".to_owned(),
            "Basic".to_owned(),
            format!("Bearer realm={shown}/a.key"),
        ];
        for challenge in hostile {
            let error = arc(&folder).answer(&headers(&challenge)).expect_err(&challenge);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{challenge}");
        }
        assert!(arc(&folder).answer(&HeaderMap::new()).is_err());
    }
}
