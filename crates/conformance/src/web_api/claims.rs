//! Our claims in the words of .NET: inbound names are mapped, every value becomes a text.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// .NET's inbound claim map, as far as tokens of Entra carry these names.
const MAPPED: &[(&str, &str)] = &[
    ("acr", "http://schemas.microsoft.com/claims/authnclassreference"),
    ("actort", "http://schemas.xmlsoap.org/ws/2009/09/identity/claims/actor"),
    ("amr", "http://schemas.microsoft.com/claims/authnmethodsreferences"),
    ("birthdate", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/dateofbirth"),
    ("email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"),
    ("family_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"),
    ("gender", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/gender"),
    ("given_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"),
    ("group", "http://schemas.xmlsoap.org/claims/Group"),
    ("idp", "http://schemas.microsoft.com/identity/claims/identityprovider"),
    ("nameid", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"),
    ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"),
    ("role", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"),
    ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"),
    ("scp", "http://schemas.microsoft.com/identity/claims/scope"),
    ("sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"),
    ("tid", "http://schemas.microsoft.com/identity/claims/tenantid"),
    ("unique_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"),
    ("upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"),
    ("website", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/webpage"),
    ("winaccountname", "http://schemas.microsoft.com/ws/2008/06/identity/claims/windowsaccountname"),
];

/// The claims as .NET's principal would show them. Values of two names that are mapped to one are
/// sorted: their order in the token is lost.
pub(crate) fn mapped(claims: &Map<String, Value>, maps_claims: bool) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in claims {
        let mapped = MAPPED.iter().find(|(short, _)| maps_claims && short == name).map(|(_, long)| *long);
        let mut values = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            Value::Number(number) if matches!(name.as_str(), "exp" | "nbf" | "iat") => {
                vec![seconds(number)]
            }
            one => vec![text(one)],
        };
        let known = found.entry(mapped.unwrap_or(name).to_owned()).or_default();
        let is_second = !known.is_empty();
        known.append(&mut values);
        if is_second {
            known.sort();
        }
    }
    // An empty list is no claim at all.
    found.retain(|_, values| !values.is_empty());
    found
}

/// Whether two lists of values are the same; long ones were cut, objects may be spelled otherwise.
pub(crate) fn is_same(recorded: &[String], ours: &[String]) -> bool {
    let pairs =
        |recorded: &[String]| recorded.iter().zip(ours).all(|(recorded, ours)| is_same_value(recorded, ours));
    let mut sorted = recorded.to_vec();
    sorted.sort();
    recorded.len() == ours.len() && (pairs(recorded) || pairs(&sorted))
}

fn is_same_value(recorded: &str, ours: &str) -> bool {
    let characters = ours.chars().count();
    if characters > 2000 {
        let start: String = ours.chars().take(200).collect();
        return recorded == format!("{start}...({characters} characters)");
    }
    let json = |text: &str| {
        serde_json::from_str::<Value>(text).ok().filter(|value| value.is_object() || value.is_array())
    };
    recorded == ours || json(recorded).is_some_and(|recorded| Some(recorded) == json(ours))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => decimal(number),
        other => other.to_string(),
    }
}

fn seconds(number: &Number) -> String {
    number
        .as_f64()
        .filter(|_| number.is_f64())
        .map_or_else(|| number.to_string(), |float| format!("{:.0}", float.floor()))
}

/// As .NET writes numbers: with an exponent from 1E+15 on and below 1E-05.
fn decimal(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    if float == 0.0 || (1e-5..1e15).contains(&float.abs()) {
        return float.to_string();
    }
    let (mantissa, exponent) = split(&format!("{float:E}"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent.as_str()), |digits| ('-', digits));
    format!("{mantissa}E{sign}{digits:0>2}")
}

fn split(written: &str) -> (String, String) {
    let (mantissa, exponent) = written.split_once('E').unwrap_or((written, "0"));
    (mantissa.to_owned(), exponent.to_owned())
}
