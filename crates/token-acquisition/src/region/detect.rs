//! Asks the machine's metadata service in which region it runs: once, with a short budget, and
//! again only some time after a failure.
//! <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{Clock, Misconfigured, safe_url};
use http::{HeaderValue, header};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};
use url::Url;

use super::{Detection, is_region};
use crate::{
    http::{build_local, reached, read_capped},
    telemetry,
    wire::RetryDelay,
};

/// Finds the region of this machine.
pub(crate) struct Detector {
    client: Client,
    /// Where it is reached, and in whose name.
    service: (Url, Option<HeaderValue>),
    clock: Arc<dyn Clock>,
    delay: RetryDelay,
    again_after: Duration,
    /// Held while the service is asked, so that callers who come together ask once.
    found: Mutex<Option<Found>>,
}

#[derive(Debug, Clone)]
enum Found {
    /// A machine does not move.
    Region(Arc<str>),
    NothingUntil(Option<SystemTime>),
}

/// Where no such service is, nobody answers at all.
const ATTEMPT: Duration = Duration::from_secs(2);

/// A caller who waits for a token waits no longer than this for its region.
const BUDGET: Duration = Duration::from_secs(4);

const LARGEST_ANSWER: usize = 256 * 1024;

const VERSION: &str = "2021-02-01";

/// How often a service that is busy is asked again.
const REPETITIONS: u32 = 3;

impl Detector {
    pub(super) fn new(around: Detection<'_>) -> Result<Self, Misconfigured> {
        // As for managed identity: the variable that leads a pod's requests to an agent of its cluster.
        const HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
        let host = around.environment.get(HOST).filter(|host| !host.trim().is_empty());
        let mut service = match host {
            Some(host) => safe_or_link_local(host).map_err(|fault| fault.at(HOST))?,
            None => safe_or_link_local(ADDRESS)?,
        };
        service.set_path("/metadata/instance/compute");
        Ok(Self {
            client: build_local(around.http, None)?,
            service: reached(around.http, &service),
            clock: around.clock,
            delay: around.delay,
            again_after: around.again_after,
            found: Mutex::default(),
        })
    }

    /// The region, where it was found before.
    pub(super) fn known(&self) -> Option<Arc<str>> {
        match &*self.found.try_lock().ok()? {
            Some(Found::Region(region)) => Some(Arc::clone(region)),
            _ => None,
        }
    }

    /// The region, where it can be had.
    pub(super) async fn region(&self) -> Option<Arc<str>> {
        let mut found = self.found.lock().await;
        match &*found {
            Some(Found::Region(region)) => return Some(Arc::clone(region)),
            Some(Found::NothingUntil(until)) if until.is_none_or(|until| self.clock.now() < until) => {
                return None;
            }
            _ => {}
        }
        let asked = timeout(BUDGET, self.ask()).await.unwrap_or(Err("no answer in time"));
        let region = match asked {
            Ok(location) => Some(Arc::from(location)),
            Err(why) => {
                telemetry::region_unknown(why);
                None
            }
        };
        *found = Some(match &region {
            Some(region) => Found::Region(Arc::clone(region)),
            None => Found::NothingUntil(self.clock.now().checked_add(self.again_after)),
        });
        region
    }

    async fn ask(&self) -> Result<String, &'static str> {
        let (mut status, mut body) = self.patiently(Some(VERSION)).await?;
        if status == StatusCode::BAD_REQUEST {
            // The version is no longer served: without one the service names those that are.
            let (_, versions) = self.patiently(None).await?;
            let versions = serde_json::from_slice::<Versions>(&versions).ok();
            let newest = versions.and_then(|versions| versions.newest.into_iter().next());
            let is_version = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            let newest =
                newest.filter(is_version).ok_or("the metadata service names no version of its own")?;
            (status, body) = self.patiently(Some(&newest)).await?;
        }
        if status != StatusCode::OK {
            return Err("the metadata service refused to answer");
        }
        let compute: Compute = serde_json::from_slice(&body)
            .map_err(|_broken| "an answer that the metadata service does not give")?;
        let location = compute.location.to_ascii_lowercase();
        if is_region(&location) { Ok(location) } else { Err("the metadata service names no region") }
    }

    /// A service that is busy is asked again, a little later each time.
    async fn patiently(&self, version: Option<&str>) -> Result<(StatusCode, Vec<u8>), &'static str> {
        let mut waits = 1;
        for _ in 0..REPETITIONS {
            let answer = self.once(version).await?;
            let is_busy = matches!(answer.0, StatusCode::GONE | StatusCode::TOO_MANY_REQUESTS);
            if !is_busy && !answer.0.is_server_error() {
                return Ok(answer);
            }
            for _ in 0..waits {
                self.delay.wait().await;
            }
            waits *= 2;
        }
        self.once(version).await
    }

    // Unlike .NET: silence is not asked again. Outside of Azure nobody would ever answer.
    async fn once(&self, version: Option<&str>) -> Result<(StatusCode, Vec<u8>), &'static str> {
        let (mut url, host) = self.service.clone();
        if let Some(version) = version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        let answer = async {
            let mut request = self.client.get(url).header("metadata", "true");
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let response = request.send().await.ok()?;
            let status = response.status();
            Some((status, read_capped(response, LARGEST_ANSWER).await.ok()??))
        };
        match timeout(ATTEMPT, answer).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err("no metadata service answers on this machine"),
        }
    }
}

#[derive(Deserialize)]
struct Compute {
    location: String,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(rename = "newest-versions")]
    newest: Vec<String>,
}

/// The service is on this machine's own link, where there is no https.
const ADDRESS: &str = "http://169.254.169.254";

fn safe_or_link_local(host: &str) -> Result<Url, Misconfigured> {
    match Url::parse(host.trim()) {
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(url),
        _ => safe_url(host, ADDRESS),
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector").field("service", &self.service.0.host_str()).finish_non_exhaustive()
    }
}
