//! What a token says, read without its signature: whoever sent it has just answered over TLS.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// The claims of an access token, if it says all of this.
pub(super) fn check(token: &str, wanted: &[(&str, &str)]) -> Result<Map<String, Value>> {
    let payload = token.split('.').nth(1).context("the token is no JWT")?;
    let claims: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    for (name, wanted) in wanted {
        let said = claims.get(*name).unwrap_or(&Value::Null);
        ensure!(said == wanted, "the token's {name} is {said}, not {wanted}");
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_compared() {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"aud":"api://orders","exp":7}"#));
        assert_eq!(check(&token, &[("aud", "api://orders")]).unwrap()["exp"], 7);
        for wanted in [("aud", "api://order"), ("azp", "api://orders")] {
            assert!(check(&token, &[wanted]).is_err());
        }
        assert!(check("opaque", &[]).is_err());
    }
}
