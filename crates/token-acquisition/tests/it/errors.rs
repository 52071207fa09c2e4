//! Why there is no token: who must act, what Entra said, and that nothing of it is remembered.

use std::error::Error;

use entra_abstractions::{AcquireToken, TenantId, TokenError, TokenRequest};
use entra_emulator::{Consent, Fault, ids};

use crate::kit::{Kit, ORDERS, READ, as_app, at_once, every_text, scopes, who};

/// Some framework's error, with ours below it.
#[derive(Debug)]
struct Wrapped(TokenError);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the call failed")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

struct Expected<'a> {
    who: &'a str,
    error: &'a str,
    aadsts: u32,
    says: &'a str,
}

/// What every refusal has: where, as whom, which code and number, what it means, under which id.
fn check(error: &TokenError, expected: &Expected<'_>) {
    let exchange = error.exchange().unwrap();
    assert_eq!((who(error), exchange.error()), (expected.who, Some(expected.error)), "{error}");
    assert_eq!(exchange.aadsts(), [expected.aadsts], "{error}");
    let text = error.to_string();
    for part in [
        expected.says,
        expected.error,
        &format!("AADSTS{}", expected.aadsts),
        "localhost",
        "correlation id",
        "trace id",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\n') && !text.ends_with('.') && text.starts_with(char::is_lowercase), "{text}");
    assert!(error.source().is_none(), "what Entra said is the whole error");
}

#[tokio::test]
async fn an_application_is_told_by_its_administrator() {
    let kit = Kit::new();
    let wrong = kit.acquirer(kit.client(ids::DAEMON).secret("not the s3cret?%G&="));
    let error = wrong.acquire(&as_app(ORDERS)).await.unwrap_err();
    let says = "the client secret is wrong";
    check(&error, &Expected { who: "the administrator", error: "invalid_client", aadsts: 7_000_215, says });

    let expired = kit.acquirer(kit.client(ids::API).secret("shop s3cret of last year"));
    let error = expired.acquire(&as_app(ORDERS)).await.unwrap_err();
    let says = "the client secret has expired";
    check(&error, &Expected { who: "the administrator", error: "invalid_client", aadsts: 7_000_222, says });

    let error = kit.daemon().acquire(&as_app("api://nowhere/.default")).await.unwrap_err();
    let says = "the API is not installed in this tenant";
    check(&error, &Expected { who: "the administrator", error: "invalid_resource", aadsts: 500_011, says });

    let nowhere = as_app(ORDERS).tenant(TenantId::new("nowhere.example").unwrap());
    let error = kit.daemon().acquire(&nowhere).await.unwrap_err();
    let says = "the tenant does not exist";
    check(&error, &Expected { who: "the administrator", error: "invalid_request", aadsts: 90_002, says });

    kit.emulator.faults().add(Fault::refuse(53_003, "access_denied"));
    let error = kit.daemon().acquire(&as_app(ORDERS)).await.unwrap_err();
    let says = "a conditional access policy blocks the token";
    check(&error, &Expected { who: "the administrator", error: "access_denied", aadsts: 53_003, says });
}

#[tokio::test]
async fn where_no_user_is_no_user_must_act() {
    let kit = Kit::new();
    for error in ["interaction_required", "invalid_grant", "consent_required"] {
        kit.emulator.faults().add(Fault::refuse(50_076, error));
        let error = kit.daemon().acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the administrator", "{error}");
    }
    kit.emulator
        .faults()
        .add(Fault::challenge(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#));
    let error = kit.daemon().acquire(&as_app(ORDERS)).await.unwrap_err();
    let TokenError::Rejected(refusal) = &error else { panic!("{error}") };
    assert!(refusal.claims().unwrap().as_str().contains("c1"), "the claims are not lost");
}

#[tokio::test]
async fn a_user_is_told_what_to_do() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = kit.caller("alice");

    let payroll = TokenRequest::on_behalf_of(scopes("api://payroll/read"), &alice);
    let error = tokens.acquire(&payroll).await.unwrap_err();
    let says = "the user must consent for api://payroll/read";
    check(&error, &Expected { who: "the user", error: "invalid_grant", aadsts: 65_001, says });
    let challenge = error.challenge().unwrap();
    assert!(challenge.is_consent_required() && challenge.claims().is_none());
    assert_eq!(challenge.scopes(), &scopes("api://payroll/read"));

    let safe = TokenRequest::on_behalf_of(scopes("api://safe/open"), &alice);
    let error = tokens.acquire(&safe).await.unwrap_err();
    let says = "multi-factor";
    check(&error, &Expected { who: "the user", error: "interaction_required", aadsts: 50_076, says });
    let claims = error.challenge().unwrap().claims().unwrap();
    assert_eq!(claims.as_str(), r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#);

    kit.advance(3_700);
    let error = tokens.acquire(&TokenRequest::on_behalf_of(scopes(READ), &alice)).await.unwrap_err();
    let says = "the user's token is outside its time range";
    check(&error, &Expected { who: "the user", error: "invalid_grant", aadsts: 500_133, says });
}

#[tokio::test]
async fn some_invalid_grants_are_no_users() {
    let kit = Kit::new();
    let tokens = kit.api();
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob"));
    // Entra's loop breaker comes as an invalid_grant that no user can mend.
    kit.emulator.faults().add(Fault::refuse(50_196, "invalid_grant"));
    let error = tokens.acquire(&request).await.unwrap_err();
    assert_eq!(who(&error), "nobody", "{error}");
    for suberror in ["client_mismatch", "protection_policy_required"] {
        let script = format!(
            "[[faults]]\nfault = 'refuse'\naadsts = 1\nerror = 'invalid_grant'\nsuberror = '{suberror}'"
        );
        kit.emulator.faults().add(Fault::script(&script).unwrap().remove(0));
        assert_eq!(who(&tokens.acquire(&request).await.unwrap_err()), "the administrator", "{suberror}");
    }
    tokens.acquire(&request).await.unwrap();
}

#[tokio::test]
async fn after_a_corrected_secret_the_next_call_goes_through() {
    let kit = Kit::new();
    kit.emulator.edit(|directory| directory.app_mut(ids::DAEMON).unwrap().secrets.clear());
    let tokens = kit.daemon();
    for _ in 0..2 {
        assert_eq!(who(&tokens.acquire(&as_app(ORDERS)).await.unwrap_err()), "the administrator");
    }
    let secrets = kit.emulator.edit(|directory| {
        let ready_made = entra_emulator::Directory::default();
        let secrets = ready_made.app(ids::DAEMON).unwrap().secrets.clone();
        directory.app_mut(ids::DAEMON).unwrap().secrets = secrets;
        directory.app(ids::DAEMON).unwrap().secrets.len()
    });
    assert_eq!(secrets, 1);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(kit.count(), 3, "each call asked, and each asked once");
}

#[tokio::test]
async fn after_a_consent_the_next_call_goes_through() {
    let kit = Kit::new();
    let tokens = kit.api();
    let request = TokenRequest::on_behalf_of(scopes("api://payroll/read"), &kit.caller("alice"));
    for _ in 0..2 {
        assert!(tokens.acquire(&request).await.unwrap_err().challenge().unwrap().is_consent_required());
    }
    kit.emulator.edit(|directory| directory.consents.push(Consent::scopes("shop-api", "payroll", ["read"])));
    tokens.acquire(&request).await.unwrap();
    at_once(&tokens, &request);
    assert_eq!(kit.count(), 3);
}

#[tokio::test]
async fn a_missing_consent_for_one_api_signs_nobody_out() {
    let kit = Kit::new();
    let tokens = kit.api();
    let account = tokens.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap().account;
    let payroll = TokenRequest::for_account(scopes("api://payroll/read"), account.clone());
    let error = tokens.acquire(&payroll).await.unwrap_err();
    assert!(error.challenge().unwrap().is_consent_required(), "{error}");
    // The refresh token is as good as before: for another API, and for this one after the consent.
    tokens.acquire(&TokenRequest::for_account(scopes("User.Read"), account)).await.unwrap();
    kit.emulator.edit(|directory| directory.consents.push(Consent::scopes("shop-api", "payroll", ["read"])));
    tokens.acquire(&payroll).await.unwrap();
}

#[tokio::test]
async fn a_revoked_session_asks_the_user_once_and_entra_no_more() {
    let kit = Kit::new();
    let tokens = kit.api();
    let account = tokens.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap().account;
    kit.emulator.end_sessions("alice");
    let mail = TokenRequest::for_account(scopes("Mail.Read"), account);
    let error = tokens.acquire(&mail).await.unwrap_err();
    let says = "the user's session was revoked";
    check(&error, &Expected { who: "the user", error: "invalid_grant", aadsts: 50_173, says });
    let sent = kit.count();
    assert_eq!(who(&tokens.acquire(&mail).await.unwrap_err()), "the user");
    assert_eq!(kit.count(), sent, "a refresh token that is dead is not sent again");
    kit.advance(1);
    tokens.redeem_code(kit.authorization_code("alice", READ).await).await.unwrap();
    tokens.acquire(&mail).await.unwrap();
}

#[tokio::test]
async fn an_error_is_found_below_others() {
    let kit = Kit::new();
    kit.emulator.faults().add(Fault::reset().times(2));
    let error = kit.daemon().acquire(&as_app(ORDERS)).await.unwrap_err();
    assert!(error.source().is_some(), "the cause is below, and not in the text");
    assert!(!error.to_string().contains(&error.source().unwrap().to_string()), "{error}");
    let texts = every_text(&error);
    assert!(!texts.contains(ids::DAEMON_SECRET) && !texts.contains("/oauth2/v2.0/token"), "{texts}");
    let wrapped = Wrapped(error);
    assert!(TokenError::in_chain(&wrapped).unwrap().is_unavailable());
}
