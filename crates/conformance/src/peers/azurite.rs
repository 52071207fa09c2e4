//! The Azure SDK's own client of Blob Storage takes our credential, and Azurite, which Microsoft
//! makes, takes the emulator's tokens: it looks at issuer, audience and times.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, RequestContent, RetryOptions, StatusCode, Transport, Url},
};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use entra_abstractions::{HttpSettings, UserAssertion};
use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
use entra_azure_credential::EntraCredential;
use entra_emulator::ids;
use entra_token_acquisition::{Application, TokenAcquirer};
use futures_util::TryStreamExt;
use serde::Deserialize;
use tokio::process::Child;

use super::{
    program::{command, script, serve, undisturbed},
    screen::Screen,
    setting::Setting,
    verdict::{Verdict, Verdicts},
};
use crate::{http, pki::Pki};

/// What it says when it listens.
#[derive(Deserialize)]
struct Listening {
    url: String,
    version: String,
}

const STORAGE: &str = "https://storage.azure.com/.default";

pub(super) async fn play(
    packages: &Path,
    folder: &Path,
    setting: &Setting,
    screen: &Screen,
    verdicts: &mut Verdicts,
) -> Result<()> {
    let log = folder.join("azurite.log");
    let server = Azurite::start(packages, folder, &log, setting).await?;
    let before = verdicts.flaws();

    let daemon = server.acquirer(setting, setting.daemon, setting.daemon_secret)?;
    let api = server.acquirer(setting, setting.api, setting.api_secret)?;
    let blueprint = server.acquirer(setting, setting.blueprint, setting.blueprint_secret)?;
    let app = EntraCredential::new(daemon);
    let user = UserAssertion::new(fs::read_to_string(&setting.user_token)?)?;
    let for_user = EntraCredential::new(api).on_behalf_of(&user);
    let agent = EntraCredential::new(AgentIdentities::new(blueprint)).with_agent_identity(setting.agent);
    for (scenario, played) in [
        ("blobs as the application", server.blobs("app", &app).await),
        ("blobs on behalf of a user", server.blobs("user", &for_user).await),
        ("blobs as an agent", server.blobs("agent", &agent).await),
        ("blobs with the policy, too", server.blobs_with_policy(&app).await),
        ("a token for Graph is refused", server.refuses_other_audiences(&app).await),
    ] {
        let (client, scenario) = ("azure_storage_blob to Azurite".to_owned(), scenario.to_owned());
        let flaw = played.err().map(|error| format!("{error:#}"));
        verdicts.add(screen, Verdict { client, version: server.version.clone(), scenario, flaw });
    }
    if verdicts.flaws() > before {
        screen.say(&format!("  Azurite said:\n{}", fs::read_to_string(&log)?));
    }
    Ok(())
}

/// A running Azurite. It ends with this value.
struct Azurite {
    _process: Child,
    version: String,
    account: Url,
    /// One transport for all clients, as an application has it.
    transport: Transport,
    entra: HttpSettings,
}

impl Azurite {
    async fn start(packages: &Path, folder: &Path, log: &Path, setting: &Setting) -> Result<Self> {
        let Pki { ca, certificate, key, .. } = Pki::new()?;
        let (certificate_file, key_file) = (folder.join("azurite.pem"), folder.join("azurite.key"));
        fs::write(&certificate_file, certificate)?;
        fs::write(&key_file, key)?;
        let mut node = command("node");
        let arguments = [&*certificate_file, &key_file, packages];
        undisturbed(&mut node).arg(script("azurite.mjs")).args(arguments);
        let (process, line) = serve(&mut node, log, Duration::from_secs(60)).await?;
        let Listening { url, version } =
            serde_json::from_str(&line).with_context(|| format!("Azurite said: {line}"))?;
        let port = Url::parse(&url)?.port().context("Azurite does not say its port")?;
        let account = Url::parse(&format!("https://localhost:{port}/devstoreaccount1"))?;
        let transport = Transport::new(Arc::new(http::client(&HttpSettings::default().trust_pem(ca))?));
        let entra = HttpSettings::default().trust_pem(fs::read_to_string(&setting.ca)?);
        Ok(Self { _process: process, version, account, transport, entra })
    }

    fn acquirer(&self, setting: &Setting, client: &str, secret: &str) -> Result<TokenAcquirer> {
        let application = Application::builder()
            .instance(&setting.authority_host)
            .tenant(ids::TENANT)
            .client_id(client)
            .secret(secret)
            .build()?;
        Ok(TokenAcquirer::builder(application).http(self.entra.clone()).build()?)
    }

    fn service(
        &self,
        credential: Arc<dyn TokenCredential>,
        mut options: ClientOptions,
    ) -> Result<BlobServiceClient> {
        options.transport = Some(self.transport.clone());
        options.retry = RetryOptions::none();
        let options =
            BlobServiceClientOptions { client_options: options, ..BlobServiceClientOptions::default() };
        Ok(BlobServiceClient::new(self.account.clone(), Some(credential), Some(options))?)
    }

    async fn blobs(&self, container: &str, credential: &EntraCredential) -> Result<()> {
        Box::pin(go_round(&self.service(credential.clone().into(), ClientOptions::default())?, container))
            .await
    }

    async fn blobs_with_policy(&self, credential: &EntraCredential) -> Result<()> {
        let policies = vec![credential.policy(STORAGE)?];
        let options = ClientOptions { per_try_policies: policies, ..ClientOptions::default() };
        Box::pin(go_round(&self.service(credential.clone().into(), options)?, "policy")).await
    }

    /// The policy sends the token for these scopes in place of the client's own.
    async fn refuses_other_audiences(&self, credential: &EntraCredential) -> Result<()> {
        let policies = vec![credential.policy("https://graph.microsoft.com/.default")?];
        let options = ClientOptions { per_try_policies: policies, ..ClientOptions::default() };
        let service = self.service(credential.clone().into(), options)?;
        match service.blob_container_client("refused").create(None).await {
            Err(error) if error.http_status() == Some(StatusCode::Forbidden) => Ok(()),
            Err(error) => Err(error).context("another error"),
            Ok(_) => bail!("it was accepted"),
        }
    }
}

/// Makes a container, fills it, lists it, and reads from it.
async fn go_round(service: &BlobServiceClient, container: &str) -> Result<()> {
    const TEXT: &[u8] = b"400 bolts for O'Hara & Sons";
    let container = service.blob_container_client(container);
    container.create(None).await.context("no container is made")?;
    let blob = container.blob_client("orders/o'hara.txt");
    blob.upload(RequestContent::from(TEXT.to_vec()), None).await.context("nothing is uploaded")?;
    let listed: Vec<_> = container.list_blobs(None)?.try_collect().await.context("nothing is listed")?;
    ensure!(listed.len() == 1, "{} blobs are listed", listed.len());
    let read = blob.download(None).await.context("nothing is downloaded")?.body.collect().await?;
    ensure!(&read[..] == TEXT, "something else is downloaded: {} bytes", read.len());
    Ok(())
}
