//! The end of a sign-in: a code, or a refresh token kept elsewhere, becomes an account whose
//! tokens are kept here.

use entra_abstractions::{
    AccessToken, AccountId, Exchange, Scopes, Secret, TokenError, TokenRequest, Unavailable,
};

use crate::{acquirer::TokenAcquirer, fetch, plan::Plan, wire::Granted};

/// The authorization code with which a user came back from signing in.
#[derive(Debug)]
pub struct AuthorizationCode {
    pub(crate) code: Secret,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Scopes,
    pub(crate) verifier: Option<Secret>,
    pub(crate) account: Option<AccountId>,
}

impl AuthorizationCode {
    /// A code, the redirect URI that the sign-in was begun with, and what is asked for.
    pub fn new(code: impl Into<Secret>, redirect_uri: impl Into<String>, scopes: Scopes) -> Self {
        Self { code: code.into(), redirect_uri: redirect_uri.into(), scopes, verifier: None, account: None }
    }

    /// With the verifier whose challenge the sign-in was begun with (PKCE, RFC 7636).
    #[must_use]
    pub fn verifier(mut self, verifier: impl Into<Secret>) -> Self {
        self.verifier = Some(verifier.into());
        self
    }

    /// With the account that the sign-in already named: Entra then need not look for its home.
    #[must_use]
    pub fn account(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    pub(crate) async fn redeem(self, engine: &TokenAcquirer) -> Result<SignedIn, TokenError> {
        let plan = plan(engine, &self.scopes)?;
        let granted = fetch::redeem(engine, &plan, &self).await?;
        keep(engine, granted, self.scopes)
    }
}

/// A user who signed in: their account, and the token that came along.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// Under which the user's tokens are kept.
    pub account: AccountId,
    /// The token for the scopes that the sign-in asked for.
    pub token: AccessToken,
}

pub(crate) async fn take_over(
    engine: &TokenAcquirer,
    token: Secret,
    scopes: Scopes,
) -> Result<SignedIn, TokenError> {
    let plan = plan(engine, &scopes)?;
    let granted = fetch::renew(engine, &plan, &token, None).await?;
    // An answer without a new refresh token leaves the old one valid (RFC 6749 section 6).
    let granted = Granted { refresh_token: granted.refresh_token.or(Some(token)), ..granted };
    keep(engine, granted, scopes)
}

/// Whose sign-in it is, only the answer tells; until then it is nobody's.
fn plan(engine: &TokenAcquirer, scopes: &Scopes) -> Result<Plan, TokenError> {
    let nobody = AccountId::new("signing-in", "nobody")?;
    engine.plan(&TokenRequest::for_account(scopes.clone(), nobody)).map_err(TokenError::from)
}

fn keep(engine: &TokenAcquirer, granted: Granted, scopes: Scopes) -> Result<SignedIn, TokenError> {
    let Some(account) = granted.account.clone() else {
        let exchange = Exchange::new("authorization_code", engine.application().authority_host());
        return Err(Unavailable::new(exchange, "an answer that does not say who signed in").into());
    };
    let plan = engine.plan(&TokenRequest::for_account(scopes, account.clone()))?;
    let token = fetch::keep(engine, &plan, granted)?;
    Ok(SignedIn { account, token })
}
