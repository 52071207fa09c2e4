//! A valid token is never thrown away: the table of a token's life, with both sides' clocks.
//!
//! The emulator's tokens live for 3,599 s: they age in their last 15 minutes, of which a process
//! may let go a tenth.

use std::time::Duration;

use entra_abstractions::{AcquireToken, Claims, TokenRequest, UserAssertion};
use entra_emulator::{Directory, Fault, ids};

use crate::kit::{Kit, ORDERS, READ, as_app, at_once, scopes, who};

/// The latest second at which a token of the emulator is surely fresh, and the first at which it
/// surely ages, is in its last minute, and has ended.
const FRESH: u64 = 2_698;
const AGING: u64 = 2_790;
const LAST: u64 = 3_540;
const ENDED: u64 = 3_595;

#[tokio::test]
async fn a_fresh_token_is_left_alone() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(FRESH);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    assert_eq!(kit.count(), 1);
}

#[tokio::test]
async fn an_aging_token_is_served_at_once_with_one_flight_behind_it() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let handle = tokens.handle(as_app(ORDERS)).unwrap();
    kit.advance(AGING);
    for _ in 0..100 {
        assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), old.secret());
        assert_eq!(handle.token().now().unwrap().unwrap().secret(), old.secret());
    }
    tokens.settled().await;
    assert_eq!(kit.count(), 2);
    let new = at_once(&tokens, &as_app(ORDERS));
    assert_ne!(new.secret(), old.secret());
    assert_eq!(handle.token().now().unwrap().unwrap().secret(), new.secret());
}

#[tokio::test]
async fn refresh_in_opens_the_window_earlier() {
    let mut directory = Directory::default();
    directory.lifetimes.access_token = 86_400;
    directory.lifetimes.refresh_in = Some(43_200);
    let kit = Kit::with(directory);
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(43_199);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    assert_eq!(kit.count(), 1);
    kit.advance(1);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn a_failing_refresh_comes_again_after_thirty_seconds_up_to_five_minutes() {
    let mut directory = Directory::default();
    directory.lifetimes.access_token = 86_400;
    let kit = Kit::with(directory);
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(86_400 - 3_200);
    // A refusal of the moment is made once for each flight; a 5xx would be repeated within it.
    kit.emulator.faults().add(Fault::status(429).always());
    let mut tries = Vec::new();
    for second in 0..1_600 {
        assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), old.secret());
        tokens.settled().await;
        if kit.count() > tries.len() + 1 {
            tries.push(second);
        }
        kit.advance(1);
    }
    assert_eq!(tries, [0, 30, 90, 210, 450, 750, 1_050, 1_350]);
    // Entra is back, and the next try is the last.
    kit.emulator.faults().clear();
    kit.advance(300);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    assert_ne!(at_once(&tokens, &as_app(ORDERS)).secret(), old.secret());
}

#[tokio::test]
async fn a_refresh_behind_a_good_token_waits_where_it_is_told_to() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(AGING);
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(400)));
    for _ in 0..13 {
        at_once(&tokens, &as_app(ORDERS));
        tokens.settled().await;
        kit.advance(30);
    }
    assert_eq!(kit.count(), 2, "asked once, told to wait for 400 s, 390 of which are over");
    kit.advance(10);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    assert_eq!(kit.count(), 3);
}

#[tokio::test]
async fn in_its_last_minute_a_token_is_the_second_choice() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(LAST);
    assert!(tokens.acquire(&as_app(ORDERS)).now().is_err(), "the next one is waited for");
    let new = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_ne!(new.secret(), old.secret());

    let outages: [fn() -> Fault; 7] = [
        || Fault::status(503),
        || Fault::status(429),
        || Fault::throttle(Duration::from_secs(600)),
        Fault::reset,
        || Fault::refuse(7_000_215, "invalid_client"),
        || Fault::refuse(700_016, "unauthorized_client"),
        || Fault::refuse(53_003, "access_denied"),
    ];
    for outage in outages {
        kit.emulator.faults().clear();
        let tokens = kit.daemon();
        let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
        kit.advance(LAST);
        kit.emulator.faults().add(outage().always());
        for _ in 0..3 {
            assert_eq!(tokens.acquire(&as_app(ORDERS)).await.unwrap().secret(), old.secret());
            kit.advance((ENDED - LAST).div_ceil(3));
        }
        assert!(tokens.acquire(&as_app(ORDERS)).await.is_err(), "an ended token serves nobody");
    }
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_costs_nobody_a_valid_token() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("assertion");
    std::fs::write(&path, kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT)).unwrap();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_file(&path));
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    kit.advance(AGING);
    at_once(&tokens, &as_app(ORDERS));
    tokens.settled().await;
    kit.advance(LAST - AGING);
    assert_eq!(tokens.acquire(&as_app(ORDERS)).await.unwrap().secret(), old.secret());
    kit.advance(ENDED - LAST);
    assert_eq!(who(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), "the developer");
}

#[tokio::test]
async fn an_ended_token_is_waited_for_however_often_the_last_try_failed() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).always());
    for _ in 0..4 {
        kit.advance(ENDED / 4);
        tokens.acquire(&as_app(ORDERS)).await.ok();
        tokens.settled().await;
    }
    kit.advance(5);
    let before = kit.count();
    assert_eq!(who(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), "nobody");
    assert_eq!(kit.count(), before + 2, "a caller without a token always gets a flight");
    kit.emulator.faults().clear();
    assert_ne!(tokens.acquire(&as_app(ORDERS)).await.unwrap().secret(), old.secret());
}

#[tokio::test]
async fn a_token_is_let_go_five_seconds_before_its_end_or_earlier_where_clocks_disagree() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).always());
    kit.advance(3_593);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(1);
    tokens.acquire(&as_app(ORDERS)).await.unwrap_err();

    let kit = Kit::new();
    kit.emulator.clock().advance(Duration::from_secs(40));
    let tokens = kit.daemon();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.emulator.faults().add(Fault::status(503).always());
    kit.advance(3_558);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    kit.advance(1);
    tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
}

#[tokio::test]
async fn a_refused_application_keeps_its_token_and_a_refused_user_does_not() {
    // Behind a good token: who is asked for, what Entra says, whether the token stays.
    let cases = [
        ("app", "invalid_client", 7_000_215, None, true),
        ("app", "unauthorized_client", 700_016, None, true),
        ("app", "temporarily_unavailable", 90_033, None, true),
        ("user", "invalid_client", 7_000_222, None, true),
        // Entra's loop breaker is a throttle, whatever it is called.
        ("user", "invalid_grant", 50_196, None, true),
        ("user", "invalid_grant", 50_173, Some("bad_token"), false),
        ("user", "invalid_grant", 65_001, Some("consent_required"), false),
        ("user", "interaction_required", 50_076, None, false),
        ("app", "invalid_grant", 70_000, None, false),
    ];
    for (whose, error, aadsts, suberror, stays) in cases {
        let kit = Kit::new();
        let tokens = kit.api();
        let request = match whose {
            "app" => as_app(ORDERS),
            _ => TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")),
        };
        let old = tokens.acquire(&request).await.unwrap();
        kit.advance(AGING);
        let suberror = suberror.map(|text| format!("suberror = '{text}'")).unwrap_or_default();
        let script =
            format!("[[faults]]\nfault = 'refuse'\naadsts = {aadsts}\nerror = '{error}'\n{suberror}");
        kit.emulator.faults().add(Fault::script(&script).unwrap().remove(0).always());
        assert_eq!(at_once(&tokens, &request).secret(), old.secret(), "nobody waits");
        tokens.settled().await;
        match tokens.acquire(&request).now() {
            Ok(token) => {
                assert!(stays && token.unwrap().secret() == old.secret(), "{whose} {error} {aadsts}");
            }
            Err(asking) => {
                assert!(!stays, "{whose} {error} {aadsts}");
                asking.await.unwrap_err();
            }
        }
    }
}

#[tokio::test]
async fn a_challenge_behind_a_good_token_removes_it() {
    let kit = Kit::new();
    let tokens = kit.api();
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    tokens.acquire(&request).await.unwrap();
    kit.advance(AGING);
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    kit.emulator.faults().add(Fault::challenge(claims).always());
    at_once(&tokens, &request);
    tokens.settled().await;
    let error = tokens.acquire(&request).await.unwrap_err();
    assert_eq!(error.challenge().unwrap().claims(), Some(&Claims::new(claims).unwrap()));
}

#[tokio::test]
async fn a_token_outlives_the_one_it_was_exchanged_for() {
    let kit = Kit::new();
    let tokens = kit.api();
    let scope = format!("api://{}/access_as_user", ids::API);
    let caller =
        kit.emulator.mint().user("alice").scopes(&scope).lifetime(Duration::from_secs(2_700)).build();
    let request = TokenRequest::on_behalf_of(scopes(READ), &UserAssertion::new(caller).unwrap());
    let old = tokens.acquire(&request).await.unwrap();
    for seconds in [AGING, 60, LAST - AGING - 60, 20] {
        kit.advance(seconds);
        assert_eq!(tokens.acquire(&request).await.unwrap().secret(), old.secret());
        tokens.settled().await;
    }
    assert!(kit.count() > 1, "it was tried");
    kit.advance(ENDED - LAST);
    assert_eq!(tokens.acquire(&request).await.unwrap_err().exchange().unwrap().aadsts(), [500_133]);
}

/// A caller every ten seconds, for an application and for a user who signed in.
async fn outage(lifetime: u64, begins: u64) {
    let mut directory = Directory::default();
    directory.lifetimes.access_token = lifetime;
    let kit = Kit::with(directory);
    let tokens = kit.api();
    let account = tokens.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap().account;
    let requests = [as_app(ORDERS), TokenRequest::for_account(scopes(READ), account)];
    let handle = tokens.handle(as_app(ORDERS)).unwrap();
    for request in &requests {
        tokens.acquire(request).await.unwrap();
    }
    kit.advance(begins);
    for (index, fault) in [Fault::reset(), Fault::status(503), Fault::html()].into_iter().enumerate() {
        // Fifteen minutes of each kind of away.
        kit.emulator.faults().clear();
        kit.emulator.faults().add(fault.always());
        for step in 0..90 {
            for request in &requests {
                let token = tokens.acquire(request).await;
                assert!(token.is_ok(), "life {lifetime}, kind {index}, step {step}: {token:?}");
            }
            handle.token().await.unwrap();
            tokens.settled().await;
            kit.advance(10);
        }
    }
    kit.emulator.faults().clear();
    kit.advance(300);
    for request in &requests {
        tokens.acquire(request).await.unwrap();
    }
    tokens.settled().await;
    kit.emulator.log().clear();
    kit.advance(lifetime / 2);
    for request in &requests {
        at_once(&tokens, request);
    }
    tokens.settled().await;
    assert_eq!(kit.count(), 0, "both were renewed as soon as Entra was back");
}

#[tokio::test]
async fn an_outage_of_45_minutes_is_not_noticed_while_tokens_live() {
    // Of an hour's token the outage meets the last minutes; of a day's, all of the window of aging.
    outage(3_599, 540).await;
    outage(86_400, 86_400 - 3_500).await;
}
