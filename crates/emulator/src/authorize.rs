//! `/authorize`: signs a user in and sends a code back, by itself or through a small page; and `/logout`.

mod page;
mod reply_address;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::directory::{App, Consent, Directory, Tenant, User};
use crate::exchange::{Exchange, Form, Reply};
use crate::grant::signed_in::consented;
use crate::issue::client_info;
use crate::realm::Realm;
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::session::{Code, SignIn, random_text};
use crate::token::{find_client, find_tenant};

/// A request whose client and reply address are in order: from here on errors go back to the client.
struct SigningIn<'a> {
    realm: &'a Realm,
    directory: &'a Directory,
    exchange: &'a Exchange,
    asked: &'a Form,
    tenant: Option<&'a Tenant>,
    client: &'a App,
    redirect_uri: &'a str,
}

pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, tenant: &str) -> Reply {
    // The page posts its form to the address it was shown under; a client may also post the whole request.
    let posted = exchange.method == Method::POST && exchange.form.get("client_id").is_some();
    let asked = if posted { &exchange.form } else { &exchange.query };
    let opened = find_tenant(directory, tenant).and_then(|tenant| {
        let client = find_client(directory, tenant, needed(asked, "client_id")?)?;
        let redirect_uri = needed(asked, "redirect_uri")?;
        reply_address::check(client, redirect_uri)?;
        Ok(SigningIn { realm, directory, exchange, asked, tenant, client, redirect_uri })
    });
    match opened {
        Err(refusal) => page::refused(&refusal, exchange),
        Ok(signing_in) => signing_in.answer(),
    }
}

/// Ends nothing here (sessions live in the client), and goes where the client asked.
pub(crate) fn sign_out(exchange: &Exchange) -> Reply {
    match exchange.query.get("post_logout_redirect_uri") {
        Some(to) => Reply::redirect(to),
        None => Reply::text(
            StatusCode::OK,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><title>Signed out</title>",
        ),
    }
}

impl SigningIn<'_> {
    fn answer(&self) -> Reply {
        match self.code() {
            Ok(Answer::Page(reply)) => reply,
            Ok(Answer::Code { code, user, tenant }) => {
                let mut fields = vec![("code", code), ("session_state", random_text())];
                if self.asked.get("client_info") == Some("1") {
                    fields.push(("client_info", client_info(user, tenant)));
                }
                self.send_back(fields)
            }
            Err(refusal) => {
                let mut reply = self.send_back(vec![
                    ("error", oauth_error(&refusal)),
                    ("error_description", refusal.description(self.exchange)),
                ]);
                reply.aadsts = Some(refusal.number());
                reply
            }
        }
    }

    fn code(&self) -> Result<Answer<'_>, Refusal> {
        let response_type = needed(self.asked, "response_type")?;
        if response_type != "code" {
            return Err(Reason::UnsupportedResponseType
                .because(format!("response_type '{response_type}' is not enabled for the application.")));
        }
        let written = needed(self.asked, "scope")?;
        let challenge = self.challenge()?;
        let decision = self.exchange.form.get("decision");
        if self.realm.asks_the_user && decision.is_none() && self.asked.get("prompt") != Some("none") {
            return Ok(Answer::Page(page::ask(
                self.directory,
                self.exchange,
                self.client,
                self.tenant,
                self.asked,
            )));
        }
        if decision == Some("deny") {
            return Err(Reason::Scripted { number: 65004, status: 400, error: "access_denied" }
                .because("User declined to consent to access the app."));
        }
        let (user, tenant) = self.user()?;
        let asked = scope::read(written, self.directory, tenant)?;
        if let Err(refusal) = consented(self.directory, self.client, user, &asked) {
            // Whoever signs in without a word also accepts; a client that wants no question gets none.
            if self.asked.get("prompt") == Some("none") || asked.permissions.is_empty() {
                return Err(refusal);
            }
            self.realm.edit(|directory| {
                directory.consents.push(Consent {
                    user: Some(user.object_id.clone()),
                    ..Consent::scopes(
                        &self.client.client_id,
                        &asked.resource.client_id,
                        asked.permissions.iter().map(String::as_str),
                    )
                });
            });
        }
        let code = self.realm.sessions.new_code(Code {
            sign_in: SignIn {
                client_id: self.client.client_id.clone(),
                tenant_id: tenant.id.clone(),
                user: user.object_id.clone(),
                scope: written.to_owned(),
                contexts: self.earned_contexts(),
                since: self.exchange.now,
            },
            redirect_uri: self.redirect_uri.to_owned(),
            challenge,
            nonce: self.asked.get("nonce").map(str::to_owned),
            redeemed: false,
        });
        Ok(Answer::Code { code, user, tenant })
    }

    /// PKCE: S256 or nothing; `plain` protects nothing.
    fn challenge(&self) -> Result<Option<String>, Refusal> {
        match (self.asked.get("code_challenge"), self.asked.get("code_challenge_method")) {
            (None, None) => Ok(None),
            (Some(challenge), Some("S256")) => Ok(Some(challenge.to_owned())),
            _ => Err(Reason::CodeVerifier.because("The code_challenge_method must be 'S256'.")),
        }
    }

    /// Whom the page or the login hint names; otherwise the first person of the tenant.
    fn user(&self) -> Result<(&User, &Tenant), Refusal> {
        let lives_here = |user: &&User| match (self.tenant, self.directory.home(user)) {
            (Some(tenant), Some(home)) => tenant.id == home.id,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let named = self.exchange.form.get("user").or_else(|| self.asked.get("login_hint"));
        let found = match named {
            Some(name) => self.directory.user(name),
            None => self
                .directory
                .users
                .iter()
                .filter(lives_here)
                .find(|user| user.agent.is_none() && !user.disabled),
        };
        found.filter(lives_here).and_then(|user| Some((user, self.directory.home(user)?))).ok_or_else(|| {
            Reason::UnknownUser.because("The user account does not exist in the directory. To sign into this application, the account must be added to the directory.")
        })
    }

    /// The authentication contexts of a claims challenge: whoever signs in here has earned them.
    fn earned_contexts(&self) -> Vec<String> {
        let claims = self.asked.get("claims").and_then(|claims| serde_json::from_str::<Value>(claims).ok());
        let Some(wanted) = claims.as_ref().and_then(|claims| claims.pointer("/access_token/acrs")) else {
            return Vec::new();
        };
        let several = wanted.get("values").and_then(Value::as_array).into_iter().flatten();
        wanted
            .get("value")
            .into_iter()
            .chain(several)
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect()
    }

    fn send_back(&self, mut fields: Vec<(&'static str, String)>) -> Reply {
        if let Some(state) = self.asked.get("state") {
            fields.push(("state", state.to_owned()));
        }
        let mode = self.asked.get("response_mode").unwrap_or("query");
        if mode == "form_post" {
            return page::form_post(self.redirect_uri, &fields);
        }
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let separator = match (mode, self.redirect_uri.contains('?')) {
            ("fragment", _) => '#',
            (_, true) => '&',
            (_, false) => '?',
        };
        Reply::redirect(&format!("{}{separator}{encoded}", self.redirect_uri))
    }
}

enum Answer<'a> {
    Page(Reply),
    Code { code: String, user: &'a User, tenant: &'a Tenant },
}

/// At this endpoint a missing consent has an OAuth error of its own.
fn oauth_error(refusal: &Refusal) -> String {
    if refusal.number() == 65001 { "consent_required".to_owned() } else { refusal.error().to_owned() }
}

fn needed<'a>(asked: &'a Form, field: &str) -> Result<&'a str, Refusal> {
    asked.get(field).ok_or_else(|| crate::token::missing(field))
}
