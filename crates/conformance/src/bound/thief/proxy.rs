//! The thief before a proxy that ends TLS, and behind one that is careless.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderName, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use entra_web_api::{CertificateHeader, ClientCertificate};
use reqwest::Client;

use super::{ANOTHER, Attempt, NONE, Stage, client_cert, forwarded, hex};
use crate::bound::{Secured, Speaks, application::Certificate};

/// A proxy that tells the certificate of its client, and nothing that the client itself tells.
#[derive(Clone)]
struct Proxy {
    client: Client,
    orders: Arc<str>,
    header: CertificateHeader,
    /// Of which it sees the whole, not the digest alone.
    clients: Arc<[Certificate]>,
}

const TOLD: [&str; 2] = ["client-cert", "x-forwarded-client-cert"];

async fn pass(
    State(proxy): State<Proxy>,
    shown: Option<Extension<ClientCertificate>>,
    request: Request,
) -> Response {
    let mut headers = request.headers().clone();
    for name in TOLD {
        headers.remove(name);
    }
    headers.remove("host");
    let is_shown = |one: &&Certificate| {
        shown.is_some_and(|shown| shown.thumbprint() == one.binding().unwrap().thumbprint())
    };
    if let Some(certificate) = proxy.clients.iter().find(is_shown) {
        let (name, value) = told(proxy.header, certificate);
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    let url = format!("{}{}", proxy.orders, request.uri().path());
    let answer = proxy.client.get(url).headers(headers).send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let challenge = answer.headers().get(WWW_AUTHENTICATE).cloned();
    let mut response = status.into_response();
    response.headers_mut().extend(challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)));
    response
}

/// What such a proxy tells of a certificate.
fn told(header: CertificateHeader, certificate: &Certificate) -> (&'static str, String) {
    match header {
        CertificateHeader::XForwardedClientCert => forwarded(certificate),
        _ => client_cert(certificate),
    }
}

#[tokio::test]
async fn a_proxy_tells_what_it_saw_and_not_what_it_was_told() {
    let stage = Stage::set().await;
    let shown = stage.shown();
    for header in [CertificateHeader::ClientCert, CertificateHeader::XForwardedClientCert] {
        let orders = stage.orders(|validator| validator.certificates_from(header, ["127.0.0.1"])).await;
        let client = crate::http::client(&orders.http()).unwrap();
        let clients = [&stage.own, &stage.renewed, &stage.other].map(Certificate::clone).into();
        let proxy = Proxy { client, orders: orders.url.as_str().into(), header, clients };
        let router = Router::new().route("/orders", get(pass)).with_state(proxy);
        let proxy = Secured::start(router, Speaks::Http1).await.unwrap();
        let forged = [client_cert(&stage.own), forwarded(&stage.own)];
        for headers in [&[][..], &forged] {
            let with = |certificate| Attempt { at: &proxy, certificate, authorization: &shown, headers };
            stage.check(with(Some(&stage.own)), None).await;
            stage.check(with(None), Some(NONE)).await;
            stage.check(with(Some(&stage.other)), Some(ANOTHER)).await;
            stage.check(with(Some(&stage.renewed)), Some(ANOTHER)).await;
        }
    }
}

#[tokio::test]
async fn what_a_careless_proxy_hands_on_is_not_guessed_at() {
    let stage = Stage::set().await;
    let shown = stage.shown();
    let trusting = |header| stage.orders(move |validator| validator.certificates_from(header, ["127.0.0.1"]));
    let client_cert_is = trusting(CertificateHeader::ClientCert).await;
    let forwarded_is = trusting(CertificateHeader::XForwardedClientCert).await;
    let check = async |header, headers: &[(&'static str, String)], told| {
        let orders = match header {
            CertificateHeader::XForwardedClientCert => &forwarded_is,
            _ => &client_cert_is,
        };
        let attempt = Attempt { at: orders, certificate: None, authorization: &shown, headers };
        stage.check(attempt, told).await;
        // The connection is the proxy's: its own certificate is not that of whoever it speaks for.
        stage.check(Attempt { certificate: Some(&stage.own), ..attempt }, told).await;
    };
    for header in [CertificateHeader::ClientCert, CertificateHeader::XForwardedClientCert] {
        let (name, value) = told(header, &stage.own);
        check(header, &[(name, value.clone())], None).await;
        check(header, &[], Some(NONE)).await;
        // It adds to what its client sent, instead of putting its own there.
        check(header, &[(name, value.clone()), (name, value.clone())], Some(NONE)).await;
        check(header, &[(name, format!("{value}, {value}"))], Some(NONE)).await;
        check(header, &[told(header, &stage.other)], Some(ANOTHER)).await;
    }
    let der = stage.own.der().unwrap();
    let (base64, url_safe) = (STANDARD.encode(&der), URL_SAFE_NO_PAD.encode(&der));
    for broken in [
        base64.clone(),
        format!(":{base64}"),
        format!(":{url_safe}:"),
        format!(":{base64}::{base64}:"),
        "::".to_owned(),
        ":%3A:".to_owned(),
        ":not base64:".to_owned(),
        stage.own.certificate.replace('\n', " "),
    ] {
        check(CertificateHeader::ClientCert, &[("client-cert", broken)], Some(NONE)).await;
    }
    let cut = format!(":{}:", STANDARD.encode(&der[..der.len() - 1]));
    check(CertificateHeader::ClientCert, &[("client-cert", cut)], Some(ANOTHER)).await;
    let hash = hex(stage.own.binding().unwrap().thumbprint());
    for broken in [
        format!("Hash={}", &hash[1..]),
        format!("Hash={hash};Hash={hash}"),
        format!("Hash=\"{hash}"),
        format!("Hash={hash},Hash={hash}"),
        format!("Hash=+{}", &hash[1..]),
        format!("Subject=\"Hash={hash}\""),
        format!("Hash={hash};Cert=\"%zz\""),
        format!("{};{}", forwarded(&stage.own).1, forwarded(&stage.other).1),
        format!("Cert=\"{base64}\""),
        hash.clone(),
    ] {
        let header = CertificateHeader::XForwardedClientCert;
        check(header, &[("x-forwarded-client-cert", broken)], Some(NONE)).await;
    }
}
