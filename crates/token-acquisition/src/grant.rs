//! The grants: which form fields ask for which token. Each knows nothing of how the application
//! proves itself (`credential`) or where the form goes (`wire`).

mod authorization_code;
mod client_credentials;
mod on_behalf_of;
mod refresh_token;
mod user_federated;

use entra_abstractions::{AccountId, AgentUser, ManagedIdentityId, Scopes, UserAssertion, is_identity_scope};

use crate::managed_identity;

pub(crate) use authorization_code::RedeemCode;
pub(crate) use client_credentials::ClientCredentials;
pub(crate) use on_behalf_of::OnBehalfOf;
pub(crate) use refresh_token::RefreshToken;
pub(crate) use user_federated::UserFederated;

/// How a token is come by, before it is known what is at hand for it.
#[derive(Debug, Clone)]
pub(crate) enum Grant {
    ClientCredentials,
    OnBehalfOf(UserAssertion),
    /// On behalf of a user who is here, and whose session is kept under this digest of its key.
    Keep {
        assertion: UserAssertion,
        session: [u8; 32],
    },
    /// A user whose session is kept: by its refresh token.
    Session([u8; 32]),
    /// A user who signed in: by the refresh token that is kept for them.
    Account(AccountId),
    /// An agent's user: by the refresh token that is kept, else by federation.
    AgentUser(AgentUser),
    /// The host's own: by its endpoint, not by Entra's.
    ManagedIdentity(ManagedIdentityId),
}

impl Grant {
    /// The name under which it is logged, before it is known by what it will be come by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => ClientCredentials::NAME,
            Self::OnBehalfOf(_) | Self::Keep { .. } => OnBehalfOf::NAME,
            Self::Account(_) | Self::Session(_) => RefreshToken::NAME,
            Self::AgentUser(_) => UserFederated::NAME,
            Self::ManagedIdentity(_) => managed_identity::NAME,
        }
    }
}

/// What is asked along with every user's token: who the user is, and a refresh token.
const IDENTITY_SCOPES: [&str; 3] = ["openid", "profile", "offline_access"];

/// The scopes of a user's token as they go on the wire: as they were written, and the identity
/// scopes beside them.
fn user_scopes(scopes: &Scopes) -> String {
    let own = scopes.iter().filter(|scope| !is_identity_scope(scope) || scope.eq_ignore_ascii_case("email"));
    own.chain(IDENTITY_SCOPES).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
