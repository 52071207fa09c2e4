//! Certificates on the connection (RFC 8705) before `oidc-provider`, which nobody here wrote: it knows our
//! client by its certificate, binds tokens to it, and guards an endpoint of its own with it. What it bound
//! is then shown to an API of ours.
//!
//! A bound token is `Bearer` in the RFC, in the answer and in the header, and `mtls_pop` at Entra. The
//! engine speaks as Entra does, so the provider is made to answer in Entra's word where it is asked in it;
//! what it checks and binds is its own. Where it answers in the RFC's, the engine refuses, and the layer
//! below, the connections of `entra-mtls-pop`, speaks to it plainly.

mod engine;
mod plain;

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use entra_abstractions::{Authority, Binding, ClientId, HttpSettings, TenantId};
use entra_emulator::ids;
use entra_mtls_pop::BoundClients;
use entra_web_api::TokenValidator;
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::process::Child;
use url::Url;

use super::{
    program::{command, script, serve, undisturbed},
    screen::Screen,
    verdict::{Verdict, Verdicts},
};
use crate::{
    bound_api::BoundApi,
    http,
    pki::{Pki, binding, self_signed, strangers},
};

/// What the server is told.
#[derive(Serialize)]
struct Registered<'a> {
    tls_key: &'a str,
    tls_certificate: &'a str,
    /// Vouches for clients' certificates, too.
    ca: &'a str,
    tenant: &'a str,
    scope: &'a str,
    /// Known by a certificate of the authority for this name.
    authority_client: &'a str,
    name: &'a str,
    /// Known by the same, and answered in the RFC's word.
    plain_client: &'a str,
    /// Known by this very certificate.
    self_signed_client: &'a str,
    self_signed: &'a str,
}

/// What it says when it listens.
#[derive(Deserialize)]
struct Listening {
    origin: String,
    issuer: String,
    version: String,
    /// The code of somebody who signed in, for the first client, and where it was sent.
    code: String,
    redirect: String,
}

const SCOPE: &str = "https://api.example/.default";
const AUDIENCE: &str = "https://api.example";
const AUTHORITY_CLIENT: &str = "11111111-2222-4333-8444-555555555503";
const PLAIN_CLIENT: &str = "11111111-2222-4333-8444-555555555504";
const SELF_SIGNED_CLIENT: &str = "11111111-2222-4333-8444-555555555505";
const NAME: &str = "night-job.clients.example";

pub(super) async fn play(
    packages: &Path,
    folder: &Path,
    screen: &Screen,
    verdicts: &mut Verdicts,
) -> Result<()> {
    let log = folder.join("mtls-provider.log");
    let stage = Stage::start(packages, folder, &log).await?;
    let before = verdicts.flaws();
    for (client, played) in [
        ("entra-rs to oidc-provider, mTLS", Box::pin(engine::play(&stage)).await),
        ("entra-mtls-pop to oidc-provider", Box::pin(plain::play(&stage)).await),
    ] {
        for (scenario, played) in played {
            let flaw = played.err().map(|error| format!("{error:#}"));
            let (client, scenario) = (client.to_owned(), scenario.to_owned());
            verdicts.add(screen, Verdict { client, version: stage.server.version.clone(), scenario, flaw });
        }
    }
    if verdicts.flaws() > before {
        screen.say(&format!("  oidc-provider said:\n{}", fs::read_to_string(&log)?));
    }
    Ok(())
}

/// A scenario's name, and what came of it.
type Played = Vec<(&'static str, Result<()>)>;

/// A running provider, an API that trusts its tokens, and the certificates of this run. It ends with this
/// value.
struct Stage {
    _process: Child,
    server: Listening,
    api: BoundApi,
    http: HttpSettings,
    clients: BoundClients,
    certificates: Certificates,
}

/// Certificates with their keys: PEM. The first two have the same key.
struct Certificates {
    /// Below the authority, for the registered name.
    vouched: String,
    /// Registered as it is.
    own: String,
    /// Below the authority, for another name.
    another: String,
    /// For the registered name, below nobody.
    strangers: String,
}

impl Stage {
    async fn start(packages: &Path, folder: &Path, log: &Path) -> Result<Self> {
        let pki = Pki::new()?;
        let registered = Registered {
            tls_key: &pki.key,
            tls_certificate: &pki.certificate,
            ca: &pki.ca,
            tenant: ids::TENANT,
            scope: SCOPE,
            authority_client: AUTHORITY_CLIENT,
            name: NAME,
            plain_client: PLAIN_CLIENT,
            self_signed_client: SELF_SIGNED_CLIENT,
            self_signed: ids::APP_CERTIFICATE,
        };
        let told = folder.join("mtls-provider.json");
        fs::write(&told, serde_json::to_string(&registered)?)?;
        let mut node = command("node");
        undisturbed(&mut node).arg(script("oidc_provider_mtls.mjs")).arg(told).arg(packages);
        let (process, line) = serve(&mut node, log, Duration::from_secs(60)).await?;
        let server: Listening =
            serde_json::from_str(&line).with_context(|| format!("oidc-provider said: {line}"))?;

        let authority = Authority::new(&server.origin, TenantId::new(ids::TENANT)?)?;
        let validator = TokenValidator::for_client(authority, &ClientId::new(ids::API)?);
        let trusting = HttpSettings::default().trust_pem(&pki.ca);
        let api = BoundApi::start(&validator.audience(AUDIENCE).http(trusting).build()?).await?;
        let http = api.http().trust_pem(&pki.ca);
        Ok(Self {
            _process: process,
            server,
            api,
            clients: BoundClients::new(&http, |builder| builder),
            http,
            certificates: Certificates {
                vouched: pki.client(NAME)?,
                own: self_signed(),
                another: pki.client("day-job.clients.example")?,
                strangers: strangers(NAME)?,
            },
        })
    }

    /// Gets a URL with a token, over a connection with this certificate, or with none.
    async fn show(&self, url: &str, header: &str, certificate: Option<&Binding>) -> Result<Response> {
        let url = Url::parse(url)?;
        let client = match certificate {
            Some(certificate) => self.clients.of(certificate, &url)?.client().clone(),
            None => http::client(&self.http)?,
        };
        Ok(client.get(url).header("authorization", header).send().await?)
    }

    /// Shows a stolen token in every way that its thief could try.
    async fn is_worth_nothing(&self, url: &str, header: &str, own: &Binding) -> Result<()> {
        for (how, pem) in [
            ("with no certificate", None),
            ("with another certificate of the same key", Some(&self.certificates.another)),
            ("with a stranger's certificate", Some(&self.certificates.strangers)),
        ] {
            let shown = pem.map(|pem| binding(pem)).transpose()?;
            ensure!(shown.as_ref() != Some(own), "the thief has the very certificate");
            let answer = self.show(url, header, shown.as_ref()).await?;
            ensure!(answer.status() == StatusCode::UNAUTHORIZED, "{how} it is answered {}", answer.status());
        }
        Ok(())
    }
}
