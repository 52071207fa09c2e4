//! A token as the application's proof: of a managed identity, or of another application that this one
//! trusts as a federated identity.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use entra_abstractions::{
    AcquireToken, AssertionContext, BindTokens, Misconfigured, ProvideAssertion, Scheme, Scopes,
    SignedAssertion, TokenError, TokenRequest,
};
use url::Url;

/// Whose token it is, and for which exchange.
pub(super) struct TokenAssertion {
    tokens: Arc<dyn AcquireToken>,
    scopes: Scopes,
    /// Where the other application is asked; a managed identity is of one tenant, and says nothing.
    host: Option<String>,
}

impl TokenAssertion {
    /// A managed identity, which must be federated with the application's registration.
    pub(super) fn of_managed_identity(
        tokens: Arc<dyn AcquireToken>,
        audience: &str,
    ) -> Result<Self, Misconfigured> {
        Ok(Self { tokens, scopes: exchange(audience)?, host: None })
    }

    /// Another application, which asks this host for its tokens.
    pub(super) fn of_application(
        tokens: Arc<dyn AcquireToken>,
        audience: &str,
        host: Option<String>,
    ) -> Result<Self, Misconfigured> {
        Ok(Self { tokens, scopes: exchange(audience)?, host })
    }

    fn binder(&self) -> Result<&dyn BindTokens, Misconfigured> {
        let binder = self.tokens.binder();
        binder.ok_or_else(|| Misconfigured::new("its tokens cannot be bound to a certificate"))
    }
}

#[async_trait]
impl ProvideAssertion for TokenAssertion {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        let mut request = TokenRequest::as_app(self.scopes.clone()).correlation_id(context.correlation_id);
        request.force_refresh = context.force_refresh;
        request.fmi_path.clone_from(&context.fmi_path);
        // A path below a federated identity is looked for in the tenant that is asked, but a tenant of
        // one cloud is unknown to another.
        if context.fmi_path.is_some() && self.host.is_some() && self.host == host_of(&context.token_endpoint)
        {
            request.tenant.clone_from(&context.tenant);
        }
        if context.is_bound {
            self.binder()?;
            request.scheme = Scheme::MtlsPop;
        }
        let token = self.tokens.acquire(&request).await?;
        let assertion = SignedAssertion::new(token.secret().to_secret()).with_expiry(token.expires_at());
        Ok(match token.binding() {
            Some(binding) => assertion.bound_to(binding.clone()),
            None => assertion,
        })
    }

    fn check_bound(&self) -> Result<(), Misconfigured> {
        let request = TokenRequest { scheme: Scheme::MtlsPop, ..TokenRequest::as_app(self.scopes.clone()) };
        self.binder()?.check(&request)
    }
}

fn exchange(audience: &str) -> Result<Scopes, Misconfigured> {
    let audience = audience.trim();
    let bare = audience.strip_suffix("/.default").unwrap_or(audience);
    if bare.is_empty() || bare.contains(char::is_whitespace) {
        return Err(Misconfigured::new("not the audience of a token exchange")
            .hint("leave TokenExchangeUrl out, or write it as api://AzureADTokenExchange"));
    }
    Scopes::try_from(format!("{bare}/.default").as_str())
}

fn host_of(endpoint: &str) -> Option<String> {
    Url::parse(endpoint).ok()?.host_str().map(str::to_owned)
}

impl fmt::Debug for TokenAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAssertion").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use entra_abstractions::{
        AccessToken, ClientId, CorrelationId, FmiPath, Scheme, Secret, TenantId, testing::FakeAcquirer,
    };

    use super::*;

    /// What the other application was asked.
    async fn asked(host: Option<&str>, fmi: bool, force: bool) -> TokenRequest {
        let token = AccessToken::new(
            Scheme::Bearer,
            Secret::new("inner"),
            SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000),
        );
        let inner = Arc::new(FakeAcquirer::new(move |_| Ok(token.clone()?)));
        let assertion = TokenAssertion::of_application(
            Arc::clone(&inner) as _,
            "api://AzureADTokenExchange",
            host.map(str::to_owned),
        )
        .unwrap();
        let client = ClientId::new("22222222-2222-4222-8222-222222222222").unwrap();
        let endpoint = "https://login.example/outer/oauth2/v2.0/token";
        let mut context = AssertionContext::new(client, endpoint, CorrelationId::random());
        context.tenant = Some(TenantId::new("outer").unwrap());
        context.force_refresh = force;
        context.fmi_path = fmi.then(|| FmiPath::new("a/path").unwrap());
        assert_eq!(assertion.assertion(&context).await.unwrap().token().expose(), "inner");
        let request = inner.requests().remove(0);
        assert_eq!(request.correlation_id, Some(context.correlation_id));
        assert!(request.claims.is_none(), "what the API asked for is not for this leg");
        request
    }

    #[tokio::test]
    async fn the_tenant_is_passed_on_with_a_path_and_within_a_cloud() {
        for (host, fmi, expected) in [
            (Some("login.example"), true, true),
            (Some("login.example"), false, false),
            (Some("login.other.example"), true, false),
            (None, true, false),
        ] {
            let request = asked(host, fmi, false).await;
            assert_eq!(request.tenant.is_some(), expected, "{host:?} {fmi}");
            assert_eq!(request.fmi_path.is_some(), fmi);
            assert_eq!(request.scopes.as_str(), "api://AzureADTokenExchange/.default");
        }
        assert!(asked(None, false, true).await.force_refresh);
    }

    #[test]
    fn the_exchange_has_its_default_scope_once() {
        for written in [
            "api://AzureADTokenExchange",
            "api://AzureADTokenExchange/.default",
            " api://AzureADTokenExchange ",
        ] {
            assert_eq!(exchange(written).unwrap().as_str(), "api://AzureADTokenExchange/.default");
        }
        assert!(exchange("two words").is_err());
    }
}
