//! What Entra's refusal of the application leads to: a certificate may be loaded anew, once; a secret,
//! or an application that Entra does not know, is told at once.

use std::{path::Path, sync::Arc};

use entra_abstractions::{AcquireToken, TokenError};
use entra_token_acquisition::{Application, CredentialState, TokenAcquirer};

use crate::{
    kit::{Kit, ORDERS, as_app, builder, who},
    wiretap::{Does, Wiretap, granted, reply},
};

const OF_THE_CERTIFICATE: [u32; 6] = [700_024, 700_027, 1_000_502, 7_000_214, 7_000_274, 7_000_277];

fn refusal(error: &str, numbers: &[u32]) -> Does {
    let body = format!(r#"{{"error":"{error}","error_codes":{numbers:?},"error_description":"no"}}"#);
    reply("401 Unauthorized", "content-type: application/json\r\n", &body)
}

/// What comes of one call by certificate, and how often Entra was asked.
async fn outcome(refused: Does) -> (Result<String, TokenError>, usize) {
    let wiretap = Wiretap::that([refused, granted("second")]).await;
    let kit = Kit::new();
    let tokens = certified(&wiretap, &kit);
    let token = tokens.acquire(&as_app(ORDERS)).await;
    (token.map(|token| token.secret().expose().to_owned()), wiretap.heard().len())
}

fn certified(wiretap: &Wiretap, kit: &Kit) -> TokenAcquirer {
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keys/rsa.pem");
    let application = Application::builder()
        .instance(&*wiretap.url)
        .tenant("contoso.example")
        .client_id("client")
        .certificate_file(key)
        .secret("s3cret?%G&=");
    builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap()
}

#[tokio::test]
async fn what_another_certificate_may_mend_is_tried_again() {
    for number in OF_THE_CERTIFICATE {
        let (token, asked) = outcome(refusal("invalid_client", &[number])).await;
        assert_eq!((token.unwrap().as_str(), asked), ("second", 2), "{number}");
    }
    // Among others, too.
    let (token, asked) = outcome(refusal("invalid_client", &[7_000_215, 700_027])).await;
    assert_eq!((token.unwrap().as_str(), asked), ("second", 2));
}

#[tokio::test]
async fn what_it_cannot_mend_is_told_at_once() {
    for refused in [
        refusal("invalid_client", &[7_000_215]),
        refusal("invalid_client", &[700_016]),
        refusal("invalid_client", &[7_000_222]),
        refusal("invalid_client", &[50_011]),
        refusal("invalid_client", &[50_012]),
        refusal("invalid_client", &[]),
        refusal("unauthorized_client", &[700_027]),
        refusal("invalid_request", &[1_000_502]),
    ] {
        let Does::Answers(text) = &refused else { panic!("not an answer") };
        let text = text.clone();
        let (token, asked) = outcome(refused).await;
        assert_eq!((who(&token.unwrap_err()), asked), ("the administrator", 1), "{text}");
    }
    let (token, asked) = outcome(reply("401 Unauthorized", "", "")).await;
    assert_eq!((token.is_err(), asked), (true, 1), "nothing was said of the certificate");
}

#[tokio::test]
async fn a_certificate_that_stays_refused_gives_way_to_the_next_credential() {
    let refused = || refusal("invalid_client", &[700_027]);
    let wiretap = Wiretap::that([refused(), refused(), granted("by-secret")]).await;
    let kit = Kit::new();
    let tokens = certified(&wiretap, &kit);
    let token = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    assert_eq!(token.secret().expose(), "by-secret");
    let heard = wiretap.heard();
    let by_secret: Vec<bool> = heard.iter().map(|request| request.contains("client_secret=")).collect();
    assert_eq!(by_secret, [false, false, true]);

    // And whoever asks is told which one serves, and why the other does not.
    let [certificate, secret] = &tokens.explain(&as_app(ORDERS)).credentials[..] else { panic!("two") };
    assert!(matches!(&certificate.state, CredentialState::PassedOver(why) if why.contains("AADSTS700027")));
    assert!(certificate.certificate.is_some());
    assert_eq!(secret.state, CredentialState::InUse);
}
