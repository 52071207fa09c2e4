//! The validation of a caller's token: signature, issuer, audience, times, scopes.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{Authority, ClientId, TenantId};
use entra_emulator::ids;
use entra_web_api::TokenValidator;
use serde::Deserialize;

use super::{
    contest::{Contest, Threads},
    gate::Gate,
    peer,
    stage::{Stage, user_token},
    turns::{Op, op},
};

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    n: String,
    e: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
}

pub(super) async fn contests(stage: &Stage) -> Result<Vec<Contest>> {
    let emulator = &stage.emulator;
    let token = user_token(emulator, 1_600);
    ensure!((1_400..=1_700).contains(&token.len()), "the token has {} bytes", token.len());
    let authority = Authority::new(emulator.base_url(), TenantId::new(ids::TENANT)?)?;
    let validator = TokenValidator::for_client(authority, &ClientId::new(ids::API)?).build()?;
    validator.validate(&token).await?;
    ensure!(matches!(validator.validate_now(&token), Some(Ok(_))), "the keys are not at hand");

    let url = format!("{}/discovery/v2.0/keys", emulator.authority(ids::TENANT));
    let answer = crate::http::plain()?.get(url).send().await?;
    let keys: Keys = serde_json::from_slice(&crate::http::read(answer).await?)?;
    let key = keys.keys.first().context("the emulator has no key")?;
    let payload = token.split('.').nth(1).context("the token has no payload")?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;

    let floor = floor(&token, key)?;
    let peer = peer::jsonwebtoken(token.clone(), &key.n, &key.e, &claims.aud, &claims.iss)?;
    Ok(vec![Contest {
        name: format!("validation, RS256, {} bytes", token.len()),
        threads: Threads::One,
        gate: Gate::Above(3_000.0),
        goal: Gate::Above(2_000.0),
        ours: op(move || validator.validate_now(&token)),
        floor: ("aws-lc-rs: the signature alone, its key parsed", floor),
        peer: Some(("jsonwebtoken 11 decode", peer)),
    }])
}

fn floor(token: &str, key: &Key) -> Result<Op> {
    let (signed, signature) = token.rsplit_once('.').context("the token is not signed")?;
    let (signed, signature) = (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
    let (n, e) = (URL_SAFE_NO_PAD.decode(&key.n)?, URL_SAFE_NO_PAD.decode(&key.e)?);
    let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?;
    ensure!(key.verify_sig(signed.as_bytes(), &signature).is_ok(), "the key did not sign the token");
    Ok(op(move || key.verify_sig(signed.as_bytes(), &signature)))
}
