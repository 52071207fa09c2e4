//! The instance metadata service of virtual machines, scale sets and Kubernetes nodes.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http>

use entra_abstractions::{Environment, ManagedIdentityId, Misconfigured};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::ask::{Ask, Body, Outgoing, endpoint};

#[derive(Debug)]
pub(super) struct Imds {
    endpoint: Url,
}

/// Set where a pod's requests go to an agent of the cluster instead.
const HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const ADDRESS: &str = "http://169.254.169.254";

impl Imds {
    pub(super) const NAME: &str = "the instance metadata service";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Misconfigured> {
        let host = environment.get(HOST).filter(|host| !host.trim().is_empty()).unwrap_or(ADDRESS);
        let mut endpoint = endpoint(HOST, host, Self::NAME)?;
        endpoint.set_path("/metadata/identity/oauth2/token");
        Ok(Self { endpoint })
    }

    pub(super) fn request(&self, ask: &Ask<'_>) -> Outgoing {
        Self::identified(Outgoing::get(&self.endpoint, "2018-02-01", ask), ask)
    }

    /// A request to what issues certificates, which came with version 2.
    pub(super) fn credential_request(&self, path: &str, body: Option<Body>, ask: &Ask<'_>) -> Outgoing {
        let mut url = self.endpoint.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair("cred-api-version", "2.0");
        let method = if body.is_some() { Method::POST } else { Method::GET };
        Self::identified(Outgoing { method, url, headers: HeaderMap::new(), body }, ask)
    }

    /// Says which identity is meant, and who asks.
    fn identified(request: Outgoing, ask: &Ask<'_>) -> Outgoing {
        let mut request = request.metadata();
        match ask.id {
            ManagedIdentityId::System => {}
            ManagedIdentityId::ClientId(id) => request.query("client_id", id.as_str()),
            ManagedIdentityId::ResourceId(id) => request.query("msi_res_id", id.as_str()),
            ManagedIdentityId::ObjectId(id) => request.query("object_id", id.as_str()),
        }
        request.headers.insert("x-client-sku", HeaderValue::from_static("entra-rs"));
        request.headers.insert("x-client-ver", HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        if let Ok(id) = HeaderValue::from_str(&ask.correlation_id.to_string()) {
            request.headers.insert("x-ms-client-request-id", id);
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use entra_abstractions::Scopes;

    use super::{super::ask::tests::ask, *};

    #[test]
    fn each_form_of_id_has_its_parameter() {
        let scopes = Scopes::try_from("https://vault.azure.net/.default").unwrap();
        let imds = Imds::from_environment(&Environment::empty()).unwrap();
        let check = |id: ManagedIdentityId, expected: &str| {
            let request = imds.request(&ask(&id, &scopes));
            let known = "http://169.254.169.254/metadata/identity/oauth2/token\
                         ?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";
            assert_eq!(request.url.as_str(), format!("{known}{expected}"));
            assert_eq!(request.headers["metadata"], "true");
        };
        check(ManagedIdentityId::System, "");
        check(ManagedIdentityId::client_id("6666").unwrap(), "&client_id=6666");
        check(ManagedIdentityId::object_id("o-1").unwrap(), "&object_id=o-1");
        check(ManagedIdentityId::resource_id("/s/a&b=c").unwrap(), "&msi_res_id=%2Fs%2Fa%26b%3Dc");
    }

    #[test]
    fn certificates_are_asked_for_in_its_second_version() {
        let scopes = Scopes::try_from("https://vault.azure.net/.default").unwrap();
        let imds = Imds::from_environment(&Environment::empty()).unwrap();
        let id = ManagedIdentityId::client_id("6666").unwrap();
        let path = "/metadata/identity/getplatformmetadata";
        let request = imds.credential_request(path, None, &ask(&id, &scopes));
        let expected = format!("http://169.254.169.254{path}?cred-api-version=2.0&client_id=6666");
        assert_eq!((request.url.as_str(), request.method), (&*expected, Method::GET));
        assert_eq!(request.headers["metadata"], "true");
    }

    #[test]
    fn its_address_is_a_value() {
        let elsewhere = Environment::from_pairs([(HOST, "http://127.0.0.1:4711/")]);
        let imds = Imds::from_environment(&elsewhere).unwrap();
        assert_eq!(imds.endpoint.as_str(), "http://127.0.0.1:4711/metadata/identity/oauth2/token");
        assert!(Imds::from_environment(&Environment::from_pairs([(HOST, "nowhere")])).is_err());
    }
}
