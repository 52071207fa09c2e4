//! Brings a request that arrived into the form in which recordings keep theirs.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{Method, request::Parts};
use serde_json::{Map, Value, json};

use super::{
    certificates::NamedCertificates,
    request::{Kind, Request},
    scenario::Person,
};

/// What is replaced by its name, and by what assertions are judged.
#[derive(Debug)]
pub(crate) struct Captor {
    pub(crate) users: BTreeMap<String, Person>,
    pub(crate) certificates: NamedCertificates,
}

/// Clocks may part by so many seconds between making an assertion and judging it.
const SLACK: i64 = 5;

impl Captor {
    /// The normal form of a request that arrived by this scheme, over a connection with this client
    /// certificate, at this time.
    pub(crate) fn capture(
        &self,
        (scheme, shown): (&str, Option<&[u8]>),
        parts: &Parts,
        body: &[u8],
        now: SystemTime,
    ) -> Request {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let host = header("host").unwrap_or_default();
        let path = parts.uri.path();
        let is_form = header("content-type").is_some_and(|kind| kind.starts_with(FORM));
        let kind = kind_of(&parts.method, host, path, is_form);
        let text = String::from_utf8_lossy(body);
        let pairs = |text: &str| self.pairs(text, now);
        Request {
            kind,
            method: parts.method.to_string(),
            url: format!("{scheme}://{host}{path}"),
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: self.headers(parts),
            form: if is_form { pairs(&text) } else { BTreeMap::new() },
            body: if is_form || text.is_empty() { Value::Null } else { Value::String(text.into_owned()) },
            client_certificate: shown.map(|der| self.certificates.name(der).to_owned()),
        }
    }

    fn headers(&self, parts: &Parts) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &parts.headers {
            let value = self.named(&String::from_utf8_lossy(value.as_bytes()));
            // Two headers of one name must not pass for one.
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|known| *known = format!("{known} | {value}"))
                .or_insert(value);
        }
        headers
    }

    fn pairs(&self, text: &str, now: SystemTime) -> BTreeMap<String, Value> {
        let mut pairs = BTreeMap::<String, Value>::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = self.named(&value);
            let value = self.assertion(&value, now).unwrap_or(Value::String(value));
            // A repeated field becomes a list, which no recording has.
            match pairs.remove(&*name) {
                None => pairs.insert(name.into_owned(), value),
                Some(known) => pairs.insert(name.into_owned(), json!([known, value])),
            };
        }
        pairs
    }

    fn named(&self, text: &str) -> String {
        self.users.iter().fold(text.to_owned(), |text, (name, user)| {
            text.replace(&user.token, &format!("<user-token:{name}>"))
        })
    }

    /// A JWT, decoded and judged.
    fn assertion(&self, text: &str, now: SystemTime) -> Option<Value> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let decoded = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (mut header, mut claims) = (decoded(header)?, decoded(claims)?);
        let algorithm = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signer = self.certificates.signer(algorithm, message.as_bytes(), &signature);
        if let Some(chain) = header.get_mut("x5c") {
            *chain = self.chain(chain);
        }
        name_times(&mut claims, now);
        Some(json!({"jwt": {"header": header, "claims": claims, "signed_by": signer}}))
    }

    fn chain(&self, chain: &Value) -> Value {
        let certificates = match chain {
            Value::Array(certificates) => certificates.iter().collect(),
            one => vec![one],
        };
        let name = |certificate: &Value| {
            let der = certificate.as_str().and_then(|text| STANDARD.decode(text).ok());
            self.certificates.name(&der.unwrap_or_default()).to_owned()
        };
        let names: Vec<String> = certificates.into_iter().map(name).collect();
        json!({"is_array": chain.is_array(), "certificates": names})
    }
}

/// Only numbers are named: a time that is a text stays as it is, and differs.
fn name_times(claims: &mut Map<String, Value>, now: SystemTime) {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
    for (name, offset, named) in [("nbf", 0, "<now>"), ("exp", 600, "<now+600>")] {
        let is_it = |time: &i64| (time - now - offset).abs() <= SLACK;
        if let Some(time) = claims.get_mut(name)
            && time.as_i64().as_ref().is_some_and(is_it)
        {
            *time = Value::from(named);
        }
    }
    if let Some(id) = claims.get_mut("jti") {
        let is_guid = |text: &str| text.len() == 36 && text.split('-').count() == 5;
        if id.as_str().is_some_and(is_guid) {
            *id = Value::from("<guid>");
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn kind_of(method: &Method, host: &str, path: &str, is_form: bool) -> Kind {
    // What is known by its address alone belongs to the host that the program runs on.
    if !host.contains(char::is_alphabetic) {
        Kind::Imds
    } else if path.ends_with("/.well-known/openid-configuration") {
        Kind::Metadata
    } else if path.ends_with("/discovery/instance") {
        Kind::Instance
    } else if method == Method::POST && is_form && path.ends_with("/token") {
        Kind::Token
    } else {
        Kind::Api
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captor() -> Captor {
        let person = Person { claims: Map::new(), token: "h.p.s&x".into() };
        let certificates = NamedCertificates::read(&crate::golden::data().join("keys")).unwrap();
        Captor { users: BTreeMap::from([("alice".into(), person)]), certificates }
    }

    #[test]
    fn a_form_becomes_its_normal_form() {
        let request = http::Request::post("/t/oauth2/v2.0/token?dc=x%26y")
            .header("host", "login.example")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .unwrap();
        let body = b"assertion=h.p.s%26x&scope=a+b&twice=1&twice=2&grant_type=x";
        let found = captor().capture(("https", None), &request.into_parts().0, body, UNIX_EPOCH);
        assert_eq!(found.kind, Kind::Token);
        assert_eq!(found.url, "https://login.example/t/oauth2/v2.0/token");
        assert_eq!(found.query["dc"], "x&y");
        assert_eq!(found.form["assertion"], "<user-token:alice>");
        assert_eq!(found.form["twice"], json!(["1", "2"]));
    }

    #[test]
    fn times_are_numbers() {
        let claims = json!({"nbf": 1000, "exp": "1600", "jti": "7d9e1a9c-0000-4000-8000-000000000000"});
        let Value::Object(mut claims) = claims else { unreachable!() };
        name_times(&mut claims, UNIX_EPOCH + std::time::Duration::from_secs(1001));
        assert_eq!(Value::Object(claims), json!({"nbf": "<now>", "exp": "1600", "jti": "<guid>"}));
    }

    #[test]
    fn a_stranger_signs_for_nobody() {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let jwt = format!("{}.{}.c2ln", part(json!({"alg": "PS256", "x5c": "AAAA"})), part(json!({})));
        let decoded = captor().assertion(&jwt, UNIX_EPOCH).unwrap();
        assert_eq!(decoded["jwt"]["signed_by"], "no known certificate");
        assert_eq!(decoded["jwt"]["header"]["x5c"]["is_array"], false);
    }
}
