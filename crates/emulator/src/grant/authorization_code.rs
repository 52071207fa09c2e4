//! Redeems an authorization code, once, with its PKCE verifier.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::signed_in::SignedIn;
use crate::jwt;
use crate::refusal::{Reason, Refusal};
use crate::scope;
use crate::session::Code;
use crate::token::{Asking, missing};

pub(crate) fn answer(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let name = asking.needed("code")?;
    let code = asking.realm.sessions.redeem(name).ok_or_else(|| {
        Reason::CodeUnknown.because("The provided value for the 'code' parameter is not valid.")
    })?;
    check(asking, &code)?;
    let directory = asking.directory;
    let tenant = directory.tenant(&code.sign_in.tenant_id);
    let user = directory.user(&code.sign_in.user);
    let (Some(tenant), Some(user)) = (tenant, user) else {
        return Err(Reason::UnknownUser.because("The user account does not exist in the directory."));
    };
    // A code is for what was asked at /authorize; the client may narrow it here.
    let written = asking.field("scope").unwrap_or(&code.sign_in.scope);
    let mut asked = scope::read(written, directory, tenant)?;
    // What the sign-in itself was for stays settled: some clients name only the resource here.
    let begun = scope::read(&code.sign_in.scope, directory, tenant)?;
    (asked.openid, asked.offline) = (asked.openid || begun.openid, asked.offline || begun.offline);
    SignedIn { tenant, user, contexts: code.sign_in.contexts, nonce: code.nonce, since: code.sign_in.since }
        .answer(asking, written, &asked)
}

fn check(asking: &Asking<'_>, code: &Code) -> Result<(), Refusal> {
    let now = asking.exchange.now;
    if code.sign_in.client_id != asking.client.client_id
        || asking.tenant.is_some_and(|tenant| tenant.id != code.sign_in.tenant_id)
    {
        return Err(Reason::CodeUnknown.because("The provided value for the 'code' parameter is not valid. The code was issued to another application or tenant."));
    }
    if code.redeemed {
        return Err(Reason::CodeRedeemed
            .because("OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."));
    }
    if code.sign_in.since + asking.directory.lifetimes.code() <= now {
        return Err(Reason::CodeExpired
            .because("The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."));
    }
    if asking.needed("redirect_uri")? != code.redirect_uri {
        return Err(Reason::ReplyAddress.because(
            "The reply URL specified in the request does not match the one of the authorization request.",
        ));
    }
    match (&code.challenge, asking.field("code_verifier")) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(missing("code_verifier")),
        (Some(challenge), Some(verifier))
            if *challenge == jwt::encode(digest(&SHA256, verifier.as_bytes())) =>
        {
            Ok(())
        }
        (_, Some(_)) => Err(Reason::CodeVerifier.because(
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )),
    }
}
