//! The engine: as Entra is spoken to, over connections with the application's certificate.

use anyhow::{Context, Result, bail, ensure};
use entra_abstractions::{AccessToken, AcquireToken, Scheme, Scopes, TokenError, TokenRequest};
use entra_downstream_api::Api;
use entra_token_acquisition::{Application, TokenAcquirer};
use reqwest::StatusCode;

use super::{AUTHORITY_CLIENT, PLAIN_CLIENT, Played, SCOPE, SELF_SIGNED_CLIENT, Stage};
use crate::{bound_api::Seen, peers::claims, pki::binding};

pub(super) async fn play(stage: &Stage) -> Played {
    let pems = &stage.certificates;
    vec![
        ("tls_client_auth: a bound token", stage.grants(AUTHORITY_CLIENT, &pems.vouched).await),
        ("self_signed_tls_client_auth: a bound token", stage.grants(SELF_SIGNED_CLIENT, &pems.own).await),
        ("tls_client_auth: our API takes the token", stage.is_taken(AUTHORITY_CLIENT, &pems.vouched).await),
        (
            "self_signed_tls_client_auth: our API takes the token",
            stage.is_taken(SELF_SIGNED_CLIENT, &pems.own).await,
        ),
        ("our API refuses the token when it is stolen", stage.is_guarded().await),
        (
            "tls_client_auth: another name is refused",
            stage.refuses(AUTHORITY_CLIENT, &pems.another, Scheme::MtlsPop).await,
        ),
        (
            "tls_client_auth: a name that nobody vouches for is refused",
            stage.refuses(AUTHORITY_CLIENT, &pems.strangers, Scheme::MtlsPop).await,
        ),
        (
            "self_signed_tls_client_auth: another certificate of the same key is refused",
            stage.refuses(SELF_SIGNED_CLIENT, &pems.vouched, Scheme::MtlsPop).await,
        ),
        (
            "tls_client_auth: a signature and no certificate is refused",
            stage.refuses(AUTHORITY_CLIENT, &pems.vouched, Scheme::Bearer).await,
        ),
        ("an answer in the RFC's word is not taken", stage.is_told_apart().await),
    ]
}

impl Stage {
    fn acquirer(&self, client: &str, pem: &str) -> Result<TokenAcquirer> {
        let application = Application::builder().discovered_authority(&self.server.issuer).client_id(client);
        let application = application.certificate_pem(pem).build()?;
        Ok(TokenAcquirer::builder(application).http(self.http.clone()).build()?)
    }

    async fn bound(&self, client: &str, pem: &str) -> Result<AccessToken> {
        Ok(self.acquirer(client, pem)?.acquire(&request(Scheme::MtlsPop)?).await?)
    }

    async fn grants(&self, client: &str, pem: &str) -> Result<()> {
        let tokens = self.acquirer(client, pem)?;
        let token = tokens.acquire(&request(Scheme::MtlsPop)?).await?;
        let wanted = [("client_id", client), ("iss", &*self.server.issuer), ("scope", SCOPE)];
        let claims = claims::check(token.secret().expose(), &wanted)?;
        let own = binding(pem)?;
        ensure!(token.binding() == Some(&own), "the token does not carry its certificate");
        let confirmed = claims.get("cnf").and_then(|cnf| cnf.get("x5t#S256")?.as_str());
        ensure!(confirmed == Some(own.thumbprint()), "the provider bound it to {confirmed:?}");
        let again = tokens.acquire(&request(Scheme::MtlsPop)?).await?;
        ensure!(again.secret().expose() == token.secret().expose(), "the token is not kept");
        ensure!(again.binding() == Some(&own), "kept without its certificate");
        Ok(())
    }

    /// By the name of an API, as a program calls.
    async fn is_taken(&self, client: &str, pem: &str) -> Result<()> {
        let orders = Api::builder("Orders").base_url(self.api.origin()).scopes(SCOPE).bound_tokens();
        let orders = orders.http(self.http.clone()).build(self.acquirer(client, pem)?)?;
        let seen: Seen = orders.as_app().get("orders").json().await?;
        let own = binding(pem)?;
        ensure!(seen.client == client, "the API saw {}", seen.client);
        ensure!(seen.certificate.as_deref() == Some(own.thumbprint()), "the API saw another certificate");
        Ok(())
    }

    async fn is_guarded(&self) -> Result<()> {
        let token = self.bound(SELF_SIGNED_CLIENT, &self.certificates.own).await?;
        let own = token.binding().context("the token carries no certificate")?;
        let header = token.authorization_header();
        let header = header.to_str()?;
        let url = self.api.orders();
        let answer = self.show(&url, header, Some(own)).await?;
        ensure!(answer.status() == StatusCode::OK, "its owner is answered {}", answer.status());
        self.is_worth_nothing(&url, header, own).await?;
        // From a log or a proxy, and shown as what is not bound: even with the certificate.
        let bearer = format!("Bearer {}", token.secret().expose());
        for certificate in [None, Some(own)] {
            let answer = self.show(&url, &bearer, certificate).await?;
            ensure!(
                answer.status() == StatusCode::UNAUTHORIZED,
                "as bearer it is answered {}",
                answer.status()
            );
        }
        Ok(())
    }

    async fn refuses(&self, client: &str, pem: &str, scheme: Scheme) -> Result<()> {
        let advice = match scheme {
            Scheme::MtlsPop => "register the certificate of the connection",
            _ => "register this credential",
        };
        match self.acquirer(client, pem)?.acquire(&request(scheme)?).await {
            Err(TokenError::Rejected(error)) => {
                let told = error.to_string();
                ensure!(told.contains("invalid_client") && told.contains(advice), "it says: {told}");
                ensure!(told.contains(client), "it does not say which application: {told}");
                Ok(())
            }
            Err(error) => Err(error).context("another error"),
            Ok(_) => bail!("it was accepted"),
        }
    }

    /// A token of another type could be one that is not bound at all.
    async fn is_told_apart(&self) -> Result<()> {
        match self.bound(PLAIN_CLIENT, &self.certificates.vouched).await {
            Ok(_) => bail!("it was accepted"),
            Err(error) => {
                let told = format!("{error:#}");
                ensure!(told.contains("(Bearer, not mtls_pop)"), "it says: {told}");
                Ok(())
            }
        }
    }
}

fn request(scheme: Scheme) -> Result<TokenRequest> {
    Ok(TokenRequest { scheme, ..TokenRequest::as_app(Scopes::new([SCOPE])?) })
}
