//! What is asked along with a token, what is told of refusals, and how often one is asked for again.

use entra_abstractions::{
    AcquireToken, Claims, ClockSkew, CorrelationId, Owner, Parameter, Place, PopKey, Scheme, TokenError,
    TokenHash, TokenRequest,
};
use entra_emulator::{Fault, ids};
use futures_util::future::join_all;

use crate::{
    kit::{CALLBACK, GRAPH, Kit, ORDERS, READ, as_app, at_once, builder, scopes, who},
    wiretap::{Wiretap, json},
};
use entra_token_acquisition::{Application, AuthorizationCode, TokenAcquirer};

const ACRS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn acrs() -> Claims {
    Claims::new(ACRS).unwrap()
}

#[tokio::test]
async fn a_thousand_who_were_refused_the_same_token_ask_once() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let old = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let challenged = as_app(ORDERS).claims(acrs()).replacing(old.to_hash());
    let news = join_all((0..1_000).map(|_| tokens.acquire(&challenged))).await;
    let new = news[0].as_ref().unwrap().clone();
    assert_ne!(new.secret(), old.secret());
    assert!(news.iter().all(|token| token.as_ref().unwrap().secret() == new.secret()));
    // Those who learn of the refusal later need not ask either.
    for _ in 0..1_000 {
        assert_eq!(at_once(&tokens, &challenged).secret(), new.secret());
    }
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), new.secret(), "the new one took its place");
    assert_eq!(kit.count(), 2);

    // Another challenge, and a refusal of the new token, are other questions.
    let other = Claims::new(r#"{"access_token":{"acrs":{"essential":true,"value":"c2"}}}"#).unwrap();
    tokens.acquire(&as_app(ORDERS).claims(other).replacing(old.to_hash())).await.unwrap();
    assert_eq!(kit.count(), 3);
    let third = at_once(&tokens, &as_app(ORDERS));
    tokens.acquire(&as_app(ORDERS).replacing(third.to_hash())).await.unwrap();
    assert_eq!(kit.count(), 4);
    // Claims without a token that was refused ask each time, as ever.
    tokens.acquire(&as_app(ORDERS).claims(acrs())).await.unwrap();
    tokens.acquire(&as_app(ORDERS).claims(acrs())).await.unwrap();
    assert_eq!(kit.count(), 6);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_any_other_is_served() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    let old = tokens.acquire(&alice).await.unwrap();
    let unknown = TokenHash::parse(&"0".repeat(64)).unwrap();
    assert_eq!(at_once(&tokens, &alice.clone().replacing(unknown)).secret(), old.secret());
    let new = tokens.acquire(&alice.clone().replacing(old.to_hash())).await.unwrap();
    assert_eq!(at_once(&tokens, &alice.clone().replacing(old.to_hash())).secret(), new.secret());
    assert_eq!(kit.count(), 2);
    // To want it fresh is to want it fresh.
    tokens.acquire(&alice.replacing(unknown).force_refresh()).await.unwrap();
    assert_eq!(kit.count(), 3);
}

fn against(wiretap: &Wiretap, kit: &Kit) -> TokenAcquirer {
    let application = Application::builder()
        .instance(&*wiretap.url)
        .tenant("contoso.example")
        .client_id("client")
        .secret("s3cret?%G&=");
    builder(application.build().unwrap(), kit.clock.clone() as _).build().unwrap()
}

fn bound(token: &str) -> crate::wiretap::Does {
    json(&format!(r#"{{"token_type":"PoP","expires_in":3599,"access_token":"{token}"}}"#))
}

#[tokio::test]
async fn a_token_is_bound_to_the_callers_key() {
    let kit = Kit::new();
    let wiretap = Wiretap::that([
        bound("a"),
        bound("b"),
        bound("c"),
        json(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"d"}"#),
    ])
    .await;
    let tokens = against(&wiretap, &kit);
    let with = |key| as_app(ORDERS).scheme(Scheme::Pop(key));
    let key = PopKey::new("eyJraWQiOiJhYmMifQ").unwrap();
    let token = tokens.acquire(&with(key.clone())).await.unwrap();
    assert_eq!(token.authorization_header(), "pop a");
    at_once(&tokens, &with(key));
    let heard = wiretap.heard();
    assert!(heard[0].contains("token_type=pop") && heard[0].contains("req_cnf=eyJraWQiOiJhYmMifQ"));
    // Another key is another token; by its claim it is shown as a bearer.
    let other = tokens.acquire(&with(PopKey::new("eyJraWQiOiJkZWYifQ").unwrap())).await.unwrap();
    assert_eq!(other.authorization_header(), "pop b");
    let claim = PopKey::of_claim(r#"{"kid":"abc"}"#).unwrap();
    let shown = tokens.acquire(&with(claim)).await.unwrap();
    assert_eq!(shown.authorization_header(), "Bearer c");
    // A plain token where a bound one was asked for is no answer.
    let error = tokens.acquire(&with(PopKey::new("Z2hp").unwrap())).await.unwrap_err();
    assert!(error.to_string().contains("another type"), "{error}");
    assert_eq!(wiretap.heard().len(), 4);
}

#[tokio::test]
async fn headers_and_attributes_go_along() {
    let kit = Kit::new();
    let wiretap =
        Wiretap::that([json(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#)]).await;
    let tokens = against(&wiretap, &kit);
    let attributed = as_app(ORDERS)
        .parameter(Parameter::passing(Place::Header, "x-note", "s3cret note"))
        .parameter(Parameter::attributes(r#"{"a":1}"#).unwrap())
        .parameter(Parameter::attribute_tokens([" t2", "t1", "", "t2 "]).unwrap());
    let token = tokens.acquire(&attributed).await.unwrap();
    let heard = wiretap.heard();
    assert!(heard[0].contains("x-note: s3cret note\r\n"), "{}", heard[0]);
    assert!(
        heard[0].contains("attribute_tokens=t1%20t2") && heard[0].contains("attributes=%7B%22a%22%3A1%7D")
    );
    // In whatever order they were said.
    let turned = as_app(ORDERS)
        .parameter(Parameter::attribute_tokens(["t1", "t2"]).unwrap())
        .parameter(Parameter::attributes(r#"{"a":1}"#).unwrap());
    assert_eq!(at_once(&tokens, &turned).secret(), token.secret());
    assert!(token.correlation_id().is_some());

    for refused in [
        Parameter::shaping(Place::Body, "client_secret", "x"),
        Parameter::shaping(Place::Query, "Scope", "x"),
        Parameter::passing(Place::Header, "content-type", "x"),
    ] {
        let error = tokens.acquire(&as_app(GRAPH).parameter(refused)).await.unwrap_err();
        assert_eq!(who(&error), "the developer", "{error}");
    }
    assert!(Parameter::attributes("[]").is_err() && Parameter::attribute_tokens(["a b"]).is_err());
    assert!(Parameter::attribute_tokens([" "]).is_err());
    assert_eq!(wiretap.heard().len(), 1);
}

#[tokio::test]
async fn a_token_knows_the_id_under_which_it_was_asked_for() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let id = CorrelationId::random();
    let token = tokens.acquire(&as_app(ORDERS).correlation_id(id)).await.unwrap();
    assert_eq!(token.correlation_id(), Some(id));
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).correlation_id(), Some(id), "it is the same token");
}

#[tokio::test]
async fn a_wrong_clock_is_named_with_its_number() {
    let kit = Kit::new();
    let certificate = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    std::fs::write(&path, certificate).unwrap();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).certificate_file(&path));
    kit.clock.advance(std::time::Duration::from_secs(1_200));
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.aadsts(), [700_024], "{error}");
    assert!(
        matches!(exchange.clock_skew(), Some(ClockSkew::Ahead(apart)) if apart.as_secs() == 1_200),
        "{error}"
    );
    assert!(error.to_string().contains("this machine's clock is 1200 s ahead"), "{error}");
    let diagnosis = exchange.diagnosis().unwrap();
    assert_eq!((diagnosis.number(), diagnosis.owner()), (700_024, Owner::Developer));
    assert!(diagnosis.fix().contains("set the clock"));

    // A clock that is right is nobody's business.
    let kit = Kit::new();
    let error =
        kit.acquirer(kit.client(ids::DAEMON).secret("wrong")).acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(error.exchange().unwrap().clock_skew(), None);
}

#[tokio::test]
async fn the_third_identical_refusal_within_a_minute_starts_a_short_pause() {
    let kit = Kit::new();
    let tokens = kit.api();
    let payroll = TokenRequest::on_behalf_of(scopes("api://payroll/read"), &kit.caller("alice"));
    for count in 1..=3 {
        let error = tokens.acquire(&payroll).await.unwrap_err();
        assert!(error.challenge().unwrap().is_consent_required());
        assert_eq!(kit.count(), count, "what is refused once or twice may be granted the next time");
        kit.advance(10);
    }
    // The third came ten seconds ago, and five are over.
    tokens.acquire(&payroll).await.unwrap_err();
    assert_eq!(kit.count(), 4);
    for _ in 0..100 {
        let error = tokens.acquire(&payroll).await.unwrap_err();
        assert!(error.challenge().unwrap().is_consent_required(), "it says what it said: {error}");
        assert!(error.to_string().contains("refused three times within a minute"), "{error}");
    }
    // Who looks is told, too.
    let explanation = tokens.explain(&payroll);
    let pause = explanation.pause.as_ref().unwrap();
    assert!((1..=10).contains(&pause.left.as_secs()), "{explanation}");
    assert_eq!(explanation.answered_by, None);
    assert!(explanation.to_string().contains("refused three times within a minute"), "{explanation}");
    assert_eq!(kit.count(), 4);
    // Nobody else waits, and no other scope of the same user.
    let bob = TokenRequest::on_behalf_of(scopes("api://payroll/read"), &kit.caller("bob"));
    tokens.acquire(&bob).await.unwrap_err();
    assert_eq!(kit.count(), 5);
    // Whoever consents waits for no longer than half a minute.
    kit.emulator.edit(|directory| {
        directory.consents.push(entra_emulator::Consent::scopes("shop-api", "payroll", ["read"]));
    });
    kit.advance(30);
    tokens.acquire(&payroll).await.unwrap();
    assert_eq!(kit.count(), 6);
}

#[tokio::test]
async fn a_loop_asks_entra_a_few_times_a_minute() {
    let kit = Kit::new();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).secret("wrong"));
    for _ in 0..300 {
        assert_eq!(who(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), "the administrator");
        kit.advance(1);
    }
    assert!((10..=15).contains(&kit.count()), "{} in five minutes", kit.count());
    // One that comes now and then is no loop.
    let kit = Kit::new();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).secret("wrong"));
    for _ in 0..10 {
        tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
        kit.advance(40);
    }
    assert_eq!(kit.count(), 10);
}

#[tokio::test]
async fn what_was_corrected_goes_through_at_once() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("assertion");
    std::fs::write(&path, kit.emulator.workload_assertion("system:serviceaccount:other:one")).unwrap();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).assertion_file(&path));
    for _ in 0..5 {
        tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    }
    assert_eq!(kit.count(), 3);
    std::fs::write(&path, kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT)).unwrap();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.count(), 4);
}

#[tokio::test]
async fn an_outage_is_no_loop() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    kit.emulator.faults().add(Fault::status(503).always());
    for count in 1..=10 {
        assert_eq!(who(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), "nobody");
        assert_eq!(kit.count(), 2 * count, "a caller without a token always gets a flight");
    }
    kit.emulator.faults().clear();
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
}

#[tokio::test]
async fn another_servers_sign_in_needs_no_client_info() {
    let kit = Kit::new();
    // {"sub":"auth0|7","iss":"https://idp.example/realms/a"}
    let id_token = "e30.eyJzdWIiOiJhdXRoMHw3IiwiaXNzIjoiaHR0cHM6Ly9pZHAuZXhhbXBsZS9yZWFsbXMvYSJ9.";
    let answer = format!(
        r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"t","refresh_token":"r","id_token":"{id_token}"}}"#
    );
    let wiretap = Wiretap::that([json(&answer)]).await;
    let tokens = against(&wiretap, &kit);
    let signed_in = tokens.redeem_code(AuthorizationCode::new("c0de", CALLBACK, scopes(READ))).await.unwrap();
    assert_eq!(signed_in.account.as_str(), "YXV0aDB8Nw.idp-example-realms-a");
    at_once(&tokens, &TokenRequest::for_account(scopes(READ), signed_in.account.clone()));
    tokens.acquire(&TokenRequest::for_account(scopes(GRAPH), signed_in.account)).await.unwrap();
    assert!(wiretap.heard()[1].contains("refresh_token=r"));

    // Who signed in must be told by one or the other.
    let wiretap =
        Wiretap::that([json(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#)]).await;
    let code = AuthorizationCode::new("c0de", CALLBACK, scopes(READ));
    let error = against(&wiretap, &kit).redeem_code(code).await.unwrap_err();
    assert!(
        matches!(&error, TokenError::Unavailable(outage) if outage.what().contains("who signed in")),
        "{error}"
    );
}
