//! Who may come in: by the signature of the account's key, or with the token.
//! <https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources>

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, Method, header::AUTHORIZATION};
use base64::{Engine, engine::general_purpose::STANDARD};

/// `s3cret?%G&=` in base64.
pub(crate) const KEY: &str = "czNjcmV0PyVHJj0=";
pub(crate) const TOKEN: &str = "at.s3cret?%G&=.cosmos";

pub(super) fn is_let_in(method: &Method, path: &[&str], headers: &HeaderMap, token: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form: Vec<(String, String)> = {
        // The whole form is encoded once more, as one value.
        let written = format!("it={}", text(AUTHORIZATION.as_str()));
        let form = form_urlencoded::parse(written.as_bytes()).next().map(|(_, form)| form.into_owned());
        let form = form.unwrap_or_default();
        form.split('&')
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    };
    let field =
        |name: &str| form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    match field("type") {
        "master" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
            let (kind, link) = resource(path);
            let date = text("x-ms-date").to_lowercase();
            let signed = format!("{}\n{kind}\n{link}\n{date}\n\n", method.as_str().to_lowercase());
            let signature = STANDARD.decode(field("sig")).unwrap_or_default();
            hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
        }
        // The token holds a `&` itself, and comes last.
        "aad" => {
            let written = format!("it={}", text(AUTHORIZATION.as_str()));
            let form = form_urlencoded::parse(written.as_bytes()).next().map(|(_, form)| form.into_owned());
            form.as_deref() == Some(format!("type=aad&ver=1.0&sig={token}").as_str())
        }
        _ => false,
    }
}

/// What kind of resource a path leads to, and the one that is signed for.
fn resource(path: &[&str]) -> (String, String) {
    match path {
        [] => (String::new(), String::new()),
        [parents @ .., kind] if path.len() % 2 == 1 => ((*kind).to_owned(), parents.join("/")),
        [.., kind, _] => ((*kind).to_owned(), path.join("/")),
        [_] => unreachable!("one segment is odd"),
    }
}
