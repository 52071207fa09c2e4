//! Managed identities: the endpoints by which hosts hand out tokens to their own programs, each as strict as the real
//! one. They share Entra's directory, keys and clock, and differ in everything that goes over the wire.

mod app_service;
mod authority;
mod azure_arc;
mod cloud_shell;
mod credential;
mod imds;
mod msi;
mod service_fabric;
mod state;
mod token;

use std::fmt;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::directory::{Directory, Named};
use crate::exchange::{Exchange, Reply};
use crate::realm::Realm;

pub(crate) use credential::{Step, answer as answer_credential, attestation};
pub(crate) use state::State;

/// A kind of host whose programs have managed identities.
///
/// ```
/// use entra_emulator::{Emulator, ManagedIdentityHost};
///
/// let emulator = Emulator::start_blocking()?;
/// let variables = emulator.managed_identity_environment(ManagedIdentityHost::AppService);
/// assert_eq!(variables[0].0, "IDENTITY_ENDPOINT");
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ManagedIdentityHost {
    /// A virtual machine, a scale set, a Kubernetes node: the instance metadata service.
    VirtualMachine,
    /// App Service and Functions, since 2019.
    AppService,
    /// App Service as it was before, with its own way to write dates.
    AppService2017,
    /// Container Apps: as App Service.
    ContainerApps,
    /// Service Fabric. Over HTTPS it shows the emulator's certificate, and its thumbprint is in the environment.
    ServiceFabric,
    /// A server outside Azure with the agent of Azure Arc. Its keys are in [`Emulator::arc_keys`](crate::Emulator::arc_keys).
    AzureArc,
    /// Azure Cloud Shell.
    CloudShell,
    /// Azure Machine Learning.
    MachineLearning,
}

use ManagedIdentityHost as Host;

/// The secret that App Service, Service Fabric and Azure Machine Learning put into the environment.
const SECRET: &str = crate::ids::HOST_SECRET;

impl Host {
    const ALL: [Self; 8] = [
        Self::VirtualMachine,
        Self::AppService,
        Self::AppService2017,
        Self::ContainerApps,
        Self::ServiceFabric,
        Self::AzureArc,
        Self::CloudShell,
        Self::MachineLearning,
    ];

    /// The path of its endpoint. One address serves all hosts, so all but the metadata service have paths of their own.
    fn path(self) -> &'static str {
        match self {
            Self::VirtualMachine => "/metadata/identity/oauth2/token",
            Self::AppService => "/app-service/msi/token",
            Self::AppService2017 => "/app-service-2017/msi/token",
            Self::ContainerApps => "/container-apps/msi/token",
            Self::ServiceFabric => "/service-fabric/metadata/identity/oauth2/token",
            Self::AzureArc => "/azure-arc/metadata/identity/oauth2/token",
            Self::CloudShell => "/cloud-shell/msi/token",
            Self::MachineLearning => "/machine-learning/msi/auth",
        }
    }

    /// Whose endpoint a path is, in lower case and without slashes at its ends.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|host| host.path().trim_start_matches('/') == path)
    }

    /// What the host sets in the environment of its programs.
    pub(crate) fn environment(self, base_url: &str, thumbprint: &str) -> Vec<(&'static str, String)> {
        let endpoint = format!("{base_url}{}", self.path());
        let secret = || SECRET.to_owned();
        match self {
            Self::VirtualMachine => vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", base_url.to_owned())],
            Self::AppService | Self::ContainerApps => {
                vec![("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", secret())]
            }
            Self::ServiceFabric => vec![
                ("IDENTITY_ENDPOINT", endpoint),
                ("IDENTITY_HEADER", secret()),
                ("IDENTITY_SERVER_THUMBPRINT", thumbprint.to_owned()),
            ],
            Self::AzureArc => {
                vec![("IDENTITY_ENDPOINT", endpoint), ("IMDS_ENDPOINT", format!("{base_url}/azure-arc"))]
            }
            Self::CloudShell => vec![("MSI_ENDPOINT", endpoint)],
            Self::AppService2017 | Self::MachineLearning => {
                vec![("MSI_ENDPOINT", endpoint), ("MSI_SECRET", secret())]
            }
        }
    }
}

/// Answers a program that asks its host for a token.
pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, host: Host) -> Reply {
    let answered = match host {
        Host::VirtualMachine => imds::answer(realm, directory, exchange),
        Host::AppService | Host::ContainerApps => app_service::answer(realm, directory, exchange),
        Host::ServiceFabric => service_fabric::answer(realm, directory, exchange),
        Host::AzureArc => azure_arc::answer(realm, directory, exchange),
        Host::CloudShell => cloud_shell::answer(realm, directory, exchange),
        Host::AppService2017 => msi::answer(realm, directory, exchange, msi::american),
        Host::MachineLearning => msi::answer(realm, directory, exchange, msi::seconds),
    };
    match answered {
        Ok(body) => Reply::json(StatusCode::OK, &body).never_stored(),
        Err(denied) => denied.reply(exchange, host),
    }
}

/// Why a host hands out no token.
#[derive(Debug)]
struct Denied {
    status: StatusCode,
    code: &'static str,
    text: String,
    /// The key that must be shown, at Azure Arc.
    challenge: Option<String>,
}

impl Denied {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), challenge: None }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", text)
    }

    fn reply(&self, exchange: &Exchange, host: Host) -> Reply {
        let body = failure(self.status, self.code, &self.text, exchange, host);
        let reply = Reply::json(self.status, &body);
        match &self.challenge {
            Some(path) => reply.with(http::header::WWW_AUTHENTICATE, &format!("Basic realm={path}")),
            None => reply,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A failure in the host's own shape.
pub(crate) fn failure(status: StatusCode, code: &str, text: &str, exchange: &Exchange, host: Host) -> Value {
    match host {
        Host::AppService | Host::AppService2017 | Host::ContainerApps => json!({
            "statusCode": status.as_u16(),
            "message": text,
            "correlationId": exchange.correlation_id,
        }),
        Host::ServiceFabric | Host::MachineLearning => json!({"error": {
            "code": code,
            "message": text,
            "correlationId": exchange.correlation_id,
        }}),
        Host::VirtualMachine | Host::AzureArc | Host::CloudShell => {
            json!({"error": code, "error_description": text})
        }
    }
}

/// A request that came by a proxy did not come from the host's own programs.
fn direct(exchange: &Exchange, method: &Method) -> Result<(), Denied> {
    if exchange.method != *method {
        let text = format!("The method {} is not allowed here.", exchange.method);
        return Err(Denied::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text));
    }
    if exchange.headers.contains_key("x-forwarded-for") {
        return Err(Denied::bad("A request that was forwarded is not served."));
    }
    if let Some(name) = exchange.query.duplicate().or_else(|| exchange.form.duplicate()) {
        return Err(Denied::bad(format!("The parameter '{name}' is given twice.")));
    }
    Ok(())
}

/// `Metadata: true`, by which a server-side request forgery is told from a program that knows what it does.
fn metadata(exchange: &Exchange) -> Result<(), Denied> {
    let is_there =
        exchange.headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if is_there { Ok(()) } else { Err(Denied::bad("Required metadata header not specified or not correct.")) }
}

fn secret(exchange: &Exchange, header: &str, code: &'static str) -> Result<(), Denied> {
    let is_right = exchange.headers.get(header).is_some_and(|value| value.as_bytes() == SECRET.as_bytes());
    let wrong =
        || Denied::new(StatusCode::UNAUTHORIZED, code, format!("The header {header} is missing or wrong."));
    if is_right { Ok(()) } else { Err(wrong()) }
}

fn version(exchange: &Exchange, known: &[&str]) -> Result<(), Denied> {
    match exchange.query.get("api-version") {
        Some(version) if known.contains(&version) => Ok(()),
        Some(version) => Err(Denied::bad(format!("The api-version '{version}' is not served."))),
        None => Err(Denied::bad("The api-version is missing.")),
    }
}

/// How an id becomes a name.
type Form<'a> = fn(&'a str) -> Named<'a>;

/// The one identity that the parameters name; those of other hosts are refused.
fn named<'a>(exchange: &'a Exchange, forms: &[(&str, Form<'a>)]) -> Result<Named<'a>, Denied> {
    const ALL: [&str; 6] = ["client_id", "clientid", "msi_res_id", "mi_res_id", "object_id", "principalId"];
    let mut found = None;
    for name in ALL {
        let Some(id) = exchange.query.get(name).or_else(|| exchange.form.get(name)) else { continue };
        let Some((_, form)) = forms.iter().find(|(known, _)| *known == name) else {
            return Err(Denied::bad(format!("The parameter '{name}' is not known here.")));
        };
        if found.replace(form(id)).is_some() {
            return Err(Denied::bad("Only one identity can be asked for."));
        }
    }
    Ok(found.unwrap_or(Named::System))
}

/// Hexadecimal, in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
