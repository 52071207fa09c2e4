//! Says in words what a token request is for, so that a log of agent calls can be read.

use super::Grant;
use crate::directory::{App, Directory};
use crate::exchange::Form;

pub(super) fn of(form: &Form, client: Option<&App>, directory: &Directory) -> Option<String> {
    let grant = Grant::of(form.get("grant_type")?);
    let is_agent = client.is_some_and(|app| app.blueprint.is_some());
    Some(match grant {
        Grant::ClientCredentials => {
            if let Some(path) = form.get("fmi_path") {
                let agent = directory.client(path).map_or(path, App::label);
                format!("blueprint for {agent}")
            } else if is_agent && is_exchange(form.get("scope")) {
                "agent's exchange token".to_owned()
            } else if is_agent {
                "agent's app token".to_owned()
            } else {
                "app token".to_owned()
            }
        }
        Grant::OnBehalfOf if is_agent => "agent on behalf of a user".to_owned(),
        Grant::OnBehalfOf => "on behalf of a user".to_owned(),
        Grant::UserFic => "agent's user".to_owned(),
        Grant::AuthorizationCode => "authorization code".to_owned(),
        Grant::RefreshToken => "refresh token".to_owned(),
        Grant::Unknown => "unknown grant".to_owned(),
    })
}

fn is_exchange(scope: Option<&str>) -> bool {
    scope.is_some_and(|scope| scope.to_ascii_lowercase().starts_with("api://azureadtokenexchange"))
}
