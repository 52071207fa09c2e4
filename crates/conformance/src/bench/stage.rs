//! What the contests are held on: an emulator, applications that know it, and a peer that is warm.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use anyhow::{Result, ensure};
use entra_abstractions::{AcquireToken, Acquiring, Scopes, TokenRequest};
use entra_emulator::{Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer};

use super::{peer, turns::Op};

pub(super) const ORDERS: &str = "api://orders/.default";

pub(super) struct Stage {
    pub(super) emulator: Emulator,
    /// `azure_identity`, with one token, warm.
    pub(super) azure: Op,
    _secure: Emulator,
}

impl Stage {
    pub(super) async fn set() -> Result<Self> {
        let secure = Emulator::builder().https(true).start().await?;
        Ok(Self {
            emulator: Emulator::start().await?,
            azure: peer::azure_identity(&secure).await?,
            _secure: secure,
        })
    }

    /// An application of the emulator's directory.
    pub(super) fn acquirer(&self, client: &str, secret: &str) -> Result<TokenAcquirer> {
        acquirer(self.emulator.base_url(), ids::TENANT, client, secret)
    }
}

pub(super) fn acquirer(instance: &str, tenant: &str, client: &str, secret: &str) -> Result<TokenAcquirer> {
    let application =
        Application::builder().instance(instance).tenant(tenant).client_id(client).secret(secret).build()?;
    Ok(TokenAcquirer::builder(application).cache_budget(usize::MAX).build()?)
}

pub(super) fn scopes() -> Result<Scopes> {
    Ok(Scopes::try_from(ORDERS)?)
}

/// Makes the header of a token that is at hand, as whoever awaits it would, and lets it go. `false`
/// were what is measured not warm.
#[inline]
pub(super) fn header(acquiring: Acquiring<'_>) -> bool {
    match pin!(acquiring).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(token)) => {
            // By reference: moving it would be measured, too.
            black_box(&token.authorization_header());
            true
        }
        Poll::Ready(Err(_)) | Poll::Pending => false,
    }
}

/// Fetches what is measured afterwards.
pub(super) async fn warm(tokens: &impl AcquireToken, request: &TokenRequest) -> Result<()> {
    tokens.acquire(request).await?;
    ensure!(header(tokens.acquire(request)), "a token that was just fetched is not at hand");
    Ok(())
}

/// What a user's client presents to the API of the directory, as long as given.
pub(super) fn user_token(emulator: &Emulator, length: usize) -> String {
    let scope = format!("api://{}/access_as_user", ids::API);
    let of_padding =
        |bytes| emulator.mint().user("alice").scopes(&scope).claim("pad", "x".repeat(bytes)).build();
    // Base64 makes four characters of three bytes.
    let missing = length.saturating_sub(of_padding(0).len()) / 4 * 3;
    of_padding(missing)
}
