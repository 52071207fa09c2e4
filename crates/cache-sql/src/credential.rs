//! The password of a new connection: the one of the connection string, or an access token.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, Misconfigured, Scopes, Secret, TokenRequest};

use crate::{
    address::{Address, Tls},
    error::{Failure, Kind},
};

/// How to log in.
#[derive(Debug, Clone)]
pub(crate) enum Login {
    /// With what the connection string says, if it says anything.
    Password(Option<Secret>),
    /// As an identity of Entra: each new connection asks for the token that is current.
    Token(Arc<dyn AcquireToken>, Box<TokenRequest>),
}

impl Login {
    /// A token is nobody's but Azure's, so a server must prove that it is who it says.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is a password as well, or the connection string forbids the
    /// proof.
    pub(crate) fn new(
        address: &mut Address,
        tokens: Option<Arc<dyn AcquireToken>>,
        path: &str,
    ) -> Result<Self, Misconfigured> {
        let Some(tokens) = tokens else {
            return Ok(Self::Password(address.password.take()));
        };
        if address.password.is_some() {
            return Err(Misconfigured::new("Password: contradicts the credential that was given")
                .at(path)
                .hint("remove one of both"));
        }
        if address.tls == Tls::IfOffered {
            address.tls = Tls::Verified;
        }
        // Whoever is signed by somebody may be anybody: the name must be looked at.
        if address.tls != Tls::Verified && !address.is_here() {
            return Err(Misconfigured::new("SSL Mode: a token goes to a server that is verified only")
                .at(path)
                .hint("SSL Mode=VerifyFull"));
        }
        let request = TokenRequest::as_app(Scopes::try_from(scope(&address.host))?);
        Ok(Self::Token(tokens, Box::new(request)))
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn is_token(&self) -> bool {
        matches!(self, Self::Token(..))
    }

    pub(crate) async fn password(&self) -> Result<Option<Secret>, Failure> {
        match self {
            Self::Password(password) => Ok(password.clone()),
            Self::Token(tokens, request) => {
                let token = tokens.acquire(request).await;
                let token = token.map_err(|error| Failure::new(Kind::Credential, error.to_string()))?;
                Ok(Some(token.secret().to_secret()))
            }
        }
    }
}

/// What Azure's open source databases are called in each cloud.
fn scope(host: &str) -> &'static str {
    let host = host.to_ascii_lowercase();
    if host.ends_with(".usgovcloudapi.net") {
        "https://ossrdbms-aad.database.usgovcloudapi.net/.default"
    } else if host.ends_with(".chinacloudapi.cn") {
        "https://ossrdbms-aad.database.chinacloudapi.cn/.default"
    } else {
        "https://ossrdbms-aad.database.windows.net/.default"
    }
}
