//! The connections alone: RFC 8705 as it is written, with the forms and the header made by hand.

use anyhow::{Context, Result, ensure};
use entra_abstractions::Binding;
use reqwest::StatusCode;
use serde_json::{Map, Value};
use url::Url;

use super::{AUTHORITY_CLIENT, PLAIN_CLIENT, Played, SCOPE, SELF_SIGNED_CLIENT, Stage};
use crate::{http, peers::claims, pki::binding};

pub(super) async fn play(stage: &Stage) -> Played {
    let pems = &stage.certificates;
    vec![
        ("tls_client_auth: a bound bearer token", stage.grants_plainly(PLAIN_CLIENT, &pems.vouched).await),
        (
            "self_signed_tls_client_auth: a bound bearer token",
            stage.grants_plainly(SELF_SIGNED_CLIENT, &pems.own).await,
        ),
        ("its userinfo takes a user's bound token, and none that is stolen", stage.userinfo().await),
    ]
}

impl Stage {
    async fn grants_plainly(&self, client: &str, pem: &str) -> Result<()> {
        let own = binding(pem)?;
        let form = [("grant_type", "client_credentials"), ("client_id", client), ("scope", SCOPE)];
        let answer = self.post("/token", &form, &own).await?;
        ensure!(answer.get("token_type").is_some_and(|kind| kind == "Bearer"), "it is no bearer token");
        let token = answer.get("access_token").and_then(Value::as_str).context("there is no token")?;
        let claims = claims::check(token, &[("client_id", client), ("iss", &*self.server.issuer)])?;
        let confirmed = claims.get("cnf").and_then(|cnf| cnf.get("x5t#S256")?.as_str());
        ensure!(confirmed == Some(own.thumbprint()), "the provider bound it to {confirmed:?}");
        Ok(())
    }

    /// Somebody has signed in; their code is redeemed, and the token shown where it came from.
    async fn userinfo(&self) -> Result<()> {
        let own = binding(&self.certificates.vouched)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", AUTHORITY_CLIENT),
            ("code", &*self.server.code),
            ("redirect_uri", &*self.server.redirect),
        ];
        let answer = self.post("/token", &form, &own).await?;
        let token = answer.get("access_token").and_then(Value::as_str).context("there is no token")?;
        let (url, header) = (format!("{}/me", self.server.issuer), format!("Bearer {token}"));
        let answer = self.show(&url, &header, Some(&own)).await?;
        ensure!(answer.status() == StatusCode::OK, "its owner is answered {}", answer.status());
        let user: Value = serde_json::from_slice(&http::read(answer).await?)?;
        ensure!(user.get("sub").is_some_and(|sub| sub == "alice"), "the user is {user}");
        self.is_worth_nothing(&url, &header, &own).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], own: &Binding) -> Result<Map<String, Value>> {
        let url = Url::parse(&format!("{}{path}", self.server.issuer))?;
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let bound = self.clients.of(own, &url)?;
        let request = bound.client().post(url).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded").build()?;
        let answer = bound.execute(request).await?;
        let (status, body) = (answer.status(), http::read(answer).await?);
        ensure!(status == StatusCode::OK, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}
