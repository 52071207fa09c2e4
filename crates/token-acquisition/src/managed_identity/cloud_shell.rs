//! Azure Cloud Shell: the identity of the person at the shell, behind the endpoint in
//! `MSI_ENDPOINT`. <https://learn.microsoft.com/azure/cloud-shell/msi-authorization>

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::{
    ask::{Ask, Body, Outgoing, endpoint, unsupported},
    source::variable,
};
use crate::wire::Form;

#[derive(Debug)]
pub(super) struct CloudShell {
    endpoint: Url,
}

impl CloudShell {
    pub(super) const NAME: &str = "Cloud Shell";

    pub(super) fn from_environment(environment: &Environment) -> Result<Option<Self>, Misconfigured> {
        let Some(url) = variable(environment, "MSI_ENDPOINT") else { return Ok(None) };
        Ok(Some(Self { endpoint: endpoint("MSI_ENDPOINT", url, Self::NAME)? }))
    }

    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        if *ask.id != ManagedIdentityId::System {
            return Err(unsupported(Self::NAME, ask.id, "ask for the system-assigned identity"));
        }
        let mut form = Form::default();
        form.set("resource", ask.resource());
        let body = Body { kind: "application/x-www-form-urlencoded", text: form.encode() };
        let (url, headers) = (self.endpoint.clone(), HeaderMap::new());
        let mut request = Outgoing { method: Method::POST, url, headers, body: Some(body) }.metadata();
        // Beside the real content type, as the shells' endpoints were written for.
        request.headers.insert("contenttype", HeaderValue::from_static("application/x-www-form-urlencoded"));
        Ok(request)
    }
}
