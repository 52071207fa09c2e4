//! Our own client against `oidc-provider`, an authorization server that nobody here wrote: it is
//! discovered, and checks the secret and the signature with code of its own.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use entra_abstractions::{AcquireToken, HttpSettings, Scopes, TokenError, TokenRequest};
use entra_emulator::ids;
use entra_token_acquisition::{Application, ApplicationBuilder, TokenAcquirer};
use serde::{Deserialize, Serialize};
use tokio::process::Child;

use super::{
    claims,
    program::{command, script, serve, undisturbed},
    screen::Screen,
    verdict::{Verdict, Verdicts},
};
use crate::pki::Pki;

/// What the server is told.
#[derive(Serialize)]
struct Registered<'a> {
    tls_key: String,
    tls_certificate: String,
    scope: &'a str,
    secret_client: &'a str,
    secret: &'a str,
    key_client: &'a str,
    /// The public half is registered; the server is not shown the key.
    certificate: &'a str,
}

/// What it says when it listens.
#[derive(Deserialize)]
struct Listening {
    issuer: String,
    version: String,
}

const SCOPE: &str = "https://api.example/.default";
const SECRET_CLIENT: &str = "11111111-2222-4333-8444-555555555501";
const KEY_CLIENT: &str = "11111111-2222-4333-8444-555555555502";
const SECRET: &str = "server s3cret?%G&=+/~";

pub(super) async fn play(
    packages: &Path,
    folder: &Path,
    screen: &Screen,
    verdicts: &mut Verdicts,
) -> Result<()> {
    let log = folder.join("authorization-server.log");
    let server = Server::start(packages, folder, &log).await?;
    let before = verdicts.flaws();

    let both = format!("{}{}", ids::APP_KEY, ids::APP_CERTIFICATE);
    let unregistered = format!("{}{}", ids::RENEWED_KEY, ids::RENEWED_CERTIFICATE);
    let key_client = || server.application(KEY_CLIENT);
    let secret_client = || server.application(SECRET_CLIENT);
    for (scenario, played) in [
        ("client secret", server.grants(SECRET_CLIENT, secret_client().secret(SECRET)).await),
        ("wrong secret is refused", server.refuses(secret_client().secret("no such secret")).await),
        ("private_key_jwt, PS256", server.grants(KEY_CLIENT, key_client().certificate_pem(&*both)).await),
        (
            "private_key_jwt, PS256 with x5c",
            server.grants(KEY_CLIENT, key_client().certificate_pem(&*both).send_x5c()).await,
        ),
        (
            "private_key_jwt of another key is refused",
            server.refuses(key_client().certificate_pem(unregistered)).await,
        ),
    ] {
        let (client, scenario) = ("entra-rs to oidc-provider".to_owned(), scenario.to_owned());
        let flaw = played.err().map(|error| format!("{error:#}"));
        verdicts.add(screen, Verdict { client, version: server.version.clone(), scenario, flaw });
    }
    if verdicts.flaws() > before {
        screen.say(&format!("  oidc-provider said:\n{}", fs::read_to_string(&log)?));
    }
    Ok(())
}

/// A running server. It ends with this value.
struct Server {
    _process: Child,
    version: String,
    issuer: String,
    ca: String,
}

impl Server {
    async fn start(packages: &Path, folder: &Path, log: &Path) -> Result<Self> {
        let Pki { ca, certificate: tls_certificate, key: tls_key, .. } = Pki::new()?;
        let registered = Registered {
            tls_key,
            tls_certificate,
            scope: SCOPE,
            secret_client: SECRET_CLIENT,
            secret: SECRET,
            key_client: KEY_CLIENT,
            certificate: ids::APP_CERTIFICATE,
        };
        let told = folder.join("authorization-server.json");
        fs::write(&told, serde_json::to_string(&registered)?)?;
        let mut node = command("node");
        undisturbed(&mut node).arg(script("oidc_provider.mjs")).arg(told).arg(packages);
        let (process, line) = serve(&mut node, log, Duration::from_secs(60)).await?;
        let Listening { issuer, version } =
            serde_json::from_str(&line).with_context(|| format!("oidc-provider said: {line}"))?;
        Ok(Self { _process: process, version, issuer, ca })
    }

    fn application(&self, client: &str) -> ApplicationBuilder {
        Application::builder().discovered_authority(&self.issuer).client_id(client)
    }

    fn acquirer(&self, application: ApplicationBuilder) -> Result<TokenAcquirer> {
        let http = HttpSettings::default().trust_pem(&self.ca);
        Ok(TokenAcquirer::builder(application.build()?).http(http).build()?)
    }

    async fn grants(&self, client: &str, application: ApplicationBuilder) -> Result<()> {
        let tokens = self.acquirer(application)?;
        let token = tokens.acquire(&request()?).await?;
        let wanted = [("client_id", client), ("iss", &*self.issuer), ("scope", SCOPE)];
        claims::check(token.secret().expose(), &wanted)?;
        let again = tokens.acquire(&request()?).await?;
        ensure!(again.secret().expose() == token.secret().expose(), "the token is not kept");
        Ok(())
    }

    async fn refuses(&self, application: ApplicationBuilder) -> Result<()> {
        match self.acquirer(application)?.acquire(&request()?).await {
            Err(TokenError::Rejected(_)) => Ok(()),
            Err(error) => Err(error).context("another error"),
            Ok(_) => bail!("it was accepted"),
        }
    }
}

fn request() -> Result<TokenRequest> {
    Ok(TokenRequest::as_app(Scopes::new([SCOPE])?))
}
