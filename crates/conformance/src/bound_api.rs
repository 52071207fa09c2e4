//! A web API that is called over TLS, asks its clients for a certificate, and lets in whoever
//! `entra-web-api` lets in; at one path, whoever has a certificate.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::{Extension, Json, Router, extract::State, routing::get};
use entra_emulator::any_client_certificate;
use entra_web_api::{AuthenticatedUser, ClientCertificate, TokenValidator};
use http::{StatusCode, header::AUTHORIZATION};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::pki::Pki;

/// It stops with this value.
pub(crate) struct BoundApi {
    pub(crate) origin: String,
    overheard: Arc<Overheard>,
    accepting: JoinHandle<()>,
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
    pub(crate) async fn start(pki: &Pki, validator: &TokenValidator) -> Result<Self> {
        let provider = Arc::new(default_provider());
        let certificate = CertificateDer::from_pem_slice(pki.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(pki.key.as_bytes())?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(any_client_certificate(provider))
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let overheard = Arc::new(Overheard::default());
        let app = Router::new()
            .route("/orders", get(orders).layer(validator.layer()))
            .route("/archive", get(archive))
            .with_state(Arc::clone(&overheard));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("https://localhost:{}", listener.local_addr()?.port());
        let tls = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, tls.clone(), app.clone()));
            }
        });
        Ok(Self { origin, overheard, accepting })
    }

    /// Where a token is needed.
    pub(crate) fn orders(&self) -> String {
        format!("{}/orders", self.origin)
    }

    /// The last token that was let in, with the word before it.
    pub(crate) fn overheard(&self) -> String {
        self.overheard.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for BoundApi {
    fn drop(&mut self) {
        self.accepting.abort();
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

async fn connection(stream: TcpStream, tls: TlsAcceptor, app: Router) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let shown = shown.map(|leaf| ClientCertificate::from_der(leaf));
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(certificate) = shown {
            request.extensions_mut().insert(certificate);
        }
        app.clone().oneshot(request)
    });
    // An error here is the client's going away.
    drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}
