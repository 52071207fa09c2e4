//! The acquirer that knows agents: it hands each agent's requests to a light acquirer of the
//! agent's own, and everything else to the application's.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{
    AcquireToken, Acquiring, AgentId, AgentSubject, BindTokens, Binding, FmiPath, Misconfigured, Scopes,
    SessionKey, Subject, TokenError, TokenRequest,
};
use entra_token_acquisition::{Explanation, TOKEN_EXCHANGE_SCOPE, TokenAcquirer};
use foldhash::fast::RandomState;
use papaya::HashMap;

use crate::assertion::BlueprintAssertion;

/// Acquires tokens as an application, the *blueprint*, and as any of its agents.
///
/// One serves any number of agents and tenants; all share the blueprint's cache, so that a warm
/// agent costs no request. Clone it freely.
///
/// ```no_run
/// use entra_abstractions::{AcquireToken, Scopes, TokenRequest};
/// use entra_agent_identities::{AgentIdentities, WithAgentIdentity};
/// # async fn run(blueprint: entra_token_acquisition::TokenAcquirer) -> Result<(), entra_abstractions::TokenError> {
///
/// let tokens = AgentIdentities::new(blueprint);
/// let request = TokenRequest::as_app(Scopes::try_from("https://graph.microsoft.com/.default")?)
///     .with_agent_identity("33333333-3333-4333-8333-333333333333");
/// let header = tokens.acquire(&request).await?.authorization_header();
/// # drop(header);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "AddAgentIdentities")]
#[derive(Debug, Clone)]
pub struct AgentIdentities {
    blueprint: TokenAcquirer,
    agents: Arc<HashMap<AgentId, TokenAcquirer, RandomState>>,
}

/// Agents' acquirers are light and made again at need; beyond this many they are.
const MOST: usize = 10_000;

impl AgentIdentities {
    /// Teaches an application's acquirer its agents.
    pub fn new(blueprint: TokenAcquirer) -> Self {
        let agents = HashMap::builder().hasher(RandomState::default()).build();
        Self { blueprint, agents: Arc::new(agents) }
    }

    /// The application's own acquirer.
    pub fn blueprint(&self) -> &TokenAcquirer {
        &self.blueprint
    }

    /// Ends a long-running session that this agent kept on behalf of a user; see
    /// [`TokenAcquirer::end_session`]. The application's own sessions are ended there.
    ///
    /// # Errors
    /// [`TokenError::Unavailable`] when the store cannot be reached; try again later.
    pub async fn end_session(&self, agent: &AgentId, key: &SessionKey) -> Result<bool, TokenError> {
        let acquirer = self.agents.pin().get(agent).cloned();
        acquirer.unwrap_or_else(|| self.learn(agent)).end_session(key).await
    }

    /// What would be done for a request, and why; see [`TokenAcquirer::explain`]. For an agent's
    /// request, [`legs`](Explanation::legs) say the same of the tokens that it needs before.
    pub fn explain(&self, request: &TokenRequest) -> Explanation {
        let acquirer = self.acquirer_of(request);
        let mut explanation = acquirer.explain(request);
        let legs = self.legs(request, &acquirer, &explanation);
        explanation.legs = legs.iter().map(|(acquirer, leg)| acquirer.explain(leg)).collect();
        explanation
    }

    /// As [`explain`](Self::explain), but the shared store is asked, once for each leg, what it has;
    /// see [`TokenAcquirer::explain_with_store`].
    pub async fn explain_with_store(&self, request: &TokenRequest) -> Explanation {
        let acquirer = self.acquirer_of(request);
        let mut explanation = acquirer.explain_with_store(request).await;
        for (acquirer, leg) in self.legs(request, &acquirer, &explanation) {
            explanation.legs.push(acquirer.explain_with_store(&leg).await);
        }
        explanation
    }

    fn acquirer_of(&self, request: &TokenRequest) -> TokenAcquirer {
        match &request.subject {
            Subject::Agent(agent, _) => {
                self.agents.pin().get(agent).cloned().unwrap_or_else(|| self.acting_as(agent))
            }
            Subject::App | Subject::User(_) | Subject::ManagedIdentity(_) => self.blueprint.clone(),
        }
    }

    /// The tokens that an agent's token needs before, and who acquires each.
    fn legs(
        &self,
        request: &TokenRequest,
        acquirer: &TokenAcquirer,
        explanation: &Explanation,
    ) -> Vec<(TokenAcquirer, TokenRequest)> {
        let (Subject::Agent(agent, subject), Some(tenant)) = (&request.subject, &explanation.tenant) else {
            return Vec::new();
        };
        let Ok(exchange) = Scopes::try_from(TOKEN_EXCHANGE_SCOPE).map(TokenRequest::as_app) else {
            return Vec::new();
        };
        let exchange = exchange.tenant(tenant.clone());
        let vouching = exchange.clone().fmi_path(FmiPath::from(agent));
        let mut legs = vec![(self.blueprint.clone(), vouching)];
        if matches!(subject, AgentSubject::AgentUser(_)) {
            legs.push((acquirer.clone(), exchange));
        }
        legs
    }

    fn acting_as(&self, agent: &AgentId) -> TokenAcquirer {
        let proof = Arc::new(BlueprintAssertion::new(self.blueprint.clone(), agent.clone()));
        self.blueprint.acting_as(agent, proof)
    }

    #[cold]
    fn learn(&self, agent: &AgentId) -> TokenAcquirer {
        let acquirer = self.acting_as(agent);
        let agents = self.agents.pin();
        if agents.len() >= MOST {
            agents.clear();
        }
        agents.get_or_insert(agent.clone(), acquirer).clone()
    }
}

impl AcquireToken for AgentIdentities {
    fn acquire<'a>(&'a self, request: &'a TokenRequest) -> Acquiring<'a> {
        let Subject::Agent(agent, _) = &request.subject else {
            return self.blueprint.acquire(request);
        };
        // Within the guard: on a hit nothing is cloned but the token.
        match self.agents.pin().get(agent) {
            Some(acquirer) => acquirer.acquire_detached(request),
            None => self.learn(agent).acquire_detached(request),
        }
    }

    fn binder(&self) -> Option<&dyn BindTokens> {
        Some(self)
    }
}

#[async_trait]
impl BindTokens for AgentIdentities {
    /// An agent's token is bound to its blueprint's certificate.
    fn check(&self, request: &TokenRequest) -> Result<(), Misconfigured> {
        if matches!(request.subject, Subject::Agent(..)) {
            // Its own acquirer knows which of an agent's tokens can be bound, but not by which credential.
            self.acquirer_of(request).check(request)?;
        }
        let subject = match &request.subject {
            Subject::Agent(..) => Subject::App,
            other => other.clone(),
        };
        self.blueprint.check(&TokenRequest { subject, ..request.clone() })
    }

    fn check_certificate(&self) -> Result<(), Misconfigured> {
        self.blueprint.check_certificate()
    }

    async fn binding(&self) -> Result<Binding, TokenError> {
        self.blueprint.binding().await
    }
}

#[cfg(test)]
mod tests {
    use entra_token_acquisition::Application;

    use super::*;

    #[test]
    fn many_agents_are_not_kept_for_ever() {
        let application = Application::builder()
            .tenant("contoso.example")
            .client_id("22222222-2222-4222-8222-222222222222")
            .secret("s3cret?%G&=")
            .build()
            .unwrap();
        let agents = AgentIdentities::new(TokenAcquirer::builder(application).build().unwrap());
        for number in 0..=MOST {
            let agent = AgentId::new(format!("agent-{number}")).unwrap();
            drop(agents.learn(&agent));
        }
        assert_eq!(agents.agents.pin().len(), 1);
    }
}
