//! How this program proves itself to a server: not at all, by a password, or by a token of Entra.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{AcquireToken, Clock, ObjectId, Scopes, Secret, TokenRequest};
use serde::Deserialize;

use crate::error::Failure;

/// Where a user and a password come from.
#[derive(Debug)]
pub(crate) enum Login {
    Nobody,
    Password {
        user: Option<Secret>,
        password: Secret,
    },
    /// Without an object id, it is the one that the token names.
    Token {
        tokens: Arc<dyn AcquireToken>,
        request: Box<TokenRequest>,
        object_id: Option<ObjectId>,
    },
}

/// A user and a password, and how long the server takes them for good.
pub(crate) struct Proof {
    pub(crate) user: Option<Secret>,
    pub(crate) password: Secret,
    pub(crate) life: Option<Life>,
}

/// The time of a connection whose token ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// From now on another one should be opened beside it.
    pub(crate) renew_at: SystemTime,
    /// From now on it is of no more use: the server closes it.
    pub(crate) ends_at: SystemTime,
}

impl Login {
    pub(crate) fn by_token(
        tokens: Arc<dyn AcquireToken>,
        object_id: Option<ObjectId>,
        scopes: Scopes,
    ) -> Self {
        Self::Token { tokens, request: Box::new(TokenRequest::as_app(scopes)), object_id }
    }

    pub(crate) async fn proof(&self, clock: &dyn Clock) -> Result<Option<Proof>, Failure> {
        match self {
            Self::Nobody => Ok(None),
            Self::Password { user, password } => {
                Ok(Some(Proof { user: user.clone(), password: password.clone(), life: None }))
            }
            Self::Token { tokens, request, object_id } => {
                let token = tokens.acquire(request).await.map_err(Failure::NoToken)?;
                let user = match object_id {
                    Some(id) => id.as_str().to_owned(),
                    None => object_id_of(token.secret().expose()).ok_or(Failure::Nameless)?,
                };
                Ok(Some(Proof {
                    user: Some(Secret::new(user)),
                    password: token.secret().to_secret(),
                    life: Some(Life::until(token.expires_at(), clock.now())),
                }))
            }
        }
    }
}

impl Life {
    /// A quarter of what is left of it is kept for renewing, five minutes at most: Azure asks for
    /// three, and by then an acquirer holds a newer token.
    fn until(ends_at: SystemTime, now: SystemTime) -> Self {
        let left = ends_at.duration_since(now).unwrap_or_default();
        Self { renew_at: ends_at - (left / 4).min(Duration::from_secs(300)), ends_at }
    }
}

/// Whom a token is of. Nothing is decided by it here: a server that is told a wrong user refuses.
fn object_id_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        oid: String,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok().map(|claims: Claims| claims.oid)
}

/// Azure Cache for Redis and Azure Managed Redis alike.
pub(crate) const SCOPE: &str = "https://redis.azure.com/.default";
