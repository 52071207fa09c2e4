//! A user starts work and goes; hours later, after a restart, the work is done in their name.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entra_abstractions::{
    Environment,
    testing::{ManualClock, MemoryStore, share},
};
use entra_emulator::{Emulator, ids};
use entra_settings::Settings;
use entra_token_acquisition::TokenAcquirer;
use example_long_running::{Queue, Status, Worker};
use serde_json::Value;
use tokio::net::TcpListener;

/// The embedded Entra, what outlives a process of ours, and the web API.
struct World {
    emulator: Emulator,
    clock: Arc<ManualClock>,
    settings: Settings,
    store: Arc<MemoryStore>,
    queue: Queue,
    url: String,
}

impl World {
    async fn new(shares_store: bool) -> Self {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200);
        let emulator = Emulator::builder().strict_traffic().start().await.unwrap();
        emulator.clock().hold(now);
        let clock = Arc::new(ManualClock::new(now));
        let base = emulator.base_url();
        let environment = Environment::from_pairs([
            ("AzureAd__Instance", format!("{base}/")),
            ("AzureAd__TenantId", String::from("contoso.example")),
            ("AzureAd__ClientId", ids::API.to_owned()),
            ("AzureAd__Audience", ids::API.to_owned()),
            ("AzureAd__ClientCredentials__0__ClientSecret", ids::API_SECRET.to_owned()),
            ("DownstreamApis__PartnerAPI__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__PartnerAPI__Scopes__0", String::from("api://orders/read")),
        ]);
        let json = include_str!("../../appsettings.json");
        let settings = Settings::loader().json(json).environment(environment).load().unwrap();
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<_>));
        let mut world =
            Self { emulator, clock, settings, store, queue: Queue::default(), url: String::new() };
        let tokens = world.process(shares_store);
        let app = example_long_running::app(
            &world.settings,
            &tokens,
            Arc::clone(&world.clock) as Arc<_>,
            &world.queue,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        world.url = format!("http://{}", listener.local_addr().unwrap());
        let app = app.unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        world
    }

    /// What a process of ours begins with.
    fn process(&self, shares_store: bool) -> TokenAcquirer {
        let store = shares_store.then(|| share(Arc::clone(&self.store) as Arc<_>));
        example_long_running::tokens(&self.settings, Arc::clone(&self.clock) as Arc<_>, store).unwrap()
    }

    fn worker(&self, tokens: &TokenAcquirer) -> Worker {
        Worker::new(&self.settings, tokens, &self.queue).unwrap()
    }

    fn token(&self, user: &str) -> String {
        self.emulator.user_token(user, &format!("api://{}/access_as_user", ids::API))
    }

    fn hours_pass(&self, hours: u64) {
        let by = Duration::from_secs(hours * 3_600);
        self.clock.advance(by);
        self.emulator.clock().advance(by);
    }

    #[expect(clippy::disallowed_methods, reason = "the user's own client")]
    async fn call(&self, method: &str, path: &str, token: &str) -> (u16, Value) {
        let request = reqwest::Client::new()
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .bearer_auth(token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn start(&self, path: &str, token: &str) -> String {
        let (status, body) = self.call("POST", path, token).await;
        assert_eq!(status, 202, "{body}");
        body["process_id"].as_str().unwrap().to_owned()
    }

    fn legs(&self) -> Vec<String> {
        self.emulator.log().token_requests().into_iter().filter_map(|entry| entry.leg).collect()
    }
}

const EXPLICIT: &str = "/api/processing/start";
const ALLOCATED: &str = "/api/auto-key-processing/start";

#[tokio::test]
async fn the_work_goes_on_when_user_token_and_process_are_gone() {
    let world = World::new(true).await;
    let alice = world.token("alice");
    let started = [world.start(EXPLICIT, &alice).await, world.start(ALLOCATED, &alice).await];
    assert_eq!(world.legs(), ["on behalf of a user"; 2]);
    assert_eq!(world.store.entries().len(), 2);
    // The row holds what the worker needs; whoever prints it sees no key.
    let row = world.queue.row(&started[1]).unwrap();
    assert!(!format!("{row:?}").contains(row.session_key().unwrap().expose()));

    world.hours_pass(12);
    let (status, _) = world.call("GET", &format!("/api/processes/{}", started[0]), &alice).await;
    assert_eq!(status, 401, "the user's token has ended");
    let worker = world.worker(&world.process(true));
    assert_eq!(worker.work_once().await, 0);
    assert_eq!(world.legs()[2..], ["refresh token"; 2]);
    assert!(world.store.entries().is_empty(), "what is done needs no session");

    let (alice, bob) = (world.token("alice"), world.token("bob"));
    for id in &started {
        let path = format!("/api/processes/{id}");
        let (status, body) = world.call("GET", &path, &alice).await;
        let caller = &body["status"]["done"]["caller"];
        assert_eq!(
            (status, &caller["kind"], &caller["oid"]),
            (200, &"user".into(), &ids::ALICE.into()),
            "{body}"
        );
        assert_eq!(world.call("GET", &path, &bob).await.0, 404, "it is none of theirs");
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_told_to_the_user() {
    let world = World::new(true).await;
    let id = world.start(ALLOCATED, &world.token("alice")).await;
    world.hours_pass(12);
    world.emulator.end_sessions("alice");
    world.worker(&world.process(true)).work_once().await;
    world.hours_pass(1);
    let (_, body) = world.call("GET", &format!("/api/processes/{id}"), &world.token("alice")).await;
    assert_eq!(body["status"]["user_must_call_again"], "api://orders/read", "{body}");
}

#[tokio::test]
async fn an_outage_leaves_the_work_open() {
    let world = World::new(true).await;
    let id = world.start(EXPLICIT, &world.token("alice")).await;
    let worker = world.worker(&world.process(true));
    world.store.go_away();
    assert_eq!(worker.work_once().await, 1);
    assert_eq!(world.queue.row(&id).unwrap().status, Status::Started);
    world.store.come_back();
    assert_eq!(worker.work_once().await, 0);
}

#[tokio::test]
async fn without_a_shared_store_a_restart_loses_the_sessions() {
    let world = World::new(false).await;
    let id = world.start(EXPLICIT, &world.token("alice")).await;
    world.worker(&world.process(false)).work_once().await;
    assert!(matches!(world.queue.row(&id).unwrap().status, Status::UserMustCallAgain(_)));
}
