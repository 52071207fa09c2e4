//! A policy for the pipeline of an Azure SDK client: the token of the moment on each try, and a
//! claims challenge answered once. The SDK has neither: a client keeps its token until five minutes
//! before the end, and hands a challenge back as a 401.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::http::{
    Context, Request, StatusCode,
    headers::{AUTHORIZATION, Headers, WWW_AUTHENTICATE},
    policies::{Policy, PolicyResult},
};
use entra_abstractions::{
    AccessToken, AcquireToken, Challenge, Claims, Misconfigured, Scheme, TokenError, TokenRequest,
};

use crate::{context, error};

/// Sends each try with the token as it is then, and answers a claims challenge (continuous access
/// evaluation, conditional access) once. It acts on requests that the client itself sends with a
/// token; made by [`EntraCredential::policy`](crate::EntraCredential::policy).
///
/// ```no_run
/// # use entra_abstractions::{AcquireToken, Misconfigured, UserAssertion};
/// # fn example(tokens: impl AcquireToken + 'static, user: UserAssertion) -> Result<(), Misconfigured> {
/// use azure_core::http::ClientOptions;
/// use entra_azure_credential::EntraCredential;
///
/// let credential = EntraCredential::new(tokens).on_behalf_of(&user);
/// let options = ClientOptions {
///     per_try_policies: vec![credential.policy("https://storage.azure.com/.default")?],
///     ..ClientOptions::default()
/// };
/// # let _ = options;
/// # Ok(())
/// # }
/// ```
pub struct CurrentTokenPolicy {
    tokens: Arc<dyn AcquireToken>,
    request: TokenRequest,
}

impl CurrentTokenPolicy {
    pub(crate) fn new(tokens: Arc<dyn AcquireToken>, request: TokenRequest) -> Self {
        Self { tokens, request }
    }

    async fn authorize(
        &self,
        asked: &TokenRequest,
        request: &mut Request,
    ) -> azure_core::Result<AccessToken> {
        let token = self.acquire(asked).await.map_err(error::of_credential)?;
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.secret().expose()));
        Ok(token)
    }

    async fn acquire(&self, asked: &TokenRequest) -> Result<AccessToken, TokenError> {
        if let Some(fault) = &asked.refused {
            return Err(fault.clone().into());
        }
        match asked.scheme {
            Scheme::Bearer => self.tokens.acquire(asked).await,
            Scheme::Pop(_) | Scheme::MtlsPop => {
                Err(Misconfigured::new("the clients of the Azure SDK send bearer tokens only").into())
            }
        }
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the macro takes a lifetime for another one where it is written"
)]
#[async_trait]
impl Policy for CurrentTokenPolicy {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((first, rest)) = next.split_first() else {
            return Err(error::of_credential(
                Misconfigured::new("the policy stands last in the pipeline").into(),
            ));
        };
        if !bears_token(request) {
            return first.send(context, request, rest).await;
        }
        let mut asked = self.request.clone();
        context::apply(context, &mut asked);
        let token = self.authorize(&asked, request).await?;
        let response = first.send(context, request, rest).await?;
        if response.status() != StatusCode::Unauthorized {
            return Ok(response);
        }
        let Some(claims) = claims(response.headers()) else { return Ok(response) };
        asked.claims = Some(claims);
        // Whoever was refused the same token for the same claims, and came first, has asked already.
        asked.replaces = Some(token.to_hash());
        drop(response);
        self.authorize(&asked, request).await?;
        request.body_mut().reset().await?;
        first.send(context, request, rest).await
    }
}

/// Whether the client itself sends a token here: not to a URL with a signature of its own, not
/// before it has looked at a challenge, and never in the clear.
fn bears_token(request: &Request) -> bool {
    let header = request.headers().get_optional_str(&AUTHORIZATION).unwrap_or_default();
    let is_bearer = header.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer "));
    is_bearer && request.url().scheme() == "https"
}

fn claims(headers: &Headers) -> Option<Claims> {
    Challenge::claims(headers.get_optional_str(&WWW_AUTHENTICATE))
}

impl fmt::Debug for CurrentTokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentTokenPolicy")
            .field("scopes", &self.request.scopes)
            .field("subject", &self.request.subject)
            .finish_non_exhaustive()
    }
}
