//! The authorities of the recording, behind one loopback socket with TLS: every host name of its
//! documents leads there.

use std::{collections::BTreeSet, convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use entra_abstractions::HttpSettings;
use http::{Request, Response, StatusCode, header::HOST};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::recording::Documents;

/// A server for all authorities.
pub(crate) struct Authority {
    address: SocketAddr,
    hosts: BTreeSet<String>,
    trust: String,
}

impl Authority {
    /// Serves the documents.
    pub(crate) async fn start(documents: &Documents) -> Result<Self> {
        Self::serve(documents, false).await
    }

    /// Answers 503 to everything.
    pub(crate) async fn start_broken(documents: &Documents) -> Result<Self> {
        Self::serve(documents, true).await
    }

    /// How a client gets here.
    pub(crate) fn http(&self) -> HttpSettings {
        let settings = HttpSettings::default().trust_pem(self.trust.clone());
        self.hosts.iter().fold(settings, |settings, host| settings.resolve(host.clone(), self.address))
    }

    async fn serve(documents: &Documents, is_broken: bool) -> Result<Self> {
        let hosts = hosts(documents);
        let (tls, trust) = certify(&hosts)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (acceptor, documents) = (TlsAcceptor::from(tls), Arc::new(documents.clone()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, documents) = (acceptor.clone(), Arc::clone(&documents));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let answer = service_fn(|request: Request<Incoming>| {
                        let answer = answer(&documents, &request, is_broken);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    // A client that hangs up has had what it wanted.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Ok(Self { address, hosts, trust })
    }
}

fn answer(
    documents: &Documents,
    request: &Request<Incoming>,
    is_broken: bool,
) -> Response<http_body_util::Full<Bytes>> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let document = documents.get(&format!("https://{host}{}", request.uri().path()));
    let (status, body) = match document {
        _ if is_broken => (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
        Some(document) => (StatusCode::OK, document.to_string().into()),
        None => (StatusCode::NOT_FOUND, Bytes::new()),
    };
    let mut response = Response::new(http_body_util::Full::new(body));
    *response.status_mut() = status;
    response
}

fn hosts(documents: &Documents) -> BTreeSet<String> {
    documents.keys().filter_map(|url| url.split('/').nth(2)).map(str::to_owned).collect()
}

fn certify(hosts: &BTreeSet<String>) -> Result<(Arc<ServerConfig>, String)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let trust = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(hosts.iter().cloned().collect::<Vec<_>>())?
        .signed_by(&key, &Issuer::new(authority, authority_key))?;
    let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(
        vec![certificate.der().clone()],
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    )?;
    Ok((Arc::new(tls), trust))
}
