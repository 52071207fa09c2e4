//! No token, secret or name of a user in any log, error or `Debug` of an agent's calls.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use entra_abstractions::{AcquireToken, TokenRequest, testing::assert_no_secrets};
use entra_agent_identities::WithAgentIdentity;
use entra_emulator::{Fault, ids};
use tracing_subscriber::{filter::LevelFilter, fmt};

use crate::kit::{GRAPH, Kit, ORDERS, READ, SECOND_USER_UPN, as_user, every_text, scopes};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn nothing_gets_out() {
    fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(|| Writer).init();
    let kit = Kit::new();
    let alice = kit.caller("alice");
    let mut secrets = vec![
        ids::BLUEPRINT_SECRET.to_owned(),
        ids::AGENT_USER_UPN.to_owned(),
        SECOND_USER_UPN.to_owned(),
        ids::ALICE_UPN.to_owned(),
        alice.token().expose().to_owned(),
    ];
    let mut told = Vec::new();
    let requests = [
        TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT),
        TokenRequest::on_behalf_of(scopes(READ), &alice).with_agent_identity(ids::AGENT),
        as_user(GRAPH, ids::AGENT_USER_UPN),
        as_user(GRAPH, SECOND_USER_UPN),
    ];
    let faults: [fn() -> Fault; 6] = [
        || Fault::refuse(7_000_215, "invalid_client"),
        || Fault::refuse(50_173, "invalid_grant"),
        || Fault::status(503).times(2),
        || Fault::reset().times(2),
        Fault::truncated_json,
        Fault::html,
    ];
    for request in &requests {
        for skipped in 0..3 {
            for fault in faults {
                let tokens = kit.agents();
                kit.emulator.faults().clear();
                kit.emulator.faults().add(fault().after(skipped));
                match tokens.acquire(request).await {
                    Ok(token) => {
                        secrets.push(token.secret().expose().to_owned());
                        told.push(format!("{token:?}"));
                    }
                    Err(error) => told.push(every_text(&error)),
                }
                told.push(format!("{tokens:?} {:?} {request:?}", tokens.blueprint()));
            }
        }
    }
    let logged = String::from_utf8(LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
    assert!(logged.contains("correlation_id"), "something is logged at all");
    for text in [logged, told.join("\n")] {
        assert_no_secrets(&text, secrets.iter().map(String::as_str));
        // Tokens that only the engine and Entra ever held, by how they begin.
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) {
            let is_token = ["eyJ", "1.R"].iter().any(|start| word.starts_with(start)) && word.len() > 40;
            assert!(!is_token, "something like a token got out: {}..", &word[..8]);
        }
    }
}
