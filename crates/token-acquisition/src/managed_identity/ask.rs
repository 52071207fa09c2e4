//! What a source is asked for, and the request that a source makes of it.

use entra_abstractions::{
    CorrelationId, ManagedIdentityId, Misconfigured, Parameter, Scopes, Secret, TokenHash,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

/// A token that a managed identity asks for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) id: &'a ManagedIdentityId,
    pub(crate) scopes: &'a Scopes,
    pub(crate) parameters: &'a [Parameter],
    /// What the program can do, such as `cp1`.
    pub(crate) capabilities: &'a [String],
    /// The token that an API refused.
    pub(crate) revoked: Option<TokenHash>,
    pub(crate) correlation_id: CorrelationId,
}

impl Ask<'_> {
    /// The resource of the one scope: the endpoints of hosts know resources and no scopes. One
    /// that is no `/.default` is itself taken for a resource, as in .NET.
    pub(super) fn resource(&self) -> &str {
        let scope = self.scopes.iter().next().unwrap_or_default();
        let tail =
            scope.len().checked_sub(DEFAULT.len()).and_then(|at| Some((scope.get(..at)?, scope.get(at..)?)));
        match tail {
            Some((resource, tail)) if tail.eq_ignore_ascii_case(DEFAULT) && !resource.is_empty() => resource,
            _ => scope,
        }
    }
}

const DEFAULT: &str = "/.default";

/// What is sent with a request, and what kind it is of.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) kind: &'static str,
    pub(super) text: Secret,
}

/// A request to the endpoint of a source.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Body>,
}

impl Outgoing {
    /// The request that nearly all sources want: the resource in the query, under a version.
    pub(super) fn get(endpoint: &Url, version: &str, ask: &Ask<'_>) -> Self {
        let mut url = endpoint.clone();
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", ask.resource());
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None }
    }

    pub(super) fn query(&mut self, name: &str, value: &str) {
        self.url.query_pairs_mut().append_pair(name, value);
    }

    /// `Metadata: true`, which nobody can make a browser or a redirect send.
    pub(super) fn metadata(mut self) -> Self {
        self.headers.insert("metadata", HeaderValue::from_static("true"));
        self
    }

    /// The secret by which the endpoint knows the programs of its host.
    pub(super) fn secret(&mut self, name: &'static str, secret: &Secret) -> Result<(), Misconfigured> {
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|error| {
            Misconfigured::new("the secret of the managed identity endpoint cannot stand in a header")
                .with_source(error)
        })?;
        value.set_sensitive(true);
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(())
    }
}

/// The URL in an environment variable of the host.
pub(super) fn endpoint(variable: &str, value: &str, source: &str) -> Result<Url, Misconfigured> {
    match Url::parse(value.trim()) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            Ok(url)
        }
        _ => Err(Misconfigured::new(format!("not the URL of a managed identity endpoint of {source}"))
            .at(variable)
            .hint("the host sets this environment variable: do not set it yourself")),
    }
}

/// Refuses an identity that a source cannot be asked for.
pub(super) fn unsupported(source: &str, id: &ManagedIdentityId, instead: &'static str) -> Misconfigured {
    Misconfigured::new(format!("{source} cannot be asked for {id}")).hint(instead)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ask<'a>(id: &'a ManagedIdentityId, scopes: &'a Scopes) -> Ask<'a> {
        Ask {
            id,
            scopes,
            parameters: &[],
            capabilities: &[],
            revoked: None,
            correlation_id: CorrelationId::random(),
        }
    }

    fn check(scope: &str, resource: &str) {
        let scopes = Scopes::try_from(scope).unwrap();
        assert_eq!(ask(&ManagedIdentityId::System, &scopes).resource(), resource);
    }

    #[test]
    fn a_scope_names_its_resource() {
        check("https://graph.microsoft.com/.default", "https://graph.microsoft.com");
        check("https://vault.azure.net//.Default", "https://vault.azure.net/");
        check("https://vault.azure.net", "https://vault.azure.net");
        check("api://orders/.default", "api://orders");
        check("/.default", "/.default");
    }

    #[test]
    fn an_endpoint_is_a_url() {
        assert!(endpoint("IDENTITY_ENDPOINT", " http://localhost:42356/msi/token/ ", "App Service").is_ok());
        for hostile in ["", "localhost:42356", "file:///etc/passwd", "http://u:s3cret@h", "http://"] {
            let error = endpoint("IDENTITY_ENDPOINT", hostile, "App Service").unwrap_err().to_string();
            assert!(
                error.starts_with("IDENTITY_ENDPOINT: not the URL of") && !error.contains("s3cret"),
                "{error}"
            );
        }
    }
}
