//! App Service, Functions and Container Apps: an endpoint beside the program, and a secret in its
//! environment (version 2019-08-01; the older one has the form of [`AzureMl`](super::azure_ml::AzureMl)).
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured, Secret};
use url::Url;

use super::{
    ask::{Ask, Outgoing, endpoint},
    source::variable,
};

#[derive(Debug)]
pub(super) struct AppService {
    endpoint: Url,
    secret: Secret,
}

impl AppService {
    pub(super) const NAME: &str = "App Service";

    pub(super) fn from_environment(environment: &Environment) -> Result<Option<Self>, Misconfigured> {
        let (Some(url), Some(secret)) =
            (variable(environment, "IDENTITY_ENDPOINT"), variable(environment, "IDENTITY_HEADER"))
        else {
            return Ok(None);
        };
        let endpoint = endpoint("IDENTITY_ENDPOINT", url, Self::NAME)?;
        Ok(Some(Self { endpoint, secret: Secret::new(secret) }))
    }

    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        let mut request = Outgoing::get(&self.endpoint, "2019-08-01", ask);
        match ask.id {
            ManagedIdentityId::System => {}
            ManagedIdentityId::ClientId(id) => request.query("client_id", id.as_str()),
            ManagedIdentityId::ResourceId(id) => request.query("mi_res_id", id.as_str()),
            ManagedIdentityId::ObjectId(id) => request.query("object_id", id.as_str()),
        }
        request.secret("x-identity-header", &self.secret).map_err(|fault| fault.at("IDENTITY_HEADER"))?;
        Ok(request)
    }
}
