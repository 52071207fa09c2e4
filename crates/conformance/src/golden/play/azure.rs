//! Steps that ask as the Azure SDK asks: through its trait, with scopes and a context.

use anyhow::{Context as _, Result, bail};
use azure_core::{
    credentials::{TokenCredential, TokenRequestOptions},
    http::{ClientMethodOptions, Context},
};
use entra_abstractions::{Claims, Misconfigured, TenantId, TokenError};
use entra_agent_identities::AgentIdentities;
use entra_azure_credential::EntraCredential;
use serde_json::{Map, Value, json};

use super::{Player, options, refused, token_failure};
use crate::golden::{outcome::Outcome, scenario::Step};

impl Player<'_> {
    /// Acquires the token of a step through the credential.
    pub(super) async fn azure(&self, step: &Step, tokens: &AgentIdentities) -> Result<Outcome> {
        let app = EntraCredential::new(tokens.clone());
        let agent_user = step.agent.as_ref().and_then(|agent| Some((agent, options::agent_user(agent)?)));
        let mut credential = if let Some((agent, user)) = agent_user {
            // The user of an agent is the agent's own: nobody need have called.
            app.as_agent_user(agent.app.as_str(), user)
        } else if options::wants_app_token(&step.options).unwrap_or_default() {
            options::with_agent(app, step)
        } else {
            match self.user(step)? {
                Ok(user) => options::with_agent(app.on_behalf_of(&user), step),
                Err(outcome) => return Ok(outcome),
            }
        };
        options::apply(credential.as_mut(), &step.options)?;
        if let Some(name) = step.options.keys().find(|name| !UNDERSTOOD.contains(&name.as_str())) {
            bail!("the option {name} is not understood");
        }
        let context = match context(&step.context)? {
            Ok(context) => context,
            Err(fault) => return Ok(refused(fault)),
        };
        let scopes: Vec<&str> = step.scopes.iter().map(String::as_str).collect();
        let said = TokenRequestOptions { method_options: ClientMethodOptions { context } };
        Ok(match credential.get_token(&scopes, Some(said)).await {
            Ok(token) => Outcome::Done(json!({"token": token.token.secret()})),
            Err(error) => {
                let error = TokenError::in_chain(&error).context("the error does not say who must act")?;
                Outcome::Failed(token_failure(error))
            }
        })
    }
}

const UNDERSTOOD: &[&str] = &["AcquireTokenOptions", "RequestAppToken"];

/// The SDK's context with what the step says in it.
fn context(said: &Map<String, Value>) -> Result<Result<Context<'static>, Misconfigured>> {
    let mut context = Context::new();
    for (name, value) in said {
        let text = || value.as_str().with_context(|| format!("{name} is no text"));
        match said_as(name).as_str() {
            "tenant" => match TenantId::new(text()?) {
                Ok(tenant) => context = context.with_value(tenant),
                Err(fault) => return Ok(Err(fault)),
            },
            "claims" => match Claims::new(text()?) {
                Ok(claims) => context = context.with_value(claims),
                Err(fault) => return Ok(Err(fault)),
            },
            // An application says what it can do when it is built, not with each token.
            "iscaeenabled" => {}
            _ => bail!("the context's {name} is not understood"),
        }
    }
    Ok(Ok(context))
}

/// The name of a part of the context, however it is spelled: `TenantId`, `tenant_id`, `tenant`.
pub(crate) fn said_as(name: &str) -> String {
    let folded = name.replace('_', "").to_ascii_lowercase();
    if folded == "tenantid" { "tenant".to_owned() } else { folded }
}
