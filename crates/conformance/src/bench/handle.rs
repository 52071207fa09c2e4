//! An application's header by a handle: no key, no look-up.

use std::sync::Arc;

use anyhow::{Result, ensure};
use arc_swap::ArcSwapOption;
use entra_abstractions::{AccessToken, AcquireToken, Clock, SystemClock, TokenRequest};
use entra_emulator::ids;

use super::{
    contest::{Contest, Threads},
    gate::Gate,
    stage::{Stage, header, scopes, warm},
    turns::{Op, op},
};

pub(super) async fn contests(stage: &Stage) -> Result<Vec<Contest>> {
    let tokens = stage.acquirer(ids::DAEMON, ids::DAEMON_SECRET)?;
    let request = TokenRequest::as_app(scopes()?);
    warm(&tokens, &request).await?;
    let floor = floor(tokens.acquire(&request).await?);
    let handle = tokens.handle(request)?;
    ensure!(header(handle.token()), "the handle has no token at hand");
    let ours = op(move || header(handle.token()));
    let contest = |name: &str, threads| Contest {
        name: name.to_owned(),
        threads,
        gate: Gate::At(40.0),
        goal: Gate::At(25.0),
        ours: Arc::clone(&ours),
        floor: ("an ArcSwap loaded, an expiry looked at, an Arc cloned", Arc::clone(&floor)),
        peer: Some(("azure_identity 1.0 ClientSecretCredential::get_token", Arc::clone(&stage.azure))),
    };
    Ok(vec![contest("app, handle", Threads::One), contest("app, handle, 2 threads", Threads::Two)])
}

fn floor(token: AccessToken) -> Op {
    let slot = ArcSwapOption::from_pointee((token.expires_at(), token));
    let clock = SystemClock;
    op(move || slot.load().as_ref().filter(|slot| clock.now() < slot.0).map(Arc::clone))
}
