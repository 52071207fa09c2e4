//! A whole call of an API, beside the same request made by hand.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use entra_abstractions::{AcquireToken, HttpSettings, TokenRequest};
use entra_downstream_api::{Api, Caller};
use entra_emulator::ids;
use entra_mtls_pop::BoundClients;
use http::{
    HeaderValue,
    header::{ACCEPT, AUTHORIZATION},
};
use reqwest::Client;
use serde::Deserialize;
use tokio::{runtime::Builder, task::spawn_blocking};

use super::{
    endpoint::{self, Endpoint, ORDERS},
    figure::Figure,
    gate::Gate,
    report::Row,
    stage::{Stage, scopes, warm},
};
use crate::bound::{Night, Secured, Speaks, mint};

#[derive(Deserialize)]
struct Order {
    #[expect(dead_code, reason = "it is there to be read")]
    id: u32,
    #[expect(dead_code, reason = "it is there to be read")]
    customer: String,
}

pub(super) async fn measure(stage: &Stage, calls: usize) -> Result<Row> {
    let endpoint = Endpoint::start().await?;
    let client = crate::http::client(&HttpSettings::default())?;
    let tokens = stage.acquirer(ids::DAEMON, ids::DAEMON_SECRET)?;
    let request = TokenRequest::as_app(scopes()?);
    warm(&tokens, &request).await?;
    let header = tokens.acquire(&request).await?.authorization_header();
    let api = Api::builder("Orders")
        .base_url(&endpoint.url)
        .scopes(scopes()?)
        .client(client.clone())
        .build(tokens)?;
    let bare = Bare { client, url: format!("{}/orders", endpoint.url), header };
    beside(&api, bare, calls, "call, GET of JSON on loopback".to_owned()).await
}

/// The same with a bound token, over TLS connections that show its certificate, to a server that asks for
/// it; both sides by the same settings of TLS, each over one connection of its own.
pub(super) async fn measure_bound(calls: usize, speaks: Speaks) -> Result<Row> {
    let certificates = mint(1)?;
    let night = Night::begin(certificates.first().context("no certificate")?, &certificates).await?;
    let secured = Secured::start(endpoint::api(), speaks).await?;
    let token = night.token().await?;
    let api = Api::builder("Orders")
        .base_url(&secured.url)
        .scopes(scopes()?)
        .bound_tokens()
        .http(secured.http())
        .build(night.tokens.clone())?;
    let url = format!("{}/orders", secured.url);
    // With the name that ours gives itself, or the two would not send the same.
    let clients = BoundClients::new(&secured.http(), |builder| {
        builder.user_agent(concat!("entra-rs/", env!("CARGO_PKG_VERSION")))
    });
    let client = clients.of(token.binding().context("not a bound token")?, &url.parse()?)?.client().clone();
    let bare = Bare { client, url, header: token.authorization_header() };
    let name = match speaks {
        Speaks::Http1 => "bound call, over mTLS, HTTP/1.1",
        Speaks::Http2 => "bound call, over mTLS, HTTP/2",
    };
    beside(&api, bare, calls, name.to_owned()).await
}

async fn beside(api: &Api, bare: Bare, calls: usize, name: String) -> Result<Row> {
    // On a thread of their own: tasks of this runtime would be handed from core to core, which
    // takes longer than what is measured.
    let caller = api.as_app();
    let (ours, bare) = spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(take_turns(&caller, &bare, calls))
    })
    .await??;
    let figure = |samples| Figure::of(samples).context("no call was made");
    Ok(Row {
        name,
        ours: figure(ours)?,
        floor: figure(bare)?,
        floor_is: "the same request by reqwest alone, its header made in advance",
        peer: None,
        allocations: None,
        gate: Gate::Share(0.03),
        goal: Gate::Share(0.03),
    })
}

async fn take_turns(caller: &Caller, bare: &Bare, calls: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut ours, mut by_hand) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    for turn in 0..2 * calls {
        let begin = now();
        // Each comes first as often as second.
        let (orders, samples) = if matches!(turn % 4, 0 | 3) {
            (caller.get("orders").json::<Vec<Order>>().await?, &mut ours)
        } else {
            (bare.get().await?, &mut by_hand)
        };
        samples.push((now() - begin).as_secs_f64() * 1e9);
        ensure!(orders.len() == ORDERS, "another answer");
    }
    Ok((ours, by_hand))
}

/// What somebody would write who has a token.
struct Bare {
    client: Client,
    url: String,
    header: HeaderValue,
}

impl Bare {
    async fn get(&self) -> Result<Vec<Order>> {
        let request = self.client.get(&self.url).header(ACCEPT, "application/json");
        let answer = request.header(AUTHORIZATION, &self.header).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&crate::http::read(answer).await?)?)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what a stopwatch is")]
fn now() -> Instant {
    Instant::now()
}
