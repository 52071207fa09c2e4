//! The requests behind a story, one line each.

use entra_emulator::{Endpoint, Entry};

use super::{Played, Then};

pub(super) fn told(then: &Then, played: &Played, warm: usize) -> Vec<String> {
    // That a web API reads Entra's metadata and keys is no part of any story.
    let of_story = |entry: &&Entry| !matches!(entry.endpoint, Endpoint::Metadata | Endpoint::Keys);
    let requests = played.requests.iter().filter(of_story);
    let mut lines: Vec<String> =
        requests.enumerate().map(|(at, entry)| format!("{} {}", at + 1, line(entry))).collect();
    let proven = played.first.body.get("proves");
    lines.extend(proven.map(|proven| format!("it proves {proven}")));
    let certificate =
        played.first.body.get("certificate").and_then(|certificate| certificate.as_str()?.get(..8));
    lines.extend(
        certificate
            .map(|certificate| format!("the API was shown certificate {certificate}.. in the handshake")),
    );
    lines.extend(
        played
            .attempts
            .iter()
            .map(|theft| format!("stolen, {}: {}, {}", theft.how, theft.status, theft.said)),
    );
    let when = match then {
        Then::Again => "again",
        Then::AnotherInstance => "in another instance, with the same SQLite file",
        Then::Restart => "after a restart, with the same SQLite file",
        Then::Later => "twelve hours later, in another process with the same SQLite file",
        Then::Thief => "again, by its owner",
    };
    lines.push(match warm {
        0 => format!("{when}: no request for a token"),
        1 => format!("{when}: one request for a token"),
        more => format!("{when}: {more} requests for tokens"),
    });
    lines
}

/// `token    blueprint for agent-one      assistant-blueprint   api://AzureADTokenExchange/.default -> 200`
fn line(entry: &Entry) -> String {
    let what = match &entry.leg {
        Some(leg) => format!(
            "{leg:<27} {:<19} {}",
            entry.client.as_deref().or(entry.client_id.as_deref()).unwrap_or("nobody"),
            entry.scope.as_deref().unwrap_or("-")
        ),
        None => format!("{} {}", entry.method, entry.path),
    };
    let status = entry.status.map_or_else(|| String::from("no answer"), |status| status.to_string());
    let certificate = entry.client_certificate.as_deref().and_then(|shown| shown.get(..8));
    let notes = [
        entry.aadsts.map(|number| format!(" AADSTS{number}")),
        certificate.map(|certificate| format!(" (certificate {certificate}..)")),
        entry.fault.map(|fault| format!(" (scripted: {fault})")),
    ];
    let notes: String = notes.into_iter().flatten().collect();
    format!("{:<8} {what} -> {status}{notes}", entry.endpoint.to_string())
}
