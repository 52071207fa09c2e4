//! Leg one: the blueprint's token for an agent, as the agent's proof of who it is.

use async_trait::async_trait;
use entra_abstractions::{
    AgentId, AssertionContext, BindTokens, FmiPath, Misconfigured, ProvideAssertion, Scheme, Scopes,
    SignedAssertion, TokenError, TokenRequest,
};
use entra_token_acquisition::{TOKEN_EXCHANGE_SCOPE, TokenAcquirer};

/// An agent has no credential of its own. Its blueprint vouches for it with a token whose
/// `fmi_path` names the agent: a token like any other, so it is cached like any other.
/// <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-autonomous-app-oauth-flow>
#[derive(Debug)]
pub(crate) struct BlueprintAssertion {
    blueprint: TokenAcquirer,
    agent: AgentId,
}

impl BlueprintAssertion {
    pub(crate) fn new(blueprint: TokenAcquirer, agent: AgentId) -> Self {
        Self { blueprint, agent }
    }
}

#[async_trait]
impl ProvideAssertion for BlueprintAssertion {
    async fn assertion(&self, context: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        let mut request = TokenRequest::as_app(Scopes::try_from(TOKEN_EXCHANGE_SCOPE)?)
            .fmi_path(FmiPath::from(&self.agent))
            .correlation_id(context.correlation_id);
        request.force_refresh = context.force_refresh;
        // The leg that uses the proof and the leg that gives it must be of one tenant.
        request.tenant.clone_from(&context.tenant);
        if context.is_bound {
            // A bound token is asked for with an assertion that is bound to the same certificate.
            request.scheme = Scheme::MtlsPop;
        }
        let token = self.blueprint.acquire_detached(&request).await.map_err(|error| {
            error.in_leg(format!("leg one: the blueprint vouches for agent {}", self.agent))
        })?;
        let assertion = SignedAssertion::new(token.secret().to_secret()).with_expiry(token.expires_at());
        Ok(match token.binding() {
            Some(binding) => assertion.bound_to(binding.clone()),
            None => assertion,
        })
    }

    fn check_bound(&self) -> Result<(), Misconfigured> {
        let exchange = TokenRequest::as_app(Scopes::try_from(TOKEN_EXCHANGE_SCOPE)?);
        self.blueprint.check(&exchange.fmi_path(FmiPath::from(&self.agent)))
    }
}
