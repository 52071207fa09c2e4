//! Azure Machine Learning, and App Service as it was before 2019: both set `MSI_ENDPOINT` and
//! `MSI_SECRET`, and speak version 2017-09-01.

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured, Secret};
use url::Url;

use super::{
    ask::{Ask, Outgoing, endpoint, unsupported},
    source::variable,
};

#[derive(Debug)]
pub(super) struct AzureMl {
    endpoint: Url,
    secret: Secret,
    /// The identity of a compute instance where none is named.
    default_client_id: Option<String>,
}

impl AzureMl {
    pub(super) const NAME: &str = "Azure Machine Learning";

    pub(super) fn from_environment(environment: &Environment) -> Result<Option<Self>, Misconfigured> {
        let (Some(url), Some(secret)) =
            (variable(environment, "MSI_ENDPOINT"), variable(environment, "MSI_SECRET"))
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            endpoint: endpoint("MSI_ENDPOINT", url, Self::NAME)?,
            secret: Secret::new(secret),
            default_client_id: variable(environment, "DEFAULT_IDENTITY_CLIENT_ID").map(str::to_owned),
        }))
    }

    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        let mut request = Outgoing::get(&self.endpoint, "2017-09-01", ask).metadata();
        match (ask.id, &self.default_client_id) {
            (ManagedIdentityId::System, None) => {}
            (ManagedIdentityId::System, Some(id)) => request.query("clientid", id),
            (ManagedIdentityId::ClientId(id), _) => request.query("clientid", id.as_str()),
            (id @ (ManagedIdentityId::ResourceId(_) | ManagedIdentityId::ObjectId(_)), _) => {
                return Err(unsupported(Self::NAME, id, "name a user-assigned identity by its client id"));
            }
        }
        request.secret("secret", &self.secret).map_err(|fault| fault.at("MSI_SECRET"))?;
        Ok(request)
    }
}
