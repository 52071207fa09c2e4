//! `WWW-Authenticate`, as an API that we call may send it.

use entra_abstractions::Challenge;

/// Whatever is read is bounded, can be written again, and means the same when it is read again.
///
/// # Panics
/// Where that does not hold.
pub fn www_authenticate(input: &[u8]) {
    let header = String::from_utf8_lossy(input);
    let found = Challenge::parse(&header);
    assert!(found.len() <= 65, "more challenges than any answer has");
    for challenge in &found {
        let written = challenge.to_string();
        assert!(written.len() <= 2 * header.len() + 512, "more is written than was read");
        let plain = challenge.parameters().all(|(name, value)| {
            // A token68 has the name of the scheme, and is written as a parameter.
            !name.is_empty() && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        });
        let again = Challenge::parse(&written);
        if plain {
            assert_eq!(again.as_slice(), std::slice::from_ref(challenge), "written: {written:?}");
        }
        // Whatever came in, no line can be broken out of when it is built anew.
        let copy =
            challenge.parameters().fold(Challenge::bearer(), |copy, (name, value)| copy.with(name, value));
        assert!(http::HeaderValue::from_str(&copy.to_string()).is_ok(), "no header: {copy}");
    }
    if let Some(claims) = Challenge::claims([&*header]) {
        assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(claims.as_str()).is_ok());
        let passed_on = Challenge::bearer()
            .with("error", "insufficient_claims")
            .with("claims", claims.to_base64())
            .to_string();
        assert_eq!(Challenge::claims([passed_on.as_str()]), Some(claims), "the claims changed on their way");
    }
}
