//! Tokens that are bound to a certificate: what their thief could try.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header::WWW_AUTHENTICATE},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_web_api::{CertificateHeader, ClientCertificate, Denial, Flaw, Peer, TokenValidator};
use serde_json::json;
use tower::ServiceExt;

use crate::entra::Entra;

const OWN: &[u8] = b"the certificate of the one who got the token";
/// Of the same key, as far as that can be told from a certificate that is not parsed: another one.
const RENEWED: &[u8] = b"the certificate of the one who got the token, renewed";

fn app(validator: &TokenValidator) -> Router {
    Router::new().route("/", get(async || "in")).layer(validator.layer())
}

fn thumbprint() -> String {
    ClientCertificate::from_der(OWN).thumbprint()
}

/// A call over a connection with this certificate.
struct Call<'a> {
    scheme: &'a str,
    certificate: Option<&'a [u8]>,
    peer: Option<&'a str>,
    header: Option<(&'static str, String)>,
}

const PLAIN: Call<'static> = Call { scheme: "mtls_pop", certificate: None, peer: None, header: None };

async fn check(validator: &TokenValidator, token: &str, call: Call<'_>, refused: Option<&str>) {
    let mut request = Request::get("/").header("authorization", format!("{} {token}", call.scheme));
    if let Some((name, value)) = call.header {
        request = request.header(name, HeaderValue::from_str(&value).unwrap());
    }
    let mut request = request.body(Body::empty()).unwrap();
    if let Some(der) = call.certificate {
        request.extensions_mut().insert(ClientCertificate::from_der(der));
    }
    if let Some(peer) = call.peer {
        request.extensions_mut().insert(Peer::new(peer.parse().unwrap()));
    }
    let response = app(validator).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    match refused {
        None => assert_eq!((status, challenge), (200, None)),
        Some(words) => {
            assert_eq!(status, 401, "{words}");
            assert!(challenge.unwrap().contains(words), "{words}");
        }
    }
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let token = entra.token(0, &json!({"cnf": {"x5t#S256": thumbprint()}}));
    let none = "the connection has none";
    let another = "another certificate than the connection's";
    for scheme in ["mtls_pop", "MTLS_POP"] {
        check(&validator, &token, Call { scheme, certificate: Some(OWN), ..PLAIN }, None).await;
    }
    check(&validator, &token, PLAIN, Some(none)).await;
    check(&validator, &token, Call { certificate: Some(RENEWED), ..PLAIN }, Some(another)).await;
    // With the right certificate, too: who shows it as a bearer token has it from a log, or a proxy.
    for certificate in [None, Some(OWN)] {
        check(
            &validator,
            &token,
            Call { scheme: "Bearer", certificate, ..PLAIN },
            Some("show it as mtls_pop"),
        )
        .await;
    }
    // A header that nobody is trusted to set.
    let forged = format!(":{}:", STANDARD.encode(OWN));
    let header = Some(("client-cert", forged.clone()));
    check(&validator, &token, Call { peer: Some("10.0.0.5"), header, ..PLAIN }, Some(none)).await;
    let hash = ClientCertificate::from_der(OWN).thumbprint();
    let header = Some(("x-forwarded-client-cert", format!("Hash={hash}")));
    check(&validator, &token, Call { header, ..PLAIN }, Some(none)).await;
}

#[tokio::test]
async fn a_plain_token_is_none_that_is_bound() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let told = Some("not bound to a certificate");
    let plain = entra.token(0, &json!({}));
    check(&validator, &plain, Call { certificate: Some(OWN), ..PLAIN }, told).await;
    check(&validator, &plain, Call { scheme: "Bearer", certificate: Some(OWN), ..PLAIN }, None).await;
    // Another confirmation is for those who understand it.
    let other = entra.token(0, &json!({"cnf": {"kid": "a key of the caller's"}}));
    check(&validator, &other, Call { certificate: Some(OWN), ..PLAIN }, told).await;
    check(&validator, &other, Call { scheme: "Bearer", ..PLAIN }, None).await;
    for hostile in [json!("x"), json!({"x5t#S256": 1}), json!([1])] {
        let token = entra.token(0, &json!({"cnf": hostile}));
        let told = Some("the token's confirmation (cnf) cannot be read");
        check(&validator, &token, Call { certificate: Some(OWN), ..PLAIN }, told).await;
        check(&validator, &token, Call { scheme: "Bearer", ..PLAIN }, told).await;
    }
    // What binds is not enough: the token must be good as well.
    let expired = entra.token(0, &json!({"nbf": 0, "exp": 1, "cnf": {"x5t#S256": thumbprint()}}));
    check(&validator, &expired, Call { certificate: Some(OWN), ..PLAIN }, Some("the token has expired"))
        .await;
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_certificate() {
    let entra = Entra::start().await;
    let proxied = |header| entra.builder().certificates_from(header, ["10.0.0.0/24"]).build().unwrap();
    let token = entra.token(0, &json!({"cnf": {"x5t#S256": thumbprint()}}));
    let header = || Some(("client-cert", format!(":{}:", STANDARD.encode(OWN))));
    let validator = proxied(CertificateHeader::ClientCert);
    let call = |peer| Call { peer, header: header(), ..PLAIN };
    check(&validator, &token, call(Some("10.0.0.5")), None).await;
    let none = Some("the connection has none");
    for peer in [Some("10.0.1.5"), None] {
        check(&validator, &token, call(peer), none).await;
    }
    let other = proxied(CertificateHeader::XForwardedClientCert);
    check(&other, &token, call(Some("10.0.0.5")), none).await;
    let fault = entra.builder().certificates_from(CertificateHeader::ClientCert, ["anybody"]).build();
    assert!(fault.unwrap_err().to_string().contains("not the address of a proxy"));
}

#[tokio::test]
async fn without_a_layer_it_is_the_same() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let token = entra.token(0, &json!({"cnf": {"x5t#S256": thumbprint()}}));
    validator.validate_bound(&token, &ClientCertificate::from_der(OWN)).await.unwrap();
    let flaw = |outcome: Result<_, Denial>| match outcome.unwrap_err() {
        Denial::InvalidToken(flaw) => flaw,
        other => panic!("{other}"),
    };
    assert_eq!(
        flaw(validator.validate_bound(&token, &ClientCertificate::from_der(RENEWED)).await),
        Flaw::AnotherCertificate
    );
    assert_eq!(flaw(validator.validate(&token).await), Flaw::BoundAsBearer);
    assert_eq!(flaw(validator.validate_now(&token).unwrap()), Flaw::BoundAsBearer);
}
