//! Whose token it is, as the answer of a token endpoint tells: by `client_info`, or, where a server
//! sends none, by the id token that came beside it.
//!
//! The id token is not validated here: it came from the token endpoint itself, over TLS (OpenID
//! Connect Core section 3.1.3.7).

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use entra_abstractions::AccountId;
use serde::{Deserialize, de::DeserializeOwned};

/// The account, if the answer tells of one.
pub(super) fn account(client_info: Option<&str>, id_token: Option<&str>) -> Option<AccountId> {
    client_info.and_then(by_client_info).or_else(|| id_token.and_then(by_id_token))
}

fn by_client_info(client_info: &str) -> Option<AccountId> {
    #[derive(Deserialize)]
    struct Holder {
        uid: String,
        utid: String,
    }
    let holder: Holder = decode(client_info)?;
    AccountId::new(&holder.uid, &holder.utid).ok()
}

fn by_id_token(id_token: &str) -> Option<AccountId> {
    #[derive(Deserialize)]
    struct Claims {
        oid: Option<String>,
        tid: Option<String>,
        sub: Option<String>,
        iss: Option<String>,
    }
    let claims: Claims = decode(id_token.split('.').nth(1)?)?;
    if let (Some(oid), Some(tid)) = (&claims.oid, &claims.tid) {
        return AccountId::new(oid, tid).ok();
    }
    // Other servers: a subject is whatever text they like, unique for its issuer.
    let (subject, issuer) = (claims.sub?, claims.iss?);
    if subject.is_empty() {
        return None;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let uid = if subject.chars().all(is_plain) { subject } else { URL_SAFE_NO_PAD.encode(subject) };
    let issuer = issuer.trim_start_matches("https://").trim_end_matches('/');
    let utid: String = issuer.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    AccountId::new(&uid, &utid).ok()
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).or_else(|_| URL_SAFE.decode(part)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(client_info: Option<&str>, claims: &str, expected: Option<&str>) {
        let id_token = format!("e30.{}.", URL_SAFE_NO_PAD.encode(claims));
        let found = account(client_info, Some(&id_token));
        assert_eq!(found.as_ref().map(AccountId::as_str), expected, "{claims}");
    }

    #[test]
    fn client_info_or_the_id_token() {
        let info = Some("eyJ1aWQiOiJ1MSIsInV0aWQiOiJ0MSJ9");
        check(info, r#"{"oid":"o","tid":"t"}"#, Some("u1.t1"));
        check(None, r#"{"oid":"o","tid":"t","sub":"s","iss":"https://i/"}"#, Some("o.t"));
        check(
            Some("not it"),
            r#"{"sub":"s","iss":"https://idp.example/realms/a/"}"#,
            Some("s.idp-example-realms-a"),
        );
        // What could not be told from the issuer is written so that it can.
        check(None, r#"{"sub":"auth0|a.b","iss":"https://idp.example"}"#, Some("YXV0aDB8YS5i.idp-example"));
        for hostile in ["", "{}", r#"{"sub":"","iss":"https://i"}"#, r#"{"sub":"s"}"#, r#"{"sub":1,"iss":2}"#]
        {
            check(None, hostile, None);
        }
        assert_eq!(account(None, None), None);
        assert_eq!(account(None, Some("no token")), None);
    }
}
