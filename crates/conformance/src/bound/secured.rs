//! A server over TLS that asks its clients for a certificate, tells each request which one its connection
//! showed, and remembers the handshakes.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail};
use axum::{Extension, Router};
use entra_abstractions::{HttpSettings, Section};
use entra_emulator::{Emulator, ids};
use entra_web_api::{ClientCertificate, Peer, TokenValidator, TokenValidatorBuilder};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::HandshakeKind;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::application::trusting;
use crate::golden::Servers;

/// Serves until it is dropped.
pub(crate) struct Secured {
    pub(crate) url: String,
    authority_pem: String,
    watched: Arc<Watched>,
    serving: JoinHandle<()>,
}

/// Which HTTP it speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Speaks {
    Http1,
    Http2,
}

/// What was seen of connections, by the thumbprint of the client's certificate; of those without, by an
/// empty one.
#[derive(Default)]
struct Watched {
    handshakes: Mutex<Handshakes>,
    open: watch::Sender<BTreeMap<String, usize>>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Handshakes {
    /// Whole ones, of each certificate.
    pub(crate) full: BTreeMap<String, usize>,
    /// Those that went on with a session of before.
    pub(crate) resumed: usize,
    /// Of so many certificates connections were open at once, at most.
    pub(crate) most_certificates: usize,
}

impl Secured {
    pub(crate) async fn start(router: Router, speaks: Speaks) -> Result<Self> {
        let servers = Servers::mint(&["localhost".to_owned(), "127.0.0.1".to_owned()].into())?;
        let mut tls = rustls::ServerConfig::clone(&servers.tls());
        tls.alpn_protocols = match speaks {
            Speaks::Http1 => vec![b"http/1.1".to_vec()],
            Speaks::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let tls = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let watched = Arc::<Watched>::default();
        let serving = tokio::spawn(accept(listener, tls, router, Arc::clone(&watched)));
        Ok(Self { url, authority_pem: servers.authority_pem().to_owned(), watched, serving })
    }

    /// What a client of it needs to trust it.
    pub(crate) fn http(&self) -> HttpSettings {
        let address = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let address = SocketAddr::from(([127, 0, 0, 1], address.unwrap_or_default()));
        HttpSettings::default().trust_pem(&self.authority_pem).resolve("localhost", address)
    }

    pub(crate) fn handshakes(&self) -> Handshakes {
        self.watched.lock().clone()
    }

    /// The certificates of which connections are open, once there are no others than these.
    pub(crate) async fn drained_but(&self, wanted: &[&str]) -> Result<()> {
        let mut open = self.watched.open.subscribe();
        let is_drained =
            |open: &BTreeMap<String, usize>| open.keys().all(|known| wanted.contains(&known.as_str()));
        let waited = timeout(DRAINED_IN, open.wait_for(is_drained)).await;
        match waited {
            Ok(Ok(_open)) => Ok(()),
            _ => bail!("connections of {} certificates are still open", self.watched.open.borrow().len()),
        }
    }
}

/// Far less than the time after which a client closes what lies idle.
const DRAINED_IN: Duration = Duration::from_secs(10);

/// The orders' own validator: tokens of this Entra, for this API.
pub(crate) fn validator(emulator: &Emulator) -> Result<TokenValidatorBuilder> {
    let section = json!({
        "Instance": emulator.base_url(), "TenantId": ids::TENANT, "ClientId": ids::ORDERS,
    });
    Ok(TokenValidator::builder(&Section::new("AzureAd", section)).http(trusting(emulator)?))
}

impl Watched {
    fn lock(&self) -> std::sync::MutexGuard<'_, Handshakes> {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(self: Arc<Self>, shown: String, kind: Option<HandshakeKind>) -> Open {
        self.open.send_modify(|open| *open.entry(shown.clone()).or_default() += 1);
        let mut handshakes = self.lock();
        if kind == Some(HandshakeKind::Resumed) {
            handshakes.resumed += 1;
        } else {
            *handshakes.full.entry(shown.clone()).or_default() += 1;
        }
        handshakes.most_certificates = handshakes.most_certificates.max(self.open.borrow().len());
        drop(handshakes);
        Open { watched: self, shown }
    }
}

/// A connection.
struct Open {
    watched: Arc<Watched>,
    shown: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.watched.open.send_modify(|open| {
            let left = open.get(&self.shown).copied().unwrap_or_default().saturating_sub(1);
            if left == 0 {
                open.remove(&self.shown);
            } else {
                open.insert(self.shown.clone(), left);
            }
        });
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, router: Router, watched: Arc<Watched>) {
    while let Ok((stream, peer)) = listener.accept().await {
        tokio::spawn(serve(stream, peer, tls.clone(), router.clone(), Arc::clone(&watched)));
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor, router: Router, watched: Arc<Watched>) {
    // Answers are small; a packet that waits to be filled would cost each of them milliseconds.
    let _slower = stream.set_nodelay(true);
    // A client that does not trust this server says so on its own side.
    let Ok(stream) = tls.accept(stream).await else { return };
    let connection = stream.get_ref().1;
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    let shown = shown.map(|der| ClientCertificate::from_der(der));
    let name = shown.map(|shown| shown.thumbprint()).unwrap_or_default();
    let _open = watched.opened(name, connection.handshake_kind());
    let router = router.layer(Extension(Peer::new(peer.ip())));
    let router = match shown {
        Some(shown) => router.layer(Extension(shown)),
        None => router,
    };
    // An error is the client's going away.
    let _ended = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
