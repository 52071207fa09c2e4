//! What an explanation says, and that it does nothing.

use std::time::Duration;

use entra_abstractions::{
    AccountId, AcquireToken, AgentId, AgentSubject, Subject, TokenRequest, testing::assert_no_secrets,
};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::{AnsweredBy, Explanation, Reason, TokenAcquirer};

use crate::kit::{GRAPH, Kit, ORDERS, READ, as_app, scopes};

/// Explains, and sees that it changes nothing.
fn explain(tokens: &TokenAcquirer, request: &TokenRequest) -> Explanation {
    let before = tokens.cache_statistics();
    let first = tokens.explain(request);
    let again = tokens.explain(request);
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    assert_eq!(tokens.cache_statistics(), before);
    first
}

fn check(explanation: &Explanation, by: Option<AnsweredBy>, reason: Reason) {
    assert_eq!((explanation.answered_by, explanation.reason), (by, Some(reason)), "{explanation}");
}

#[tokio::test]
async fn it_follows_a_token_through_its_life() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let request = as_app(ORDERS);
    check(&explain(&tokens, &request), Some(AnsweredBy::Entra), Reason::Unseen);
    assert_eq!(kit.count(), 0, "nothing is asked");

    tokens.acquire(&request).await.unwrap();
    let fresh = explain(&tokens, &request);
    check(&fresh, Some(AnsweredBy::Memory), Reason::Fresh);
    let cached = fresh.cached.clone().unwrap();
    assert!(cached.next_try_in.as_secs() > 2_000 && cached.failures == 0, "{cached:?}");
    check(&explain(&tokens, &request.clone().force_refresh()), Some(AnsweredBy::Entra), Reason::Forced);
    let beside = explain(&tokens, &as_app(GRAPH));
    assert_eq!(beside.differs_in, Some("scopes"), "{beside}");

    kit.advance(3_000);
    check(&explain(&tokens, &request), Some(AnsweredBy::Memory), Reason::Aging);
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(200)).always());
    tokens.acquire(&request).await.unwrap();
    tokens.settled().await;
    let paused = explain(&tokens, &request);
    assert_eq!(paused.cached.as_ref().map(|cached| cached.failures), Some(1));
    assert_eq!(paused.pause.as_ref().map(|pause| pause.left.as_secs()), Some(200), "{paused}");

    kit.advance(560);
    check(&explain(&tokens, &request), Some(AnsweredBy::Entra), Reason::Last);
    tokens.acquire(&request).await.unwrap();
    check(&explain(&tokens, &request), Some(AnsweredBy::Memory), Reason::Last);
    kit.advance(60);
    let ended = explain(&tokens, &request);
    check(&ended, None, Reason::Ended);
    assert!(ended.to_string().contains("Entra is not asked before the pause is over"), "{ended}");
}

#[tokio::test]
async fn it_says_why_no_token_could_come() {
    let kit = Kit::new();
    let tokens = kit.api();
    let agent = AgentId::new("33333333-3333-4333-8333-333333333333").unwrap();
    let subject = Subject::Agent(agent, AgentSubject::App);
    let refused = explain(&tokens, &TokenRequest::new(scopes(ORDERS), subject));
    assert!(refused.refused.is_some() && refused.answered_by.is_none() && refused.key.is_none());
    assert!(refused.to_string().starts_with("from nowhere: this request names an agent"), "{refused}");

    let stranger = AccountId::new("uid", "utid").unwrap();
    let unknown = explain(&tokens, &TokenRequest::for_account(scopes(READ), stranger));
    assert_eq!((unknown.answered_by, unknown.has_refresh_token), (None, Some(false)));
    assert!(unknown.to_string().contains("the user must sign in"), "{unknown}");
}

#[tokio::test]
async fn it_tells_no_secret() {
    let kit = Kit::new();
    let tokens = kit.api();
    let caller = kit.caller("alice");
    let request = TokenRequest::on_behalf_of(scopes(READ), &caller);
    tokens.acquire(&request).await.unwrap();
    let explanation = explain(&tokens, &request);
    let user = kit.emulator.directory().user("alice").unwrap().clone();
    let texts = format!("{explanation}\n{explanation:?}\n{explanation:#?}");
    assert_no_secrets(&texts, [ids::API_SECRET, caller.token().expose(), &user.upn, &user.display_name]);
    assert!(!texts.contains("eyJ"), "{texts}");
}
