//! Whatever happens to whichever leg of whichever grant: who must act, and that the next call goes
//! through once it is over.

use std::time::Duration;

use entra_abstractions::{AcquireToken, TokenError, TokenRequest};
use entra_agent_identities::WithAgentIdentity;
use entra_emulator::{Fault, ids};

use crate::kit::{Kit, ORDERS, READ, as_user, scopes};

/// Each grant of an agent, with how many legs it has when nothing is known yet.
fn grants(kit: &Kit) -> [(TokenRequest, u32); 3] {
    let caller = kit.caller("maeve");
    [
        (TokenRequest::as_app(scopes(ORDERS)).with_agent_identity(ids::AGENT), 2),
        (TokenRequest::on_behalf_of(scopes(READ), &caller).with_agent_identity(ids::AGENT), 2),
        (as_user(READ, ids::AGENT_USER_UPN), 3),
    ]
}

const ON_BEHALF_OF: usize = 1;

/// Plays a fault on each leg of each grant; `told` says by the grant, and whether it is the last
/// leg, who must act, if anybody.
async fn check(fault: impl Fn() -> Fault, told: impl Fn(usize, bool) -> Option<&'static str>) {
    for grant in 0..3 {
        for leg in 0..3 {
            let kit = Kit::new();
            let (request, legs) = grants(&kit)[grant].clone();
            if leg >= legs {
                continue;
            }
            let tokens = kit.agents();
            kit.emulator.faults().add(fault().after(leg));
            let first = tokens.acquire(&request).await;
            let came = first.as_ref().err().map(who);
            assert_eq!(came, told(grant, leg + 1 == legs), "grant {grant}, leg {leg}: {first:?}");
            kit.emulator.faults().clear();
            kit.advance(31);
            let then = tokens.acquire(&request).await;
            assert!(then.is_ok(), "grant {grant}, leg {leg}, once it is over: {then:?}");
        }
    }
}

fn who(error: &TokenError) -> &'static str {
    match error {
        TokenError::InteractionRequired(_) => "the user",
        TokenError::Unavailable(_) => "nobody",
        TokenError::Rejected(_) => "the administrator",
        TokenError::Misconfigured(_) => "the developer",
        _ => "somebody new",
    }
}

#[tokio::test]
async fn a_passing_fault_of_any_leg_is_not_seen() {
    check(|| Fault::status(500), |_, _| None).await;
    check(Fault::reset, |_, _| None).await;
}

#[tokio::test]
async fn an_outage_of_any_leg_is_nobodys_to_mend() {
    check(|| Fault::status(503).times(2), |_, _| Some("nobody")).await;
    check(|| Fault::reset().times(1_000), |_, _| Some("nobody")).await;
    check(|| Fault::throttle(Duration::from_secs(30)), |_, _| Some("nobody")).await;
    check(Fault::html, |_, _| Some("nobody")).await;
    check(Fault::truncated_json, |_, _| Some("nobody")).await;
}

#[tokio::test]
async fn a_refusal_of_any_leg_is_the_administrators() {
    check(|| Fault::refuse(7_000_215, "invalid_client"), |_, _| Some("the administrator")).await;
    check(|| Fault::refuse(53_003, "access_denied"), |_, _| Some("the administrator")).await;
}

#[tokio::test]
async fn a_challenge_is_the_users_where_there_is_one() {
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let told = |grant, is_last| {
        // An agent's own user is nobody who could be sent to sign in.
        let has_user = grant == ON_BEHALF_OF && is_last;
        Some(if has_user { "the user" } else { "the administrator" })
    };
    check(|| Fault::challenge(claims), told).await;
    check(|| Fault::refuse(50_173, "invalid_grant"), told).await;
}
