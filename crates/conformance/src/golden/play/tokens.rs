//! The bare steps: a token, or the header that shows it.

use std::sync::MutexGuard;

use anyhow::{Context, Result, anyhow, bail};
use entra_abstractions::{
    AccessToken, AcquireToken, AgentId, AgentUser, Binding, Scopes, SessionKey, Subject, TenantId,
    TokenRequest, User,
};
use entra_agent_identities::AgentIdentities;
use serde_json::{Value, json};

use super::{Player, options, refused, token_failure};
use crate::golden::{
    outcome::Outcome,
    scenario::{Call, SessionName, Step},
};

impl Player<'_> {
    /// Acquires the token of a step.
    pub(super) async fn token(&self, step: &Step, tokens: &AgentIdentities) -> Result<Outcome> {
        let mut request = match self.token_request(step)? {
            Ok(request) => request,
            Err(outcome) => return Ok(outcome),
        };
        options::apply(&mut request, &step.options)?;
        for (name, value) in &step.options {
            let scheme = options::scheme(value);
            match name.as_str() {
                "AcquireTokenOptions" | "RequestAppToken" | "Scopes" => {}
                "ProtocolScheme" if scheme.is_some() => request.scheme = scheme.unwrap_or(request.scheme),
                _ => bail!("the option {name} is not understood"),
            }
        }
        Ok(match tokens.acquire(&request).await {
            Err(error) => Outcome::Failed(token_failure(&error)),
            Ok(token) if matches!(step.call, Call::AcquireApp | Call::AcquireUser) => {
                Outcome::Done(members(&token))
            }
            Ok(token) => {
                let header = token.authorization_header();
                let header = header.to_str()?;
                Outcome::Done(match session_of(&request) {
                    None if step.call == Call::BoundHeader => {
                        let named =
                            |binding: &Binding| Some(self.server.certificate(binding.chain().first()?));
                        json!({"header": header, "binding_certificate": token.binding().and_then(named)})
                    }
                    None => json!({"header": header}),
                    Some(key) if self.allocated()?.as_ref() == Some(key) => {
                        json!({"header": header, "session_key": "<allocated>"})
                    }
                    Some(key) => json!({"header": header, "session_key": key.expose()}),
                })
            }
        })
    }

    fn token_request(&self, step: &Step) -> Result<Result<TokenRequest, Outcome>> {
        let words = step.options.get("Scopes").map(options::words);
        let scopes = match Scopes::new(words.as_ref().unwrap_or(&step.scopes)) {
            Ok(scopes) => scopes,
            Err(fault) => return Ok(Err(refused(fault))),
        };
        let as_app = match step.call {
            Call::AppHeader | Call::AcquireApp => true,
            Call::Header | Call::BoundHeader => options::wants_app_token(&step.options).unwrap_or_default(),
            _ => false,
        };
        if as_app {
            return Ok(Ok(options::with_agent(TokenRequest::as_app(scopes), step)));
        }
        // The user of an agent is the agent's own: nobody need have called.
        if let Some((agent, user)) =
            step.agent.as_ref().and_then(|agent| Some((agent, options::agent_user(agent)?)))
        {
            let named = AgentId::new(&agent.app).and_then(|agent| Ok((agent, AgentUser::try_from(user)?)));
            return Ok(named
                .map(|(agent, user)| TokenRequest::as_agent_user(scopes, agent, user))
                .map_err(refused));
        }
        let session = match self.session(step)? {
            Ok(session) => session,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let request = match (session, step.user.is_some()) {
            (Some(key), false) => TokenRequest::for_session(scopes, &key),
            (session, _) => {
                let user = match self.user(step)? {
                    Ok(user) => user,
                    Err(outcome) => return Ok(Err(outcome)),
                };
                let request = TokenRequest::on_behalf_of(scopes, &user);
                match session {
                    Some(key) => request.keep_as(key),
                    None => request,
                }
            }
        };
        Ok(Ok(options::with_agent(request, step)))
    }

    /// The session that a step begins or goes on with.
    pub(super) fn session(&self, step: &Step) -> Result<Result<Option<SessionKey>, Outcome>> {
        match (step.session_key, step.session()) {
            (Some(SessionName::Allocated), _) => {
                let key = self.allocated()?.clone().context("no step before had a key allocated")?;
                Ok(Ok(Some(key)))
            }
            // What .NET is asked for with a word, a program of ours asks for with a function.
            (None, Some("AllocateForMe")) => {
                let key = SessionKey::allocate();
                *self.allocated()? = Some(key.clone());
                Ok(Ok(Some(key)))
            }
            (None, Some(text)) => Ok(SessionKey::new(text).map(Some).map_err(refused)),
            (None, None) => Ok(Ok(None)),
        }
    }

    fn allocated(&self) -> Result<MutexGuard<'_, Option<SessionKey>>> {
        self.allocated.lock().map_err(|_poisoned| anyhow!("a step before broke off"))
    }
}

fn session_of(request: &TokenRequest) -> Option<&SessionKey> {
    match &request.subject {
        Subject::User(User::Session(key)) => Some(key),
        Subject::User(User::OnBehalfOf(user)) => user.keep_as.as_ref(),
        _ => None,
    }
}

/// What the token says of itself, as recordings write it.
fn members(token: &AccessToken) -> Value {
    json!({
        "access_token": token.secret().expose(),
        "tenant_id": token.tenant().map(TenantId::as_str),
        "scopes": token.scopes().collect::<Vec<_>>(),
        "token_type": token.scheme().as_str(),
        "has_id_token": token.id_token().is_some(),
    })
}
