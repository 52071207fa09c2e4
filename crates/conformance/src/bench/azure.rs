//! A token through the trait of the Azure SDK: a boxed future and a copy of the token are its price, and
//! the floor; to find the token by its request costs what it costs everybody.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use entra_azure_credential::EntraCredential;
use entra_emulator::ids;
use futures_util::FutureExt;

use super::{
    contest::{Contest, Threads},
    gate::Gate,
    peer::SCOPE,
    stage::Stage,
    turns::{Op, op},
};

pub(super) async fn contests(stage: &Stage) -> Result<Vec<Contest>> {
    let credential: Arc<dyn TokenCredential> =
        EntraCredential::new(stage.acquirer(ids::DAEMON, ids::DAEMON_SECRET)?).into();
    let token = credential.get_token(&[SCOPE], None).await?;
    let floor: Arc<dyn TokenCredential> = Arc::new(Given(token));
    let (ours, floor) = (warm(credential)?, warm(floor)?);
    let contest = |name: &str, threads| Contest {
        name: name.to_owned(),
        threads,
        gate: Gate::At(250.0),
        // What a look-up by request may cost, beside the floor.
        goal: Gate::Above(100.0),
        ours: Arc::clone(&ours),
        floor: ("a TokenCredential that copies one token", Arc::clone(&floor)),
        peer: Some(("azure_identity 1.0 ClientSecretCredential::get_token", Arc::clone(&stage.azure))),
    };
    Ok(vec![contest("Azure SDK", Threads::One), contest("Azure SDK, 2 threads", Threads::Two)])
}

fn warm(credential: Arc<dyn TokenCredential>) -> Result<Op> {
    credential.get_token(&[SCOPE], None).now_or_never().context("no token is at hand")??;
    Ok(op(move || credential.get_token(&[SCOPE], None).now_or_never()))
}

/// The least that anybody who implements the trait has to do.
#[derive(Debug)]
struct Given(AccessToken);

#[async_trait]
impl TokenCredential for Given {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(Secret::new(self.0.token.secret().to_owned()), self.0.expires_on))
    }
}
