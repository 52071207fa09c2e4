//! The application for itself; a blueprint for one of its agents; an agent for itself.

use serde_json::{Value, json};

use super::{bearer, capabilities, lifetime};
use crate::directory::App;
use crate::issue::{AccessToken, Proof, Subject};
use crate::jwt;
use crate::mtls::ClientCertificate;
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::token::Asking;

pub(crate) fn answer(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let tenant = asking.tenanted()?;
    if asking.proof == Proof::Nothing {
        return Err(Reason::CredentialMissing.because(
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ));
    }
    let written = asking.scope()?;
    let asked = scope::read(&written, asking.directory, tenant)?;
    if !asked.is_default {
        return Err(Reason::ScopeNotDefault.because(format!(
            "The provided value for scope {written} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        )));
    }
    let roles = asking.directory.assigned_roles(asking.client, asked.resource);
    let path = asking.field("fmi_path");
    let subject = match path {
        Some(path) => Subject::Path { path: &agent_of(asking, path)?.client_id },
        None if asking.client.app_tokens => Subject::App { roles: &roles },
        None => {
            return Err(Reason::BlueprintAppToken.because(format!(
                "Application '{}' is not permitted to request app-only tokens for this resource. An agent identity blueprint names one of its agents in 'fmi_path'.",
                asking.client.client_id
            )));
        }
    };
    let token = AccessToken {
        tenant,
        resource: asked.resource,
        written: &asked.written,
        client: asking.client,
        blueprint: asking.directory.blueprint(asking.client),
        proof: asking.proof,
        subject,
        capabilities: capabilities(asking),
        lifetime: lifetime(asking),
    };
    let mut claims = token.claims(&asking.exchange.origin, asking.exchange.now);
    let bound_to = asking.bound_to().map(ClientCertificate::thumbprint);
    if let Some(thumbprint) = &bound_to {
        claims.insert("cnf".to_owned(), json!({ "x5t#S256": thumbprint }));
    }
    let key = asking.realm.keys.lock().current();
    let mut body = bearer(asking, jwt::sign(&key, &claims));
    if bound_to.is_some() {
        body.insert("token_type".to_owned(), json!("mtls_pop"));
    }
    Ok(Value::Object(body))
}

/// The agent that `fmi_path` names: a child of the asking blueprint.
fn agent_of<'a>(asking: &Asking<'a>, path: &str) -> Result<&'a App, Refusal> {
    let agent = asking.directory.client(path);
    let is_child = |agent: &&App| {
        asking
            .directory
            .blueprint(agent)
            .is_some_and(|blueprint| blueprint.client_id == asking.client.client_id)
    };
    agent.filter(is_child).ok_or_else(|| {
        Reason::FederatedSubject.because(format!(
            "The fmi_path '{path}' names no agent identity of the application '{}'.",
            asking.client.client_id
        ))
    })
}
