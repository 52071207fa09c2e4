//! The grants of the token endpoint, by the names people use.

use std::fmt;

use serde::Deserialize;

/// How a token was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grant {
    /// `client_credentials`
    ClientCredentials,
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`
    OnBehalfOf,
    /// `authorization_code`
    AuthorizationCode,
    /// `refresh_token`
    RefreshToken,
    /// `user_fic`: an agent for its own user
    UserFic,
    /// One that the emulator does not know
    Unknown,
}

impl Grant {
    pub(crate) fn of(grant_type: &str) -> Self {
        match grant_type {
            "client_credentials" => Self::ClientCredentials,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Self::OnBehalfOf,
            "authorization_code" => Self::AuthorizationCode,
            "refresh_token" => Self::RefreshToken,
            "user_fic" => Self::UserFic,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ClientCredentials => "client_credentials",
            Self::OnBehalfOf => "on_behalf_of",
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::UserFic => "user_fic",
            Self::Unknown => "unknown grant",
        })
    }
}
