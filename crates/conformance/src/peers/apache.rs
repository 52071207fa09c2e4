//! Bound tokens of the emulator's Entra, got and shown by the engine, before Apache's `mod_oauth2`: an API
//! that nobody here wrote, which compares `cnf.x5t#S256` with the certificate of the connection.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use entra_abstractions::{AccessToken, AcquireToken, Binding, HttpSettings, Scheme, Scopes, TokenRequest};
use entra_downstream_api::Api;
use entra_mtls_pop::BoundClients;
use entra_token_acquisition::{Application, TokenAcquirer};
use reqwest::{Response, StatusCode};
use tokio::process::Child;
use url::Url;

use super::{
    program::{command, undisturbed},
    screen::Screen,
    setting::Setting,
    verdict::{Verdict, Verdicts},
};
use crate::{
    http,
    pki::{Pki, binding, self_signed, strangers},
};

const CLIENT: &str = "entra-rs to Apache mod_oauth2";
const SCOPE: &str = "api://orders/.default";

pub(super) async fn play(
    folder: &Path,
    setting: &Setting,
    screen: &Screen,
    verdicts: &mut Verdicts,
) -> Result<()> {
    let Some(installed) = Installed::find() else {
        screen.say(&format!("  left out  {CLIENT}: {MISSING}"));
        return Ok(());
    };
    let folder = folder.join("apache");
    let apache = Apache::start(&installed, &folder, setting).await?;
    let before = verdicts.flaws();
    for (scenario, played) in [
        ("a bound token is taken, shown as mtls_pop", apache.takes().await),
        ("the same, shown as the RFC has it", apache.takes_bearer().await),
        ("a stolen one is refused", apache.refuses_stolen().await),
        ("one that is not bound is refused", apache.refuses_unbound().await),
    ] {
        let flaw = played.err().map(|error| format!("{error:#}"));
        let (client, scenario) = (CLIENT.to_owned(), scenario.to_owned());
        verdicts.add(screen, Verdict { client, version: installed.version.clone(), scenario, flaw });
    }
    if verdicts.flaws() > before {
        screen.say(&format!("  Apache said:\n{}", fs::read_to_string(folder.join("error.log"))?));
    }
    Ok(())
}

const MISSING: &str = "`apt-get install apache2-bin libapache2-mod-oauth2` on Debian and Ubuntu; elsewhere it is not looked for";

/// Where Debian's packages put it.
struct Installed {
    modules: &'static Path,
    version: String,
}

impl Installed {
    fn find() -> Option<Self> {
        let modules = Path::new("/usr/lib/apache2/modules");
        let note = fs::read_to_string("/var/lib/dpkg/status").ok()?;
        let package =
            note.split("\n\n").find(|package| package.starts_with("Package: libapache2-mod-oauth2\n"))?;
        let version = package.lines().find_map(|line| line.strip_prefix("Version: "))?.to_owned();
        (modules.join("mod_oauth2.so").is_file() && Path::new(APACHE).is_file())
            .then_some(Self { modules, version })
    }
}

const APACHE: &str = "/usr/sbin/apache2";

/// A running Apache. It ends with this value.
struct Apache {
    _process: Child,
    origin: String,
    http: HttpSettings,
    clients: BoundClients,
    tokens: TokenAcquirer,
}

impl Apache {
    async fn start(installed: &Installed, folder: &Path, setting: &Setting) -> Result<Self> {
        let pki = Pki::new()?;
        fs::create_dir_all(folder)?;
        fs::write(folder.join("tls.pem"), &pki.certificate)?;
        fs::write(folder.join("tls.key"), &pki.key)?;
        // It cannot be told to find a port; who takes this one meanwhile makes it say so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let keys = format!("{}/{}/discovery/v2.0/keys", setting.authority_host, setting.tenant);
        let config: PathBuf = folder.join("apache.conf");
        fs::write(&config, configuration(installed, folder, port, &keys))?;
        let mut apache = command(APACHE);
        undisturbed(&mut apache).arg("-X").arg("-f").arg(config);
        let process = apache.spawn().context("Apache could not be started")?;

        let entra = fs::read_to_string(&setting.ca)?;
        let http = HttpSettings::default().trust_pem(&pki.ca).trust_pem(entra);
        let application = Application::builder()
            .instance(&setting.authority_host)
            .tenant(setting.tenant)
            .client_id(setting.daemon)
            .certificate_pem(self_signed())
            .build()?;
        let apache = Self {
            _process: process,
            origin: format!("https://localhost:{port}"),
            clients: BoundClients::new(&http, |builder| builder),
            tokens: TokenAcquirer::builder(application).http(http.clone()).build()?,
            http,
        };
        apache.listens(&folder.join("error.log")).await?;
        Ok(apache)
    }

    async fn listens(&self, log: &Path) -> Result<()> {
        for _ in 0..100 {
            if self.show("orders", "none", None).await.is_ok() {
                return Ok(());
            }
            #[expect(clippy::disallowed_methods, reason = "nobody tells when it listens")]
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("Apache does not answer\n{}", fs::read_to_string(log).unwrap_or_default())
    }

    async fn token(&self, scheme: Scheme) -> Result<AccessToken> {
        let request = TokenRequest { scheme, ..TokenRequest::as_app(Scopes::new([SCOPE])?) };
        Ok(self.tokens.acquire(&request).await?)
    }

    async fn takes(&self) -> Result<()> {
        let orders = Api::builder("Orders").base_url(&self.origin).scopes(SCOPE).bound_tokens();
        let orders = orders.http(self.http.clone()).build(self.tokens.clone())?;
        orders.as_app().get("orders").empty().await.context("it is not let in")
    }

    async fn takes_bearer(&self) -> Result<()> {
        let token = self.token(Scheme::MtlsPop).await?;
        let header = format!("Bearer {}", token.secret().expose());
        let answer = self.show("plain", &header, token.binding()).await?;
        ensure!(answer.status() == StatusCode::OK, "it is answered {}", answer.status());
        Ok(())
    }

    async fn refuses_stolen(&self) -> Result<()> {
        let token = self.token(Scheme::MtlsPop).await?;
        let stranger = binding(&strangers("night-job.clients.example")?)?;
        for (place, scheme) in [("orders", "mtls_pop"), ("plain", "Bearer")] {
            let header = format!("{scheme} {}", token.secret().expose());
            for certificate in [None, Some(&stranger)] {
                let answer = self.show(place, &header, certificate).await?;
                ensure!(answer.status() == StatusCode::UNAUTHORIZED, "it is answered {}", answer.status());
            }
        }
        Ok(())
    }

    async fn refuses_unbound(&self) -> Result<()> {
        let (token, own) = (self.token(Scheme::Bearer).await?, binding(&self_signed())?);
        let header = format!("Bearer {}", token.secret().expose());
        let answer = self.show("plain", &header, Some(&own)).await?;
        ensure!(answer.status() == StatusCode::UNAUTHORIZED, "it is answered {}", answer.status());
        Ok(())
    }

    async fn show(&self, place: &str, header: &str, certificate: Option<&Binding>) -> Result<Response> {
        let url = Url::parse(&format!("{}/{place}", self.origin))?;
        let client = match certificate {
            Some(certificate) => self.clients.of(certificate, &url)?.client().clone(),
            None => http::client(&self.http)?,
        };
        Ok(client.get(url).header("authorization", header).send().await?)
    }
}

/// One process, one page, and nothing but the token decides who sees it.
fn configuration(installed: &Installed, folder: &Path, port: u16, keys: &str) -> String {
    let (modules, folder) = (installed.modules.display(), folder.display());
    let load = ["mpm_event", "authn_core", "authz_core", "authz_user", "ssl", "status", "oauth2"]
        .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
        .concat();
    format!(
        r#"{load}ServerRoot "{folder}"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/error.log"
DocumentRoot "{modules}"
User nobody
Group nogroup
SSLEngine on
SSLCertificateFile "{folder}/tls.pem"
SSLCertificateKeyFile "{folder}/tls.key"
SSLSessionCache none
SSLVerifyClient optional_no_ca
SSLOptions +StdEnvVars +ExportCertData
OAuth2TokenVerify jwks_uri {keys} jwks_uri.ssl_verify=false&type=mtls&mtls.policy=required
<Location /orders>
  OAuth2AcceptTokenIn header name=Authorization&type=mtls_pop
</Location>
<Location /plain>
  OAuth2AcceptTokenIn header name=Authorization&type=bearer
</Location>
<Location />
  SetHandler server-status
  AuthType oauth2
  Require valid-user
</Location>
"#
    )
}
