//! Steps that call through an HTTP client which authorizes by itself.

use anyhow::{Context, Result, bail};
use entra_abstractions::{AgentId, AgentSubject, AgentUser, HttpSettings, Subject, TokenError};
use entra_agent_identities::AgentIdentities;
use entra_downstream_api::{AuthorizationMiddleware, AuthorizationOptions};
use http::Method;
use reqwest::{Certificate, Client, redirect};
use reqwest_middleware::ClientBuilder;
use serde_json::{Map, Value, json};

use super::{Player, body, options, refusal, refused};
use crate::golden::{
    outcome::{Failure, Outcome, Refusal},
    scenario::Step,
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
        let middleware = AuthorizationMiddleware::new(tokens.clone(), defaults);
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
            Ok(mut response) => {
                let status = response.status().as_u16();
                let mut text = Vec::new();
                while let Some(chunk) = response.chunk().await? {
                    text.extend_from_slice(&chunk);
                }
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
                "ProtocolScheme" if value.as_str().is_some_and(|it| it.eq_ignore_ascii_case("Bearer")) => {}
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
            let named = AgentId::new(&agent.app).and_then(|agent| Ok((agent, AgentUser::try_from(user)?)));
            return Ok(named
                .map_err(refused)
                .map(|(agent, user)| said.subject(Subject::Agent(agent, AgentSubject::AgentUser(user)))));
        }
        match &step.user {
            Some(_) => Ok(self.user(step)?.map(|user| said.on_behalf_of(&user))),
            None => Ok(Ok(said)),
        }
    }
}

fn client(settings: &HttpSettings) -> Result<Client> {
    #[expect(clippy::disallowed_methods, reason = "it stands for the user's own client")]
    let builder = Client::builder();
    let mut builder = builder.redirect(redirect::Policy::none()).timeout(settings.waiting_for());
    for (host, address) in settings.resolved() {
        builder = builder.resolve(host, *address);
    }
    let mut certificates = Vec::new();
    for pem in settings.trusted() {
        certificates.extend(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    Ok(builder.tls_certs_merge(certificates).build()?)
}
