//! Compares what was recorded with what we sent and answered, field by field, by the rules of the
//! recordings' README.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    outcome::{Expected, Failure, Outcome, Refusal, Said},
    request::Request,
};

/// Where two stories part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `request 2, form.scope`.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) ours: String,
}

impl Difference {
    /// A difference at this place.
    pub(crate) fn new(
        place: impl Into<String>,
        expected: impl Into<String>,
        ours: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), expected: expected.into(), ours: ours.into() }
    }
}

/// Headers that must be the same, present or absent, whoever sends.
const HEADERS: &[&str] = &["authorization", "x-anchormailbox", "metadata", "x-identity-header", "secret"];

/// Compares the requests of a step. `named` are the headers that the scenario's input names, in
/// lower case.
pub(crate) fn requests(expected: &[Request], ours: &[Request], named: &BTreeSet<String>) -> Vec<Difference> {
    let expected: Vec<&Request> = expected.iter().filter(|request| request.kind.counts()).collect();
    let ours: Vec<&Request> = ours.iter().filter(|request| request.kind.counts()).collect();
    let mut found = Vec::new();
    for (index, (expected, ours)) in expected.iter().zip(&ours).enumerate() {
        request(expected, ours, named, &mut |place, expected, ours| {
            found.push(Difference::new(format!("request {}, {place}", index + 1), expected, ours));
        });
    }
    let place = |index: usize| format!("request {}", index + 1);
    let both = expected.len().min(ours.len());
    for (index, missing) in expected.iter().enumerate().skip(both) {
        found.push(Difference::new(place(index), missing.summary(), "not sent"));
    }
    for (index, extra) in ours.iter().enumerate().skip(both) {
        found.push(Difference::new(place(index), "not sent", extra.summary()));
    }
    found
}

type Note<'a> = dyn FnMut(String, String, String) + 'a;

fn request(expected: &Request, ours: &Request, named: &BTreeSet<String>, note: &mut Note<'_>) {
    let mut plain = |place: &str, expected: &str, ours: &str| {
        if expected != ours {
            note(place.to_owned(), expected.to_owned(), ours.to_owned());
        }
    };
    plain("kind", &format!("{:?}", expected.kind), &format!("{:?}", ours.kind));
    plain("method", &expected.method, &ours.method);
    plain("url", &expected.url, &ours.url);
    let nobody = "none".to_owned();
    plain(
        "client certificate",
        expected.client_certificate.as_ref().unwrap_or(&nobody),
        ours.client_certificate.as_ref().unwrap_or(&nobody),
    );
    fields("query", &expected.query, &ours.query, &|_| false, note);
    let is_app = expected.form_text("grant_type") == Some("client_credentials");
    fields("form", &expected.form, &ours.form, &|name| is_app && name == "client_info", note);
    headers(expected, ours, named, note);
    if !same_json(&expected.body, &ours.body) {
        note("body".into(), shown(Some(&expected.body)), shown(Some(&ours.body)));
    }
}

fn headers(expected: &Request, ours: &Request, named: &BTreeSet<String>, note: &mut Note<'_>) {
    let mut names: BTreeSet<&str> = HEADERS.iter().copied().chain(named.iter().map(String::as_str)).collect();
    // The host is part of the URL that was asked.
    names.remove("host");
    if expected.headers.contains_key("accept") {
        names.insert("accept");
    }
    // An id that nobody gave is random.
    if expected.headers.get("client-request-id").is_some_and(|id| id != "<guid>") {
        names.insert("client-request-id");
    }
    for name in names {
        let (expected, ours) = (expected.headers.get(name), ours.headers.get(name));
        if expected != ours {
            note(format!("header {name}"), or_absent(expected), or_absent(ours));
        }
    }
    let media_type = |request: &Request| {
        let value = request.headers.get("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    };
    let (expected, ours) = (media_type(expected), media_type(ours));
    if expected != ours {
        note("header content-type".into(), or_absent(expected.as_ref()), or_absent(ours.as_ref()));
    }
}

fn fields(
    place: &str,
    expected: &BTreeMap<String, Value>,
    ours: &BTreeMap<String, Value>,
    is_information: &dyn Fn(&str) -> bool,
    note: &mut Note<'_>,
) {
    let names: BTreeSet<&String> = expected.keys().chain(ours.keys()).collect();
    for name in names.into_iter().filter(|name| !is_information(name)) {
        let (expected, ours) = (expected.get(name), ours.get(name));
        let same = match (expected, ours) {
            (Some(expected), Some(ours)) => same_field(name, expected, ours),
            _ => false,
        };
        if !same {
            note(format!("{place}.{name}"), shown(expected), shown(ours));
        }
    }
}

fn same_field(name: &str, expected: &Value, ours: &Value) -> bool {
    match (name, expected.as_str(), ours.as_str()) {
        ("scope", Some(expected), Some(ours)) => {
            let words =
                |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
            words(expected) == words(ours)
        }
        ("claims", Some(_), Some(_)) => same_json(expected, ours),
        _ => expected == ours,
    }
}

/// Equal, or texts of equal JSON.
fn same_json(expected: &Value, ours: &Value) -> bool {
    let parsed = |value: &Value| value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    expected == ours || parsed(expected).is_some_and(|expected| Some(expected) == parsed(ours))
}

/// Compares what a step came to.
pub(crate) fn outcome(expected: &Expected, ours: &Outcome) -> Vec<Difference> {
    match (expected, ours) {
        (Expected::Done(expected), Outcome::Done(ours)) => done(expected, ours),
        (Expected::Done(expected), Outcome::Failed(failure)) => {
            vec![Difference::new("result", expected.to_string(), format!("failed: {}", failure.text))]
        }
        (Expected::Failed { .. }, Outcome::Done(ours)) => {
            vec![Difference::new("result", "a failure", ours.to_string())]
        }
        (Expected::Failed { said, names }, Outcome::Failed(failure)) => {
            let mut found: Vec<Difference> = said.iter().filter_map(|said| refusal(said, failure)).collect();
            for name in names.iter().filter(|name| !failure.text.contains(*name)) {
                found.push(Difference::new("failure's text", format!("names {name}"), failure.text.as_str()));
            }
            found
        }
    }
}

fn refusal(said: &Said, failure: &Failure) -> Option<Difference> {
    let mut ours = failure.refusal.clone();
    let expected = match said {
        Said::Api(status) => {
            ours = Refusal { status: ours.status, ..Refusal::default() };
            &Refusal { status: *status, ..Refusal::default() }
        }
        Said::Entra(refusal) => {
            // A code that the recorded library made up is nothing to compare with.
            ours.error = ours.error.filter(|_| refusal.error.is_some());
            refusal
        }
    };
    (*expected != ours).then(|| {
        let told = format!("{} ({})", ours.to_json(), failure.text);
        Difference::new("failure", expected.to_json().to_string(), told)
    })
}

fn done(expected: &Value, ours: &Value) -> Vec<Difference> {
    // The recording tells the key of a long-running session, which our callers hold themselves.
    let members = |value: &Value| {
        let members = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "session_key");
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let mut found = Vec::new();
    fields(
        "result",
        &scopes_as_set(members(expected)),
        &scopes_as_set(members(ours)),
        &|_| false,
        &mut |place, expected, ours| {
            found.push(Difference::new(place, expected, ours));
        },
    );
    found
}

fn scopes_as_set(mut members: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    if let Some(Value::Array(scopes)) = members.get_mut("scopes") {
        scopes.sort_by_key(ToString::to_string);
    }
    members
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "absent".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn or_absent(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "absent".to_owned())
}
