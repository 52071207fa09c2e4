//! A web API that is called over TLS, asks its clients for a certificate, and lets in whoever
//! `entra-web-api` lets in; at one path, whoever has a certificate.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::{Extension, Json, Router, extract::State, routing::get};
use entra_abstractions::HttpSettings;
use entra_web_api::{AuthenticatedUser, ClientCertificate, TokenValidator};
use http::{StatusCode, header::AUTHORIZATION};
use serde::{Deserialize, Serialize};

use crate::bound::{Secured, Speaks};

/// It stops with this value.
pub(crate) struct BoundApi {
    served: Secured,
    overheard: Arc<Overheard>,
}

/// What an API sees of its caller: of a token, or of the certificate alone.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) kind: String,
    pub(crate) client: String,
    pub(crate) certificate: Option<String>,
}

/// The last `Authorization` header that came: what stands in the log of an API that takes no care.
#[derive(Default)]
struct Overheard(Mutex<String>);

impl BoundApi {
    pub(crate) async fn start(validator: &TokenValidator) -> Result<Self> {
        let overheard = Arc::new(Overheard::default());
        let app = Router::new()
            .route("/orders", get(orders).layer(validator.layer()))
            .route("/archive", get(archive))
            .with_state(Arc::clone(&overheard));
        Ok(Self { served: Secured::start(app, Speaks::Http2).await?, overheard })
    }

    pub(crate) fn origin(&self) -> &str {
        &self.served.url
    }

    /// What a client of it needs to trust it.
    pub(crate) fn http(&self) -> HttpSettings {
        self.served.http()
    }

    /// Where a token is needed.
    pub(crate) fn orders(&self) -> String {
        format!("{}/orders", self.origin())
    }

    /// The last token that was let in, with the word before it.
    pub(crate) fn overheard(&self) -> String {
        self.overheard.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Which application called, as its token says: `azp` is Entra's name for it, `client_id` that of RFC 9068.
async fn orders(
    user: AuthenticatedUser,
    certificate: Option<Extension<ClientCertificate>>,
    State(overheard): State<Arc<Overheard>>,
    headers: http::HeaderMap,
) -> Json<Seen> {
    if let Some(Ok(header)) = headers.get(AUTHORIZATION).map(http::HeaderValue::to_str) {
        header.clone_into(&mut overheard.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
    let claims = user.claims();
    let client = claims.get("azp").or(claims.get("client_id")).and_then(|client| client.as_str());
    let kind = match (user.is_app_only(), user.parent_agent_blueprint()) {
        (true, Some(_)) => "agent",
        (true, None) => "app",
        (false, _) => "user",
    };
    Json(Seen {
        kind: kind.to_owned(),
        client: client.unwrap_or_default().to_owned(),
        certificate: certificate.map(|Extension(certificate)| certificate.thumbprint()),
    })
}

/// Who has a certificate needs no token here.
async fn archive(certificate: Option<Extension<ClientCertificate>>) -> Result<Json<Seen>, StatusCode> {
    let Extension(certificate) = certificate.ok_or(StatusCode::FORBIDDEN)?;
    Ok(Json(Seen { certificate: Some(certificate.thumbprint()), ..Seen::default() }))
}
