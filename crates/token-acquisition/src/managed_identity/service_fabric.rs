//! Service Fabric: an endpoint of the cluster under a certificate that the cluster made itself; its
//! thumbprint stands in the environment.
//! <https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured, Secret};
use url::Url;

use super::{
    ask::{Ask, Outgoing, endpoint, unsupported},
    pinned::Thumbprint,
    source::variable,
};

#[derive(Debug)]
pub(super) struct ServiceFabric {
    endpoint: Url,
    secret: Secret,
    thumbprint: Thumbprint,
}

impl ServiceFabric {
    pub(super) const NAME: &str = "Service Fabric";

    pub(super) fn from_environment(environment: &Environment) -> Result<Option<Self>, Misconfigured> {
        let (Some(url), Some(secret), Some(thumbprint)) = (
            variable(environment, "IDENTITY_ENDPOINT"),
            variable(environment, "IDENTITY_HEADER"),
            variable(environment, "IDENTITY_SERVER_THUMBPRINT"),
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            endpoint: endpoint("IDENTITY_ENDPOINT", url, Self::NAME)?,
            secret: Secret::new(secret),
            thumbprint: Thumbprint::new(thumbprint),
        }))
    }

    /// The certificate that the endpoint must show.
    pub(super) fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The one source whose tokens can be revoked: it is told what the program can do, and which
    /// token an API no longer takes.
    /// <https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation>
    pub(super) fn request(&self, ask: &Ask<'_>) -> Result<Outgoing, Misconfigured> {
        let mut request = Outgoing::get(&self.endpoint, "2020-05-01", ask);
        match ask.id {
            ManagedIdentityId::System => {}
            ManagedIdentityId::ObjectId(id) => request.query("principalId", id.as_str()),
            id @ (ManagedIdentityId::ClientId(_) | ManagedIdentityId::ResourceId(_)) => {
                return Err(unsupported(Self::NAME, id, "name a user-assigned identity by its object id"));
            }
        }
        if !ask.capabilities.is_empty() {
            request.query("xms_cc", &ask.capabilities.join(","));
        }
        if let Some(refused) = &ask.revoked {
            request.query("token_sha256_to_refresh", &refused.to_string());
        }
        request.secret("secret", &self.secret).map_err(|fault| fault.at("IDENTITY_HEADER"))?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use entra_abstractions::{Scopes, TokenHash};

    use super::{super::ask::tests::ask, *};

    #[test]
    fn it_is_told_of_capabilities_and_of_a_token_that_is_over() {
        let environment = Environment::from_pairs([
            ("IDENTITY_ENDPOINT", "https://localhost:2377/metadata/identity/oauth2/token"),
            ("IDENTITY_HEADER", "s3cret?%G&="),
            ("IDENTITY_SERVER_THUMBPRINT", "ABCDEF"),
        ]);
        let fabric = ServiceFabric::from_environment(&environment).unwrap().unwrap();
        let scopes = Scopes::try_from("https://vault.azure.net/.default").unwrap();
        let id = ManagedIdentityId::object_id("o-1").unwrap();
        // The example of Microsoft's description of token revocation.
        let revoked = TokenHash::of(&Secret::new("test_token"));
        let capabilities = ["cp1".to_owned(), "cp2".to_owned()];
        let ask = Ask { capabilities: &capabilities, revoked: Some(revoked), ..ask(&id, &scopes) };
        let request = fabric.request(&ask).unwrap();
        assert_eq!(
            request.url.query().unwrap(),
            "api-version=2020-05-01&resource=https%3A%2F%2Fvault.azure.net&principalId=o-1\
             &xms_cc=cp1%2Ccp2\
             &token_sha256_to_refresh=cc0af97287543b65da2c7e1476426021826cab166f1e063ed012b855ff819656"
        );
        assert_eq!(request.headers["secret"], "s3cret?%G&=");
        assert!(!format!("{request:?} {fabric:?}").contains("s3cret"));
    }
}
