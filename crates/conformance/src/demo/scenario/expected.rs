//! What must come of a story, and how that is told.

use anyhow::{Context, Result};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_emulator::{Endpoint, ids};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Answer, Played, posted, text};
use crate::pki::{binding, self_signed};

/// What must come of it.
pub(super) enum Expected {
    /// The downstream API saw this kind of caller.
    Kind(&'static str),
    /// The answer holds this text under this JSON pointer.
    Text(&'static str, &'static str),
    /// Under this pointer stands this number, or a list of so many, of what is named.
    Count(&'static str, usize, &'static str),
    /// The header without its token, and that it is the agent's, for the user.
    Redacted,
    /// The work that was taken is done when the caller is long gone; the API saw this kind.
    DoneLater(&'static str),
    /// The web API answers with this status, and this challenge or member.
    Status(u16, &'static str),
    /// The API saw this kind of caller, and the certificate to which each token was bound.
    Bound(&'static str),
    /// The API saw the machine's identity, and a certificate that was issued for it alone.
    BoundToMachine,
    /// The API saw this kind with a plain token, that was got over a connection with the certificate.
    BoundCredential(&'static str),
    /// The API saw the certificate, and no token was asked for.
    Certificate,
    /// The token serves its owner, and nobody else.
    WorthNothing,
    /// What was posted, signed with the vault's key.
    Signed,
}

impl Expected {
    /// What is told of it, and what is wrong with it.
    pub(super) fn judge(&self, played: &Played) -> Result<(String, Option<String>)> {
        let Played { first, second, .. } = played;
        let (told, as_expected) = match self {
            Self::Kind(kind) => (saw(first, "/caller/kind"), both(played, "/caller/kind", kind)),
            Self::Text(pointer, wanted) => (text(&first.body, pointer), both(played, pointer, wanted)),
            Self::Count(pointer, wanted, what) => {
                let count = |answer: &Answer| match answer.body.pointer(pointer) {
                    Some(Value::Array(items)) => items.len().to_string(),
                    _ => text(&answer.body, pointer),
                };
                let is_right = |answer| count(answer) == wanted.to_string() && answer.status == 200;
                (format!("{} {what}", count(first)), is_right(first) && is_right(second))
            }
            Self::Redacted => {
                let seen = |answer: &Answer| {
                    text(&answer.body, "/header") == "Bearer [redacted]"
                        && text(&answer.body, "/proves/appid") == ids::AGENT
                        && text(&answer.body, "/proves/oid") == ids::ALICE
                        && !answer.body.to_string().contains("eyJ")
                };
                (
                    format!("{}, of agent-one for alice", text(&first.body, "/header")),
                    seen(first) && seen(second),
                )
            }
            Self::DoneLater(kind) => {
                let seen = text(&second.body, "/done/caller/kind");
                (format!("{}, later the API saw: {seen}", first.status), first.status == 202 && seen == *kind)
            }
            Self::Status(status, sign) => {
                let shown = |answer: &Answer| {
                    answer.challenge.contains(sign) || answer.body.to_string().contains(sign)
                };
                let seen = |answer: &Answer| answer.status == *status && shown(answer);
                (format!("{} {sign}", first.status).trim_end().to_owned(), seen(first) && seen(second))
            }
            Self::Bound(kind) => {
                let is_bound = both(played, "/kind", kind)
                    && both(played, "/certificate", &own()?)
                    && each_token_request_showed(played, &own()?);
                (format!("{}, and its certificate", saw(first, "/kind")), is_bound)
            }
            Self::BoundToMachine => {
                let issued = text(&first.body, "/certificate");
                let is_bound = !issued.is_empty()
                    && issued != own()?
                    && both(played, "/client", ids::HOST)
                    && both(played, "/certificate", &issued)
                    && each_token_request_showed(played, &issued);
                (format!("{}, and the machine's certificate", saw(first, "/kind")), is_bound)
            }
            Self::BoundCredential(kind) => {
                let is_plain = played.requests.iter().all(|request| request.field("token_type").is_none());
                let is_bound = both(played, "/caller/kind", kind)
                    && each_token_request_showed(played, &own()?)
                    && is_plain;
                (format!("{}, by a plain token", saw(first, "/caller/kind")), is_bound)
            }
            Self::Certificate => {
                let seen = text(&first.body, "/certificate");
                let seen = seen.get(..8).unwrap_or("none").to_owned();
                (format!("the API saw: certificate {seen}.."), both(played, "/certificate", &own()?))
            }
            Self::WorthNothing => {
                let refused = played.attempts.iter().filter(|attempt| attempt.status == 401).count();
                let all = played.attempts.len();
                let serves_owner = both(played, "/certificate", &own()?);
                (format!("refused {refused} of {all} times, 401"), all > 0 && refused == all && serves_owner)
            }
            Self::Signed => {
                let length =
                    |answer: &Answer| STANDARD.decode(text(&answer.body, "/signature")).map(|it| it.len());
                let is_good = is_signed(first)? && is_signed(second)?;
                (format!("a signature of {} bytes, verified", length(first).unwrap_or_default()), is_good)
            }
        };
        let fault = (!as_expected).then(|| {
            let attempts: Vec<_> = played.attempts.iter().map(|attempt| attempt.status).collect();
            format!(
                "{} then {}: {} {} {attempts:?}",
                first.status, second.status, first.body, first.challenge
            )
        });
        Ok((told, fault))
    }
}

fn saw(answer: &Answer, pointer: &str) -> String {
    format!("the API saw: {}", text(&answer.body, pointer))
}

/// Whether both answers are good, and hold this text.
fn both(played: &Played, pointer: &str, wanted: &str) -> bool {
    [&played.first, &played.second]
        .iter()
        .all(|answer| answer.status == 200 && text(&answer.body, pointer) == wanted)
}

/// The thumbprint of the certificate that the applications of the demo have.
fn own() -> Result<String> {
    Ok(binding(&self_signed())?.thumbprint().to_owned())
}

fn each_token_request_showed(played: &Played, certificate: &str) -> bool {
    let mut requests = played.requests.iter().filter(|request| request.endpoint == Endpoint::Token);
    requests.all(|request| request.client_certificate.as_deref() == Some(certificate))
}

/// By the public half of the key, and not by the vault.
fn is_signed(answer: &Answer) -> Result<bool> {
    let certificate = CertificateDer::from_pem_slice(ids::APP_CERTIFICATE.as_bytes())?;
    let (_, certificate) = X509Certificate::from_der(&certificate).context("no certificate")?;
    let public = &certificate.public_key().subject_public_key.data;
    let signature = STANDARD.decode(text(&answer.body, "/signature")).unwrap_or_default();
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
    Ok(key.verify(posted().as_bytes(), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::demo::thief::Attempt;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, challenge: String::new(), body: body.clone() }
    }

    #[track_caller]
    fn check(expected: &Expected, answers: [(u16, &Value); 2], attempts: &[u16], holds: bool) {
        let attempts =
            attempts.iter().map(|status| Attempt { how: "x", status: *status, said: String::new() });
        let [first, second] = answers.map(|(status, body)| answer(status, body));
        let played = Played { first, second, attempts: attempts.collect(), requests: Vec::new() };
        let (told, fault) = expected.judge(&played).unwrap();
        assert_eq!(fault.is_none(), holds, "{told}: {fault:?}");
    }

    #[test]
    fn what_differs_from_what_must_come_is_a_fault() {
        let [agent, user] = ["agent", "user"].map(|kind| json!({"caller": {"kind": kind}}));
        let expected = Expected::Kind("agent");
        check(&expected, [(200, &agent), (200, &agent)], &[], true);
        check(&expected, [(200, &agent), (200, &user)], &[], false);
        check(&expected, [(200, &agent), (500, &agent)], &[], false);
        let three = json!({"value": [1, 2, 3]});
        check(&Expected::Count("/value", 3, "x"), [(200, &three); 2], &[], true);
        check(&Expected::Count("/value", 4, "x"), [(200, &three); 2], &[], false);
    }

    #[test]
    fn a_token_that_serves_its_thief_is_a_fault() {
        let own = json!({"kind": "app", "certificate": own().unwrap()});
        let another = json!({"kind": "app", "certificate": "another"});
        check(&Expected::WorthNothing, [(200, &own); 2], &[401, 401], true);
        check(&Expected::WorthNothing, [(200, &own); 2], &[401, 200], false);
        check(&Expected::WorthNothing, [(200, &own); 2], &[], false);
        check(&Expected::WorthNothing, [(200, &own), (401, &json!({}))], &[401], false);
        check(&Expected::Bound("app"), [(200, &own); 2], &[], true);
        check(&Expected::Bound("app"), [(200, &own), (200, &another)], &[], false);
    }

    #[test]
    fn a_signature_is_verified() {
        let signed = json!({"signature": STANDARD.encode([7; 256])});
        check(&Expected::Signed, [(200, &signed); 2], &[], false);
    }
}
