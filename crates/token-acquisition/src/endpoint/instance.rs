//! Asks Entra whether a login host that is not known by heart is one of its own.
//!
//! The answer decides what the host is, never where a secret goes: names that the document holds
//! are not followed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{Authority, Clock, Cloud};
use http::header;
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};
use url::Url;

use super::Wanted;
use crate::{http::read_capped, telemetry};

/// Whose a login host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Entra's, or taken for it, because Entra could not be asked.
    Entra,
    Another,
}

/// One host's question to Entra, and the answer.
#[derive(Debug)]
pub(super) struct InstanceDiscovery {
    clock: Arc<dyn Clock>,
    again_after: Duration,
    /// With the time at which it ends; what Entra calls its own stays so. Held while Entra is asked,
    /// so that callers who come together ask once.
    answer: Mutex<Option<(Owner, Option<SystemTime>)>>,
}

/// A question on the way to a token must not hold it up for long.
const BUDGET: Duration = Duration::from_secs(3);

const LARGEST_DOCUMENT: usize = 256 * 1024;

/// Hosts of Entra beside those of its clouds: for tests of Microsoft's own, and for guests between
/// the public cloud and the US government's.
const OTHERS: [&str; 4] = [
    "login-us.microsoftonline.com",
    "login.windows-ppe.net",
    "sts.windows-ppe.net",
    "login.microsoft-ppe.com",
];

pub(super) fn is_known(host: &str) -> bool {
    Cloud::of_host(host).is_some() || OTHERS.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// What the document says, as far as it is used.
#[derive(Default, Deserialize)]
struct Document {
    error: Option<String>,
}

impl InstanceDiscovery {
    pub(super) fn new(clock: Arc<dyn Clock>, again_after: Duration) -> Self {
        Self { clock, again_after, answer: Mutex::default() }
    }

    pub(super) async fn owner(
        &self,
        authority: &Authority,
        wanted: Wanted<'_>,
        client: &reqwest::Client,
    ) -> Owner {
        let mut answer = self.answer.lock().await;
        if let Some((owner, until)) = *answer
            && until.is_none_or(|until| self.clock.now() < until)
        {
            return owner;
        }
        let asked = timeout(BUDGET, ask(authority, wanted, client)).await.unwrap_or(None);
        let until = self.clock.now().checked_add(self.again_after);
        let settled = match asked {
            Some(Owner::Entra) => (Owner::Entra, None),
            Some(Owner::Another) => (Owner::Another, until),
            None => {
                telemetry::instance_unknown(authority.host(), wanted.correlation_id);
                (Owner::Entra, until)
            }
        };
        *answer = Some(settled);
        settled.0
    }
}

/// What Entra says; nothing where it does not.
async fn ask(authority: &Authority, wanted: Wanted<'_>, client: &reqwest::Client) -> Option<Owner> {
    let mut url = Url::parse("https://login.microsoftonline.com/common/discovery/instance").ok()?;
    let endpoint = authority.authorize_endpoint(wanted.tenant)?;
    url.query_pairs_mut()
        .append_pair("api-version", "1.1")
        .append_pair("authorization_endpoint", endpoint.as_str());
    let request = client
        .get(url)
        .header(header::ACCEPT, "application/json")
        .header("client-request-id", wanted.correlation_id.to_string())
        .header("return-client-request-id", "true");
    let response = request.send().await.ok()?;
    let status = response.status();
    let document = read_capped(response, LARGEST_DOCUMENT).await.ok()??;
    let document: Document = serde_json::from_slice(&document).ok()?;
    match document.error.as_deref() {
        None if status.is_success() => Some(Owner::Entra),
        Some("invalid_instance") => Some(Owner::Another),
        _ => None,
    }
}
