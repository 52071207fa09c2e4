//! What others were asked in a story, a line each, without what differs from play to play.

use entra_emulator::{Endpoint, Entry};

use super::super::kit::Kit;

/// What Entra was asked for tokens, and what those were asked who prove applications.
pub(super) fn heard(kit: &Kit) -> Vec<String> {
    kit.emulator.log().entries().iter().filter_map(line).collect()
}

fn line(entry: &Entry) -> Option<String> {
    let status = entry.status.map_or_else(|| String::from("nothing"), |status| status.to_string());
    match entry.endpoint {
        Endpoint::Token => Some(token_request(entry, &status)),
        Endpoint::ManagedIdentity => {
            Some(format!("host for {} -> {status}", entry.field("resource").unwrap_or_default()))
        }
        Endpoint::KeyVault => Some(format!("vault {} -> {status}", without_version(&entry.path))),
        Endpoint::Pipeline => Some(format!("pipeline -> {status}")),
        _ => None,
    }
}

fn token_request(entry: &Entry, status: &str) -> String {
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let line = format!(
        "{} by {} at {} for {}",
        of(&entry.leg),
        of(&entry.client),
        of(&entry.tenant),
        of(&entry.scope)
    );
    let claims = entry.field("claims").map(|claims| format!(" with {claims}")).unwrap_or_default();
    let number = entry.aadsts.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    format!("{line}{claims} -> {status}{number}")
}

/// A vault makes up another version each time.
fn without_version(path: &str) -> String {
    let is_version = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = path.trim_matches('/').split('/');
    parts.map(|part| if is_version(part) { ".." } else { part }).collect::<Vec<_>>().join("/")
}
