//! The assertion of an Azure DevOps service connection: within a pipeline, the pipeline vouches for
//! the application.

use std::fmt;

use async_trait::async_trait;
use entra_abstractions::{
    AssertionContext, Environment, Exchange, Misconfigured, ProvideAssertion, Rejected, Secret,
    SignedAssertion, TokenError, Unavailable, is_guid, is_safe,
};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::http::read_capped;

/// Asks the pipeline for a token, for each request to Entra: it lives for some minutes only.
pub(super) struct PipelineAssertion {
    http: reqwest::Client,
    url: Url,
    token: Secret,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "oidcToken")]
    oidc_token: String,
}

const LARGEST: usize = 256 * 1024;

impl PipelineAssertion {
    /// For a service connection of this id, in the pipeline that set these variables.
    pub(super) fn new(
        service_connection: &str,
        environment: &Environment,
        http: reqwest::Client,
    ) -> Result<Self, Misconfigured> {
        if !is_guid(service_connection) {
            return Err(Misconfigured::new("the service connection's id is not a GUID")
                .hint("it stands in the address of the connection's page in Azure DevOps"));
        }
        let variable = |name: &str| {
            environment.get(name).filter(|value| !value.trim().is_empty()).ok_or_else(|| {
                Misconfigured::new(format!("{name} is not set")).hint(
                    "run in an Azure pipeline, and pass System.AccessToken to the step as SYSTEM_ACCESSTOKEN",
                )
            })
        };
        let mut url = Url::parse(variable(URI)?).ok().filter(is_safe).ok_or_else(|| {
            Misconfigured::new(format!("{URI} is not an https URL")).hint("run in an Azure pipeline")
        })?;
        url.query_pairs_mut()
            .append_pair("api-version", "7.1")
            .append_pair("serviceConnectionId", service_connection);
        Ok(Self { http, url, token: variable(TOKEN)?.into() })
    }

    fn exchange(&self) -> Exchange {
        Exchange::new("pipeline token", self.url.host_str().unwrap_or_default())
    }
}

const URI: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";

#[async_trait]
impl ProvideAssertion for PipelineAssertion {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        let bearer = Secret::new(format!("Bearer {}", self.token.expose()));
        let mut authorization = HeaderValue::from_str(bearer.expose())
            .map_err(|error| Misconfigured::new(format!("{TOKEN} is no token")).with_source(error))?;
        authorization.set_sensitive(true);
        let request = self
            .http
            .post(self.url.clone())
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, 0)
            // Otherwise a refusal comes as a redirect to a page for people.
            .header("x-tfs-fedauthredirect", "Suppress");
        let broken = |error: reqwest::Error| {
            Unavailable::new(self.exchange(), "no connection").with_source(error.without_url())
        };
        let answer = request.send().await.map_err(broken)?;
        let status = answer.status();
        let text = |headers: &HeaderMap, name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let trace = text(answer.headers(), "x-vss-e2eid");
        let exchange = self.exchange().with_status(status.as_u16()).with_trace(trace.as_deref(), None);
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Unavailable::new(exchange, "the pipeline gives no token").into());
        }
        if !status.is_success() {
            return Err(Rejected::new(exchange.with_explanation(Some(REFUSED))).into());
        }
        let body = read_capped(answer, LARGEST).await.map_err(broken)?.map(Zeroizing::new);
        match body.and_then(|body| serde_json::from_slice::<Answer>(&body).ok()) {
            Some(answer) => Ok(SignedAssertion::new(answer.oidc_token)),
            None => Err(Unavailable::new(exchange, "the pipeline's answer cannot be read").into()),
        }
    }
}

const REFUSED: &str =
    "the pipeline may not use this service connection: authorise it, and pass System.AccessToken to the step";

impl fmt::Debug for PipelineAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineAssertion").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}
