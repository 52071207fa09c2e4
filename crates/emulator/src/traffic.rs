//! The request log: what came, in order, with its secrets taken out before it is kept.

mod grant;
mod leg;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use crate::directory::{App, Directory};
use crate::exchange::{Exchange, Reply};
use crate::guarded::Guarded;
use crate::mtls::ClientCertificate;
use crate::route::{Endpoint, Route};

pub use grant::Grant;

/// The requests that the emulator has answered.
///
/// ```
/// # use entra_emulator::{Emulator, Endpoint};
/// # let emulator = Emulator::start_blocking()?;
/// assert_eq!(emulator.log().count(|entry| entry.endpoint == Endpoint::Token), 0);
/// emulator.log().clear();
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
pub struct Log {
    kept: Guarded<Kept>,
    observer: Option<Observer>,
}

pub(crate) type Observer = Arc<dyn Fn(&Entry) + Send + Sync>;

#[derive(Default)]
struct Kept {
    entries: Vec<Entry>,
    arrived: u64,
    /// Kept apart, so that clearing the log does not hide them.
    unserved: Vec<String>,
}

/// One request and how it was answered. Holds no secret, code, assertion or token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Counts requests since the start, from 1; clearing the log does not start it again.
    pub number: u64,
    /// When it came, by the emulator's clock.
    pub at: SystemTime,
    /// What it went to.
    pub endpoint: Endpoint,
    /// HTTP method.
    pub method: String,
    /// The host that was asked, with its port.
    pub host: String,
    /// The path, without the query.
    pub path: String,
    /// The tenant of the path, as written (in lower case).
    pub tenant: Option<String>,
    /// The grant of a token request.
    pub grant: Option<Grant>,
    /// The client id as sent.
    pub client_id: Option<String>,
    /// The client's name in the directory.
    pub client: Option<String>,
    /// The scope as sent.
    pub scope: Option<String>,
    /// What a token request is for, in words: `blueprint for agent-one`, `on behalf of a user`.
    pub leg: Option<String>,
    /// Fields of the form, or of the query where there is no form; secrets read `[redacted]`.
    pub fields: Vec<(String, String)>,
    /// Headers, without those that carry secrets.
    pub headers: Vec<(String, String)>,
    /// `client-request-id` as sent, or the id the emulator gave.
    pub correlation_id: String,
    /// The answer's status; `None` while there is none, and where none came: the client left, or the script reset the connection.
    pub status: Option<u16>,
    /// The AADSTS number of a refusal.
    pub aadsts: Option<u32>,
    /// The SHA-256 of the certificate that the client showed when it connected, as `x5t#S256`.
    pub client_certificate: Option<String>,
    /// The scripted fault that was played.
    pub fault: Option<&'static str>,
}

impl Log {
    pub(crate) fn new(observer: Option<Observer>) -> Self {
        Self { kept: Guarded::new(Kept::default()), observer }
    }

    /// Everything since the start or the last [`clear`](Self::clear), in the order of arrival.
    pub fn entries(&self) -> Vec<Entry> {
        self.kept.lock().entries.clone()
    }

    /// Only the requests to the token endpoint.
    pub fn token_requests(&self) -> Vec<Entry> {
        self.kept.lock().entries.iter().filter(|entry| entry.endpoint == Endpoint::Token).cloned().collect()
    }

    /// How many requests are like that.
    pub fn count(&self, is_counted: impl Fn(&Entry) -> bool) -> usize {
        self.kept.lock().entries.iter().filter(|entry| is_counted(entry)).count()
    }

    /// How many requests went to the token endpoint.
    pub fn count_tokens(&self) -> usize {
        self.count(|entry| entry.endpoint == Endpoint::Token)
    }

    /// Forgets what came so far.
    pub fn clear(&self) {
        self.kept.lock().entries.clear();
    }

    /// Requests to paths that the emulator does not serve, since the start: `GET /favicon.ico`.
    pub fn unserved(&self) -> Vec<String> {
        self.kept.lock().unserved.clone()
    }

    /// Keeps a request the moment it is read, so that the order is that of arrival.
    pub(crate) fn arrived(&self, mut entry: Entry) -> Waiting<'_> {
        let mut kept = self.kept.lock();
        kept.arrived += 1;
        entry.number = kept.arrived;
        if entry.endpoint == Endpoint::Unserved {
            kept.unserved.push(format!("{} {}", entry.method, entry.path));
        }
        kept.entries.push(entry);
        Waiting { log: self, number: kept.arrived, status: None, aadsts: None }
    }

    fn ended(&self, number: u64, status: Option<u16>, aadsts: Option<u32>) {
        let mut kept = self.kept.lock();
        // The log may have been cleared meanwhile.
        let Some(entry) = kept.entries.iter_mut().rev().find(|entry| entry.number == number) else { return };
        (entry.status, entry.aadsts) = (status, aadsts);
        let entry = entry.clone();
        drop(kept);
        if let Some(observer) = &self.observer {
            observer(&entry);
        }
    }
}

/// A request that has come and has no answer yet. One that is dropped never gets one: the client has gone.
pub(crate) struct Waiting<'a> {
    log: &'a Log,
    number: u64,
    status: Option<u16>,
    aadsts: Option<u32>,
}

impl Waiting<'_> {
    pub(crate) fn answered(mut self, reply: &Reply) {
        (self.status, self.aadsts) = (Some(reply.status.as_u16()), reply.aadsts);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.log.ended(self.number, self.status, self.aadsts);
    }
}

impl Entry {
    pub(crate) fn of(exchange: &Exchange, directory: &Directory) -> Self {
        let asked = if exchange.form.iter().next().is_some() { &exchange.form } else { &exchange.query };
        let client: Option<&App> = asked.get("client_id").and_then(|id| directory.client(id));
        let is_token = matches!(exchange.route, Route::Token { .. });
        Self {
            number: 0,
            at: exchange.now,
            endpoint: exchange.route.endpoint(),
            method: exchange.method.to_string(),
            host: exchange.origin.asked().split_once("://").map_or("", |(_, host)| host).to_owned(),
            path: exchange.path.clone(),
            tenant: exchange.route.tenant().map(str::to_owned),
            grant: asked.get("grant_type").filter(|_| is_token).map(Grant::of),
            client_id: asked.get("client_id").map(str::to_owned),
            client: client.map(|app| app.label().to_owned()),
            // A host is asked for a resource, and for nothing in particular there.
            scope: asked.get("scope").or_else(|| asked.get("resource")).map(str::to_owned),
            leg: if is_token { leg::of(asked, client, directory) } else { None },
            fields: asked.iter().map(|(name, value)| (name.to_owned(), shown(name, value))).collect(),
            headers: kept_headers(&exchange.headers),
            correlation_id: exchange.correlation_id.clone(),
            status: None,
            aadsts: None,
            client_certificate: exchange.client_certificate.as_ref().map(ClientCertificate::thumbprint),
            fault: None,
        }
    }

    /// A field of the form, redacted where it is secret.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A header; names are in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `  3 token     blueprint for agent-one      assistant-blueprint @ contoso.example  api://AzureADTokenExchange/.default -> 200`
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3} {:<9} ", self.number, self.endpoint)?;
        match &self.leg {
            Some(leg) => write!(
                f,
                "{leg:<28} {} @ {}  {}",
                self.client.as_deref().or(self.client_id.as_deref()).unwrap_or("nobody"),
                self.tenant.as_deref().unwrap_or("-"),
                self.scope.as_deref().unwrap_or("-")
            )?,
            None => write!(f, "{} {}", self.method, self.path)?,
        }
        match self.status {
            Some(status) => write!(f, " -> {status}")?,
            None => f.write_str(" -> no answer")?,
        }
        if let Some(number) = self.aadsts {
            write!(f, " AADSTS{number}")?;
        }
        match self.fault {
            Some(fault) => write!(f, " (scripted: {fault})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries().iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries().iter().map(ToString::to_string)).finish()
    }
}

/// Only fields that are known to be harmless are shown: a field nobody thought of may be a secret.
fn shown(name: &str, value: &str) -> String {
    if SHOWN.contains(&name.to_ascii_lowercase().as_str()) {
        value.to_owned()
    } else {
        "[redacted]".to_owned()
    }
}

const SHOWN: [&str; 43] = [
    "api-version",
    "attributes",
    "authorization_endpoint",
    "claims",
    "client_assertion_type",
    "client_id",
    "client_info",
    "clientid",
    "client-request-id",
    "code_challenge_method",
    "cred-api-version",
    "domain_hint",
    "fmi_path",
    "grant_type",
    "instance_aware",
    "mi_res_id",
    "msi_res_id",
    "object_id",
    "post_logout_redirect_uri",
    "principalid",
    "prompt",
    "redirect_uri",
    "req_cnf",
    "requested_token_use",
    "resource",
    "response_mode",
    "response_type",
    "return_spa_code",
    "scope",
    "serviceconnectionid",
    "slice",
    "token_sha256_to_refresh",
    "token_type",
    "user_id",
    "x-app-name",
    "x-app-ver",
    "x-client-cpu",
    "x-client-current-telemetry",
    "x-client-os",
    "x-client-sku",
    "x-client-ver",
    "x-ms-lib-capability",
    "xms_cc",
];

const SECRETS: [&str; 5] = ["authorization", "cookie", "proxy-authorization", "secret", "x-identity-header"];

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !SECRETS.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}
