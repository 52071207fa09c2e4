//! `jsonwebtoken` as a judge that shares no code with us: what we let in, it lets in too.

use entra_abstractions::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};

use crate::entra::{CLIENT, Entra, Key};

#[tokio::test]
async fn what_we_let_in_the_judge_lets_in() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let (key, stranger) = (Key::number(0), Key::number(1));
    let claims = entra.claims();
    let header = |changes: Value| {
        let mut header = json!({"typ": "JWT", "alg": "RS256", "kid": key.kid});
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        header
    };
    let good = key.sign(&header(json!({})), &claims);
    let signature = good.rsplit_once('.').unwrap().1;
    let mut tokens = vec![
        good.clone(),
        stranger.sign(&header(json!({})), &claims),
        key.sign(&header(json!({"alg": "none"})), &claims),
        key.sign(&header(json!({"alg": "HS256"})), &claims),
        key.sign(&header(json!({"alg": "RS512"})), &claims),
        entra.token(0, &json!({"exp": 1, "nbf": 0})),
        entra.token(0, &json!({"aud": "another"})),
        format!("{}.", good.rsplit_once('.').unwrap().0),
        format!("{}.{signature}", entra.token(0, &json!({"roles": ["Admin"]})).rsplit_once('.').unwrap().0),
    ];
    // Each character of the signed part changed in turn, in steps.
    for index in (0..good.len()).step_by(37) {
        let mut changed = good.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        tokens.push(String::from_utf8(changed).unwrap());
    }
    let jwk = key.jwk();
    let judge =
        DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), jwk["e"].as_str().unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[CLIENT]);
    // Its clock is the system's; the lifetime is judged by ours.
    rules.validate_exp = false;
    let mut admitted = 0;
    for token in &tokens {
        let ours = validator.validate(token).await.is_ok();
        let theirs = decode::<Value>(token, &judge, &rules).is_ok();
        assert!(theirs || !ours, "{token}");
        admitted += usize::from(ours);
    }
    assert_eq!(admitted, 1, "at {:?}", entra.clock.now());
}
