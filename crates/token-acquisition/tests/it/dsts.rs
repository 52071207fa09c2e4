//! dSTS, Microsoft's own token service for its data centres: older in its taste, otherwise the same.

use std::{path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::AcquireToken;
use entra_token_acquisition::{Application, ApplicationBuilder, TokenAcquirer};
use serde_json::Value;

use crate::{
    kit::{GRAPH, Kit, ORDERS, as_app, at_once, builder, who},
    wiretap::{Wiretap, granted, reply},
};

fn at(
    wiretap: &Wiretap,
    kit: &Kit,
    with: impl FnOnce(ApplicationBuilder) -> ApplicationBuilder,
) -> TokenAcquirer {
    let application = Application::builder()
        .instance(format!("{}/dstsv2", wiretap.url))
        .tenant("7a433bfc-2514-4697-b467-e0933190487f")
        .client_id("client");
    builder(with(application).build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap()
}

/// The form of a request, decoded.
fn form(request: &str) -> Vec<(String, String)> {
    let body = request.split_once("\r\n\r\n").unwrap().1;
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn it_is_asked_as_entra_is() {
    let refused = r#"{"error":"invalid_scope","error_description":"no such scope"}"#;
    let refusal = reply("400 Bad Request", "content-type: application/json\r\n", refused);
    let wiretap = Wiretap::that([granted("t"), refusal]).await;
    let kit = Kit::new();
    let tokens = at(&wiretap, &kit, |application| application.secret("s3cret?%G&="));
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    at_once(&tokens, &as_app(ORDERS));
    let heard = wiretap.heard();
    assert!(
        heard[0].starts_with("POST /dstsv2/7a433bfc-2514-4697-b467-e0933190487f/oauth2/v2.0/token "),
        "{}",
        heard[0]
    );
    let sent = form(&heard[0]);
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("scope", ORDERS),
        ("client_id", "client"),
        ("client_secret", "s3cret?%G&="),
    ] {
        assert!(sent.contains(&(name.to_owned(), value.to_owned())), "{name} {sent:?}");
    }
    let error = tokens.acquire(&as_app(GRAPH)).await.unwrap_err();
    assert_eq!(
        (who(&error), error.exchange().unwrap().error()),
        ("the administrator", Some("invalid_scope"))
    );
}

#[tokio::test]
async fn its_assertions_are_of_the_older_kind() {
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys/rsa.pem");
    for sends_x5c in [false, true] {
        let wiretap = Wiretap::that([granted("t")]).await;
        let kit = Kit::new();
        let tokens = at(&wiretap, &kit, |application| {
            let application = application.certificate_file(&key);
            if sends_x5c { application.send_x5c() } else { application }
        });
        tokens.acquire(&as_app(ORDERS)).await.unwrap();
        let sent = form(&wiretap.heard()[0]);
        let assertion = &sent.iter().find(|(name, _)| name == "client_assertion").unwrap().1;
        let header = URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], "RS256");
        assert_eq!((header["x5t"].is_string(), header["x5t#S256"].is_null()), (true, true));
        assert_eq!(header["x5c"].is_array(), sends_x5c);
    }
}
