//! Steps that call through an HTTP client which authorizes by itself.

use anyhow::{Context, Result, bail};
use entra_abstractions::{Scheme, TokenError};
use entra_agent_identities::AgentIdentities;
use entra_downstream_api::{AuthorizationMiddleware, AuthorizationOptions};
use http::Method;
use reqwest_middleware::ClientBuilder;
use serde_json::{Map, Value, json};

use super::{Player, body, options, refusal, refused};
use crate::{
    golden::{
        outcome::{Failure, Outcome, Refusal},
        scenario::Step,
    },
    http::{client, read},
};

impl Player<'_> {
    /// Makes the call of a step.
    pub(super) async fn authorized_client(&self, step: &Step, tokens: &AgentIdentities) -> Result<Outcome> {
        let defaults = match &step.defaults {
            Some(defaults) => match self.authorization(defaults, step)? {
                Ok(options) => options,
                Err(outcome) => return Ok(outcome),
            },
            None => AuthorizationOptions::new(),
        };
        let middleware = match AuthorizationMiddleware::new(tokens.clone(), defaults) {
            Ok(middleware) => middleware.http(&self.http),
            Err(fault) => return Ok(refused(fault)),
        };
        let client = ClientBuilder::new(client(&self.http)?).with(middleware).build();
        let method = step.verb.as_deref().unwrap_or("GET").to_ascii_uppercase();
        let url = step.url.as_deref().context("no url")?;
        let mut request = client.request(Method::from_bytes(method.as_bytes())?, url);
        if let Some(value) = &step.body {
            request = request.header("content-type", "application/json").body(value.to_string());
        }
        if !step.options.is_empty() || step.agent.is_some() {
            let mut own = match self.authorization(&step.options, step)? {
                Ok(options) => options,
                Err(outcome) => return Ok(outcome),
            };
            if step.agent.is_some() {
                let step = step.clone();
                own = own.change(move |request| options::with_agent(request, &step));
            }
            request = request.with_extension(own);
        }
        Ok(match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let text = read(response).await?;
                Outcome::Done(json!({"status": status, "body": body(String::from_utf8(text)?)}))
            }
            Err(error) => {
                let said = TokenError::in_chain(&error).map_or_else(Refusal::default, refusal);
                Outcome::Failed(Failure::new(&error, said))
            }
        })
    }

    /// What a section of options says, in the words of the middleware.
    fn authorization(
        &self,
        written: &Map<String, Value>,
        step: &Step,
    ) -> Result<Result<AuthorizationOptions, Outcome>> {
        let mut said = AuthorizationOptions::new();
        for (name, value) in written {
            match name.as_str() {
                "Scopes" => said = said.scopes(options::words(value)),
                "RequestAppToken" => {}
                "AcquireTokenOptions" => {
                    let written = written.clone();
                    // What is not understood is told now, not when the request is made.
                    options::understood(&written)?;
                    said = said.change(move |mut request| {
                        let applied = options::apply(&mut request, &written);
                        drop(applied);
                        request
                    });
                }
                "ProtocolScheme" if options::scheme(value) == Some(Scheme::MtlsPop) => said = said.bound(),
                "ProtocolScheme" if options::scheme(value) == Some(Scheme::Bearer) => {}
                _ => bail!("the option {name} is not understood"),
            }
        }
        if options::wants_app_token(written) == Some(true) {
            return Ok(Ok(said.as_app()));
        }
        // Whoever does not ask for the application's token asks for a user's: the agent's own, or
        // that of who called.
        if let Some((agent, user)) =
            step.agent.as_ref().and_then(|agent| Some((agent, options::agent_user(agent)?)))
        {
            return Ok(Ok(said.as_agent_user(agent.app.as_str(), user)));
        }
        let session = match self.session(step)? {
            Ok(session) => session,
            Err(outcome) => return Ok(Err(outcome)),
        };
        Ok(match (&step.user, session) {
            (Some(_), None) => self.user(step)?.map(|user| said.on_behalf_of(&user)),
            (Some(_), Some(key)) => self.user(step)?.map(|user| said.on_behalf_of(&user).keep_as(key)),
            (None, Some(key)) => Ok(said.for_session(&key)),
            (None, None) => Ok(said),
        })
    }
}
