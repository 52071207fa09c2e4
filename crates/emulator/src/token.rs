//! The token endpoint: checks the form, finds tenant and client, has the client prove itself, then asks the grant's room.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::client_authentication;
use crate::directory::{App, Directory, Tenant};
use crate::exchange::{Exchange, Reply};
use crate::grant;
use crate::issue::Proof;
use crate::mtls::ClientCertificate;
use crate::realm::Realm;
use crate::refusal::{Reason, Refusal};
use crate::traffic::Grant;

/// A token request whose client has proved itself.
pub(crate) struct Asking<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) exchange: &'a Exchange,
    pub(crate) directory: &'a Directory,
    /// `None` under `common` and `organizations`.
    pub(crate) tenant: Option<&'a Tenant>,
    pub(crate) client: &'a App,
    pub(crate) proof: Proof,
}

/// Answers a request to the token endpoint.
pub(crate) fn answer(realm: &Realm, directory: &Directory, exchange: &Exchange, tenant: &str) -> Reply {
    match granted(realm, directory, exchange, tenant) {
        Ok(body) => Reply::json(StatusCode::OK, &body).never_stored(),
        Err(refusal) => Reply::refused(&refusal, exchange),
    }
}

fn granted(
    realm: &Realm,
    directory: &Directory,
    exchange: &Exchange,
    tenant: &str,
) -> Result<Value, Refusal> {
    if exchange.method != Method::POST {
        return Err(Reason::OnlyPost.because(format!(
            "The endpoint only accepts POST requests. Received a {} request.",
            exchange.method
        )));
    }
    if let Some(name) = exchange.form.duplicate() {
        return Err(Reason::ParameterTwice.because(format!(
            "The request is not properly formatted. The parameter '{name}' is duplicated."
        )));
    }
    let tenant = find_tenant(directory, tenant)?;
    let grant_type = needed(exchange, "grant_type")?;
    let grant = Grant::of(grant_type);
    if grant == Grant::Unknown {
        return Err(Reason::UnsupportedGrant
            .because(format!("The app requested an unsupported grant type '{grant_type}'.")));
    }
    let client = find_client(directory, tenant, needed(exchange, "client_id")?)?;
    let proof = client_authentication::check(realm, directory, exchange, tenant, client)?;
    // Tokens bound to a key of the caller's (pop) are not made here.
    let kind = exchange.form.get("token_type").unwrap_or("bearer");
    let is_bound = kind.eq_ignore_ascii_case("mtls_pop") && grant == Grant::ClientCredentials;
    if is_bound && (exchange.client_certificate.is_none() || !exchange.origin.takes_certificates()) {
        return Err(Reason::UnsupportedTokenType.because(
            "A certificate-bound token was requested, and no certificate was presented in the TLS handshake.",
        ));
    }
    if !is_bound && !kind.eq_ignore_ascii_case("bearer") {
        return Err(Reason::UnsupportedTokenType
            .because("The feature for this token type is not enabled for the application."));
    }
    let asking = Asking { realm, exchange, directory, tenant, client, proof };
    match grant {
        Grant::ClientCredentials => grant::client_credentials::answer(&asking),
        Grant::OnBehalfOf => grant::on_behalf_of::answer(&asking),
        Grant::AuthorizationCode => grant::authorization_code::answer(&asking),
        Grant::RefreshToken => grant::refresh_token::answer(&asking),
        Grant::UserFic | Grant::Unknown => grant::user_federated::answer(&asking),
    }
}

impl<'a> Asking<'a> {
    /// The tenant, for grants that cannot do without.
    pub(crate) fn tenanted(&self) -> Result<&'a Tenant, Refusal> {
        self.tenant.ok_or_else(|| {
            Reason::TenantNeeded.because(
                "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
            )
        })
    }

    /// The certificate to which the token is to be bound.
    pub(crate) fn bound_to(&self) -> Option<&'a ClientCertificate> {
        let is_bound = self.field("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("mtls_pop"));
        self.exchange.client_certificate.as_ref().filter(|_| is_bound)
    }

    pub(crate) fn needed(&self, field: &str) -> Result<&'a str, Refusal> {
        needed(self.exchange, field)
    }

    pub(crate) fn field(&self, field: &str) -> Option<&'a str> {
        self.exchange.form.get(field)
    }

    /// The scope; a v1 client names a `resource` instead.
    pub(crate) fn scope(&self) -> Result<String, Refusal> {
        match (self.field("scope"), self.field("resource")) {
            (None, Some(resource)) => Ok(format!("{resource}/.default")),
            _ => self.needed("scope").map(str::to_owned),
        }
    }
}

/// The tenant of a path: `Ok(None)` for the shared endpoints.
pub(crate) fn find_tenant<'d>(directory: &'d Directory, name: &str) -> Result<Option<&'d Tenant>, Refusal> {
    if matches!(name, "common" | "organizations") {
        return Ok(None);
    }
    // AD FS has no tenants: it speaks for the first one.
    let found = if name == "adfs" { directory.tenants.first() } else { directory.tenant(name) };
    found.map(Some).ok_or_else(|| unknown_tenant(name))
}

pub(crate) fn unknown_tenant(name: &str) -> Refusal {
    Reason::UnknownTenant.because(format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
    ))
}

pub(crate) fn find_client<'d>(
    directory: &'d Directory,
    tenant: Option<&Tenant>,
    client_id: &str,
) -> Result<&'d App, Refusal> {
    if uuid::Uuid::parse_str(client_id).is_err() {
        return Err(Reason::NotAnAppId.because(format!("{client_id} is not a valid application identifier.")));
    }
    let installed = |app: &&App| tenant.is_none_or(|tenant| directory.is_installed(app, tenant));
    directory.client(client_id).filter(installed).ok_or_else(|| {
        let place = tenant.map_or("common", |tenant| tenant.id.as_str());
        Reason::UnknownApp.because(format!(
            "Application with identifier '{client_id}' was not found in the directory '{place}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
        ))
    })
}

fn needed<'a>(exchange: &'a Exchange, field: &str) -> Result<&'a str, Refusal> {
    exchange.form.get(field).ok_or_else(|| missing(field))
}

pub(crate) fn missing(field: &str) -> Refusal {
    Reason::ParameterMissing
        .because(format!("The request body must contain the following parameter: '{field}'."))
}
