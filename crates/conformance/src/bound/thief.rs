//! What the thief of a bound token could try, with real clients over whole TLS connections: with no
//! certificate, with others, with headers that a proxy would set, and as a bearer token.

mod proxy;
mod session;

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entra_abstractions::{AccessToken, AcquireToken, Scopes, TokenRequest, testing::assert_no_secrets};
use entra_mtls_pop::BoundClients;
use entra_web_api::{CertificateHeader, TokenValidatorBuilder};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use super::{
    Night, Secured, Speaks,
    application::{Certificate, ORDERS, mint},
    secured::validator,
};

/// An application with its token, and what its thief has.
struct Stage {
    night: Night,
    own: Certificate,
    /// Another one of the same key.
    renewed: Certificate,
    other: Certificate,
    token: AccessToken,
    log: Log,
}

const NONE: &str = "the token is bound to a certificate, and the connection has none";
const ANOTHER: &str = "the token is bound to another certificate than the connection's";
const BEARER: &str = "the token is bound to a certificate, show it as mtls_pop";
const UNBOUND: &str = "the token is not bound to a certificate, show it as Bearer";

impl Stage {
    async fn set() -> Self {
        let log = Log::listen();
        let certificates: [Certificate; 3] = mint(3).unwrap().try_into().unwrap();
        let night = Night::begin(&certificates[0], &certificates).await.unwrap();
        let token = night.token().await.unwrap();
        let [own, renewed, other] = certificates;
        Self { night, own, renewed, other, token, log }
    }

    /// The orders, which take tokens of that Entra.
    async fn orders(&self, more: impl FnOnce(TokenValidatorBuilder) -> TokenValidatorBuilder) -> Secured {
        let protect = more(validator(&self.night.emulator).unwrap()).build().unwrap();
        let router = Router::new().route("/orders", get(async || "in")).layer(protect.layer());
        Secured::start(router, Speaks::Http2).await.unwrap()
    }

    fn shown(&self) -> String {
        format!("mtls_pop {}", self.token.secret().expose())
    }

    /// What is answered, and told in the log: nothing where the request is let in.
    async fn check(&self, attempt: Attempt<'_>, refused: Option<&str>) {
        self.log.clear();
        let (status, challenge) = attempt.make().await;
        let told = self.log.take();
        assert_no_secrets(&format!("{challenge} {told}"), [self.token.secret().expose()]);
        match refused {
            None => assert_eq!((status, &*challenge), (200, ""), "{told}"),
            Some(flaw) => {
                let expected = format!("Bearer error=\"invalid_token\", error_description=\"{flaw}\"");
                assert_eq!((status, &*challenge), (401, &*expected));
                assert!(told.contains(&format!("a token was refused flaw={flaw}")), "{told}");
            }
        }
    }
}

/// A request to the orders.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    at: &'a Secured,
    certificate: Option<&'a Certificate>,
    authorization: &'a str,
    headers: &'a [(&'static str, String)],
}

impl Attempt<'_> {
    async fn make(self) -> (u16, String) {
        let url = format!("{}/orders", self.at.url);
        let client = match self.certificate {
            Some(certificate) => {
                let clients = BoundClients::new(&self.at.http(), |builder| builder);
                let binding = certificate.binding().unwrap();
                clients.of(&binding, &url.parse().unwrap()).unwrap().client().clone()
            }
            None => crate::http::client(&self.at.http()).unwrap(),
        };
        let request = client.get(&url).header(AUTHORIZATION, self.authorization);
        let request =
            self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.send().await.unwrap();
        let challenge =
            answer.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), challenge.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_stolen_token_opens_nothing() {
    let stage = Stage::set().await;
    let orders = stage.orders(|validator| validator).await;
    let shown = stage.shown();
    let with = |certificate| Attempt { at: &orders, certificate, authorization: &shown, headers: &[] };
    stage.check(with(Some(&stage.own)), None).await;
    stage.check(with(None), Some(NONE)).await;
    stage.check(with(Some(&stage.other)), Some(ANOTHER)).await;
    // The key is the same, and was proved; the certificate is not the one of the token.
    assert_eq!(stage.own.key, stage.renewed.key);
    stage.check(with(Some(&stage.renewed)), Some(ANOTHER)).await;
    let bearer = format!("Bearer {}", stage.token.secret().expose());
    for certificate in [None, Some(&stage.own), Some(&stage.other)] {
        stage.check(Attempt { authorization: &bearer, ..with(certificate) }, Some(BEARER)).await;
    }
    let plain = TokenRequest::as_app(Scopes::try_from(ORDERS).unwrap());
    let plain = stage.night.tokens.acquire(&plain).await.unwrap();
    let as_bound = format!("mtls_pop {}", plain.secret().expose());
    for certificate in [None, Some(&stage.own)] {
        stage.check(Attempt { authorization: &as_bound, ..with(certificate) }, Some(UNBOUND)).await;
    }
    let as_bearer = plain.authorization_header();
    stage.check(Attempt { authorization: as_bearer.to_str().unwrap(), ..with(Some(&stage.own)) }, None).await;
    assert_eq!(orders.handshakes().resumed, 0);
}

#[tokio::test]
async fn a_header_of_somebody_who_is_no_proxy_says_nothing() {
    let stage = Stage::set().await;
    let shown = stage.shown();
    let trusted =
        |header| move |validator: TokenValidatorBuilder| validator.certificates_from(header, ["10.0.0.0/24"]);
    for orders in [
        stage.orders(|validator| validator).await,
        stage.orders(trusted(CertificateHeader::ClientCert)).await,
        stage.orders(trusted(CertificateHeader::XForwardedClientCert)).await,
    ] {
        let forged = [client_cert(&stage.own), forwarded(&stage.own)];
        let with =
            |certificate| Attempt { at: &orders, certificate, authorization: &shown, headers: &forged };
        stage.check(with(None), Some(NONE)).await;
        stage.check(with(Some(&stage.other)), Some(ANOTHER)).await;
        stage.check(with(Some(&stage.renewed)), Some(ANOTHER)).await;
        stage.check(with(Some(&stage.own)), None).await;
    }
}

/// As a proxy tells it (RFC 9440).
fn client_cert(certificate: &Certificate) -> (&'static str, String) {
    ("client-cert", format!(":{}:", STANDARD.encode(certificate.der().unwrap())))
}

/// As Envoy tells it.
fn forwarded(certificate: &Certificate) -> (&'static str, String) {
    let thumbprint = certificate.binding().unwrap().thumbprint().to_owned();
    ("x-forwarded-client-cert", format!("By=spiffe://x;Hash={}", hex(&thumbprint)))
}

/// A thumbprint as Envoy writes it.
fn hex(thumbprint: &str) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(thumbprint).unwrap();
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What our crates tell while it listens.
struct Log(Arc<Mutex<Vec<u8>>>, #[expect(dead_code, reason = "it listens while it lives")] DefaultGuard);

impl Log {
    fn listen() -> Self {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("entra_web_api=trace,entra_token_acquisition=trace"))
            .with_ansi(false)
            .with_writer(move || Lines(Arc::clone(&writer)))
            .finish();
        Self(lines, tracing::subscriber::set_default(subscriber))
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn take(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
