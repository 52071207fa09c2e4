//! A header on behalf of a user whose token came with the request: the assertion is made anew each
//! time, as in a web API.

use anyhow::{Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use entra_abstractions::{AcquireToken, Misconfigured, TokenRequest, UserAssertion};
use entra_emulator::ids;

use super::{
    contest::{Contest, Threads},
    gate::Gate,
    stage::{Stage, header, scopes, user_token, warm},
    turns::op,
};

pub(super) async fn contests(stage: &Stage) -> Result<Vec<Contest>> {
    let tokens = stage.acquirer(ids::API, ids::API_SECRET)?;
    let scopes = scopes()?;
    let token = user_token(&stage.emulator, 2_048);
    warm(&tokens, &TokenRequest::on_behalf_of(scopes.clone(), &UserAssertion::new(&*token)?)).await?;
    let sealed = token.clone();
    let once = move || {
        let user = UserAssertion::new(&*token)?;
        Ok::<_, Misconfigured>(header(tokens.acquire(&TokenRequest::on_behalf_of(scopes.clone(), &user))))
    };
    ensure!(once()?, "the token is not at hand");
    Ok(vec![Contest {
        name: "on behalf of, from a 2 KB token".to_owned(),
        threads: Threads::One,
        gate: Gate::At(1_600.0),
        goal: Gate::At(1_500.0),
        ours: op(once),
        floor: ("SHA-256 of the 2 KB", op(move || digest(&SHA256, sealed.as_bytes()))),
        peer: None,
    }])
}
