//! TLS sessions that are resumed: who goes on with one is who began it, whatever certificate is at hand
//! by now.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{ClientSessionMemoryCache, ResolvesClientCert, Resumption},
    crypto::aws_lc_rs,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{ANOTHER, NONE, Stage};
use crate::bound::{Secured, application::Certificate};

/// Shows one certificate, and after a while another one.
#[derive(Debug)]
struct Turncoat {
    first: Option<Arc<CertifiedKey>>,
    then: Option<Arc<CertifiedKey>>,
    has_turned: AtomicBool,
}

impl ResolvesClientCert for Turncoat {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        if self.has_turned.load(Ordering::Relaxed) { self.then.clone() } else { self.first.clone() }
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Turncoat {
    fn new(first: Option<&Certificate>, then: Option<&Certificate>) -> Arc<Self> {
        let key = |certificate: &Certificate| {
            let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
            let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
            Arc::new(CertifiedKey::new(vec![certificate.der().unwrap().into()], key))
        };
        Arc::new(Self { first: first.map(key), then: then.map(key), has_turned: AtomicBool::new(false) })
    }
}

/// A client with a store of sessions that others may have, too.
fn client(
    orders: &Secured,
    version: &'static SupportedProtocolVersion,
    sessions: &Arc<ClientSessionMemoryCache>,
    shown: &Arc<Turncoat>,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for pem in orders.http().trusted() {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let mut config = builder
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(shown.clone());
    config.resumption = Resumption::store(sessions.clone());
    TlsConnector::from(Arc::new(config))
}

/// Calls the orders once, over a connection of its own.
async fn call(orders: &Secured, client: &TlsConnector, authorization: &str) -> (HandshakeKind, String) {
    let address = orders.http().resolved()[0].1;
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let request = format!(
        "GET /orders HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Whether the end is said politely is no matter here.
    let _ended = stream.read_to_string(&mut answer).await;
    (stream.get_ref().1.handshake_kind().unwrap(), answer)
}

#[tokio::test]
async fn a_session_is_of_the_certificate_with_which_it_began() {
    let stage = Stage::set().await;
    let orders = stage.orders(|validator| validator).await;
    let own = stage.shown();
    let of_other = stage.night.renew(&stage.other).await.unwrap();
    let of_other = format!("mtls_pop {}", of_other.secret().expose());
    for version in [&TLS13, &TLS12] {
        let sessions = Arc::new(ClientSessionMemoryCache::new(8));
        let turncoat = Turncoat::new(Some(&stage.own), Some(&stage.other));
        let changing = client(&orders, version, &sessions, &turncoat);
        let check = async |client: &TlsConnector, authorization: &str, kind, told: &str| {
            let (was, answer) = call(&orders, client, authorization).await;
            assert_eq!(was, kind, "{version:?}: {answer}");
            assert!(answer.contains(told), "{version:?} {told}: {answer}");
        };
        check(&changing, &own, HandshakeKind::Full, "200 OK").await;
        check(&changing, &own, HandshakeKind::Resumed, "200 OK").await;
        // The client has another certificate by now, and is taken for who it was: that token's thief it
        // never is.
        turncoat.has_turned.store(true, Ordering::Relaxed);
        check(&changing, &of_other, HandshakeKind::Resumed, ANOTHER).await;
        // Others who lay hands on the store of sessions have certificates of their own to show.
        let thief = Turncoat::new(Some(&stage.other), None);
        let thief = client(&orders, version, &sessions, &thief);
        check(&thief, &own, HandshakeKind::Full, ANOTHER).await;
        let nobody = Turncoat::new(None, None);
        let nobody = client(&orders, version, &sessions, &nobody);
        check(&nobody, &own, HandshakeKind::Full, NONE).await;
    }
    assert!(orders.handshakes().resumed >= 4);
}
