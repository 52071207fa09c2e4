//! Connection strings, in .NET's syntax or as URLs, which hold passwords.

use entra_abstractions::{ConnectionString, Faults, Section};
use serde_json::Value;

/// Whatever text it is, it is taken apart or refused; no fault and no `Debug` repeats a value, and
/// every part is either taken or told.
///
/// # Panics
/// Where that does not hold.
pub fn connection_string(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let root = Section::new("", Value::Null);
    let Ok(written) = ConnectionString::of(&root, &text) else { return };
    let written = written.at("ConnectionStrings.Db");
    assert_eq!(format!("{written:?}"), r#"ConnectionString { path: "ConnectionStrings.Db", .. }"#);
    if written.is_url()
        && let Err(fault) = written.url()
    {
        let fault = format!("{fault} {fault:?}");
        assert!(text.len() < LONG || !fault.contains(text.trim()), "a URL got out");
    }
    let taken = match written.scheme() {
        Some(scheme) => written.url_parts(&[&scheme]),
        None => written.parts(),
    };
    let Ok(mut parts) = taken else { return };
    let mut faults = Faults::default();
    let password = parts.take(&["Password", "Pwd"]);
    let value = password.map(|password| password.expose().to_owned()).unwrap_or_default();
    let told = format!("{parts:?}");
    parts.number::<u16>(&["Port"], &mut faults);
    parts.flag(&["Encrypt"], &mut faults);
    parts.finish(&mut faults);
    let fault = faults.into_result(()).map_or_else(|fault| fault.to_string(), |()| String::new());
    // What is long and is not a part's name stands in no word of ours.
    let is_ours = told.contains(&value) || value.len() < LONG;
    assert!(is_ours || !fault.contains(&value), "a password got out");
}

/// From here on a text that stands in a fault stands there because it was put there.
const LONG: usize = 12;
