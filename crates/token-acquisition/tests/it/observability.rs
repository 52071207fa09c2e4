//! The names and fields of all that is told: those of `docs/observability.md`, and none beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use entra_abstractions::{
    AcquireToken, Claims, Clock, Environment, HttpSettings, ManagedIdentityId, OnBehalfOf, Scheme,
    SessionKey, StoreTokens, StoredEntry, Subject, TokenRequest, User,
    testing::{MemoryStore, assert_no_secrets, share},
};
use entra_emulator::{Fault, ManagedIdentityHost, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use tracing::{Event, Metadata, Subscriber, span};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    kit::{GRAPH, Kit, ORDERS, READ, as_app, at_once, builder, scopes},
    wiretap::{Wiretap, json, reply},
};

/// What was told on this thread: the names with their fields, and every word of it.
#[derive(Clone, Default)]
pub(crate) struct Told {
    names: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    lines: Arc<Mutex<Vec<String>>>,
    /// What spans were told after they began.
    recorded: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn note(&self, metadata: &Metadata<'_>, line: String) {
        if !metadata.target().starts_with("entra_") {
            return;
        }
        let fields = metadata.fields().iter().map(|field| field.name().to_owned());
        let fields = fields.filter(|name| name != "message");
        let kind = if metadata.is_span() { "span" } else { "event" };
        let name = format!("{} {kind} {}", metadata.name(), metadata.level().as_str().to_lowercase());
        self.names.lock().unwrap().entry(name).or_default().extend(fields);
        self.lines.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.starts_with(name)).cloned().collect()
    }

    pub(crate) fn recorded(&self) -> Vec<String> {
        self.recorded.lock().unwrap().clone()
    }

    /// Listens on this thread, until what is returned is dropped.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        registry().with(self.clone()).set_default()
    }
}

struct Written(String);

impl tracing::field::Visit for Written {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut written = Written(attributes.metadata().name().to_owned());
        attributes.record(&mut written);
        self.note(attributes.metadata(), written.0);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id).filter(|span| span.metadata().target().starts_with("entra_"))
        else {
            return;
        };
        let mut written = Written(span.name().to_owned());
        values.record(&mut written);
        self.recorded.lock().unwrap().push(written.0);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut written = Written(event.metadata().name().to_owned());
        event.record(&mut written);
        self.note(event.metadata(), written.0);
    }
}

/// The rows of the document's table: `| name | kind | level | fields | .. |`.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let document = include_str!("../../../../docs/observability.md");
    let part = document.split("<!-- events: token-acquisition -->").nth(1).unwrap();
    let part = part.split("<!-- end of events -->").next().unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = format!("{} {} {}", cells[1].trim_matches('`'), cells[2], cells[3]);
        let fields = cells[4].split(',').map(|field| field.trim().trim_matches('`').to_owned());
        (name, fields.filter(|field| !field.is_empty()).collect())
    })
    .collect()
}

async fn token(tokens: &TokenAcquirer, request: &TokenRequest) {
    drop(tokens.acquire(request).await);
    tokens.settled().await;
}

#[tokio::test]
async fn what_is_told_is_what_the_document_says() {
    let told = Told::default();
    let _listening = told.listen();
    a_day_at_work().await;
    a_bad_day().await;
    sessions_and_agents().await;
    what_is_broken_and_goes_on().await;
    hosts_that_nobody_reaches().await;
    a_certificate_that_cannot_be_renewed().await;

    let seen = told.names.lock().unwrap().clone();
    let mut documented = documented();
    // By a vault, and by an agent's user, which are played elsewhere.
    for quiet in [
        "credential.refused event warn",
        "credential.read event debug",
        "credential.vault_away event warn",
        "refresh_token.refused event debug",
        // Where ten thousand writes wait.
        "store.dropped event warn",
    ] {
        assert!(documented.remove(quiet).is_some(), "{quiet} is not in the document");
    }
    for (name, fields) in &seen {
        assert_eq!(documented.get(name), Some(fields), "{name}: the document says otherwise");
    }
    let untold: Vec<_> = documented.keys().filter(|name| !seen.contains_key(*name)).collect();
    assert!(untold.is_empty(), "in the document and never told: {untold:?}");

    the_guide_shows_what_is_told(&told, &seen);

    let kit = Kit::new();
    let directory = kit.emulator.directory();
    let people = directory.users.iter().flat_map(|user| [user.upn.clone(), user.display_name.clone()]);
    let secrets: Vec<String> =
        people.chain([ids::API_SECRET, ids::DAEMON_SECRET].map(String::from)).collect();
    let lines = told.lines.lock().unwrap().join("\n");
    assert_no_secrets(&lines, secrets.iter().map(String::as_str));
    assert!(!lines.contains("eyJ"), "a token is in it");
}

/// The guide's lines were pasted from a run; their words must not grow old.
fn the_guide_shows_what_is_told(told: &Told, names: &BTreeMap<String, BTreeSet<String>>) {
    let guide = include_str!("../../../../docs/caching-and-logs.md");
    let shown: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.trim().split_once("entra_token_acquisition: "))
        .map(|(_, rest)| rest)
        .collect();
    assert!(shown.len() > 3, "the guide shows nothing");
    let fields: BTreeSet<&String> = names.values().flatten().collect();
    let lines = told.lines.lock().unwrap();
    for line in shown {
        let words = line.split(' ').filter_map(|word| word.split_once('=')).map(|(name, _)| name.to_owned());
        for name in words {
            assert!(fields.contains(&name), "{name} is no field: {line}");
        }
        let message = line.split('=').next().unwrap().rsplit_once(' ').unwrap().0;
        assert!(lines.iter().any(|told| told.contains(message)), "nobody says {message:?}");
    }
}

async fn a_day_at_work() {
    let kit = Kit::new();
    let tokens =
        kit.builder(kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET)).cache_budget(6_000).build().unwrap();
    token(&tokens, &as_app(ORDERS)).await;
    token(&tokens, &as_app(ORDERS)).await;
    kit.advance(3_000);
    token(&tokens, &as_app(ORDERS)).await;
    for slice in 0..4 {
        let name = format!("slice-{slice}");
        let shaping = entra_abstractions::Parameter::shaping(entra_abstractions::Place::Query, "slice", name);
        token(&tokens, &as_app(GRAPH).parameter(shaping)).await;
    }
}

async fn a_bad_day() {
    let kit = Kit::new();
    let application =
        kit.client(ids::DAEMON).certificate_file("/nowhere/at-all.pem").secret(ids::DAEMON_SECRET);
    let tokens = kit.acquirer(application);
    token(&tokens, &as_app(ORDERS)).await;
    kit.advance(3_000);
    kit.emulator.faults().add(Fault::status(503).always());
    token(&tokens, &as_app(ORDERS)).await;
    kit.emulator.faults().clear();
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(120)));
    token(&tokens, &as_app(GRAPH)).await;
    token(&tokens, &as_app(GRAPH)).await;
    kit.emulator.faults().clear();

    let api = kit.api();
    let request = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    token(&api, &request).await;
    kit.emulator.faults().add(Fault::refuse(50_173, "invalid_grant"));
    token(&api, &request.clone().force_refresh()).await;
}

async fn sessions_and_agents() {
    let kit = Kit::new();
    let api = kit.api();
    let key = SessionKey::new("job-17-of-the-night-shift-000001").unwrap();
    let begins = OnBehalfOf::new(kit.caller("alice")).keep_as(key);
    token(&api, &TokenRequest::new(scopes(READ), Subject::User(User::OnBehalfOf(begins)))).await;
}

/// A region where there are none, a region that cannot be detected, and a login host that Entra
/// cannot be asked about.
async fn hosts_that_nobody_reaches() {
    let kit = Kit::new();
    let nobody = "127.0.0.1:9".parse().unwrap();
    let application = || Application::builder().client_id("client").secret("s3cret?%G&=");
    for application in [
        application().authority("https://contoso.ciamlogin.com/").region("westus2"),
        application().tenant("contoso.example").detect_region(),
        application().instance("https://login.contoso.example/").tenant("contoso.example"),
    ] {
        let hosts = [
            "contoso.ciamlogin.com",
            "169.254.169.254",
            "login.microsoftonline.com",
            "login.contoso.example",
        ];
        let http = HttpSettings::default().connect_timeout(Duration::from_secs(1));
        let http = hosts.into_iter().fold(http, |http, host| http.resolve(host, nobody));
        let tokens = builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).http(http);
        token(&tokens.build().unwrap(), &as_app(ORDERS)).await;
    }
}

/// A certificate whose file was spoilt, a store that was spoilt and goes away, a host, and tokens
/// that nobody can keep.
async fn what_is_broken_and_goes_on() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    std::fs::write(&path, format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY)).unwrap();
    let host = kit.emulator.managed_identity_environment(ManagedIdentityHost::AppService);
    let application = kit.client(ids::DAEMON).certificate_file(&path);
    let tokens = kit.builder(application).environment(Environment::from_pairs(host)).build().unwrap();
    token(&tokens, &as_app(ORDERS)).await;
    std::fs::write(&path, "s3cret?%G&=").unwrap();
    token(&tokens, &as_app(GRAPH)).await;
    token(&tokens, &TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System)).await;

    let store = Arc::new(MemoryStore::new(Arc::clone(&kit.clock) as Arc<_>));
    let application = kit.client(ids::API).secret(ids::API_SECRET);
    let api = kit.builder(application).store(share(Arc::clone(&store) as Arc<_>)).build().unwrap();
    let key = SessionKey::new("job-18-of-the-night-shift-000001").unwrap();
    token(&api, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice")).keep_as(key.clone())).await;
    let later = TokenRequest::for_session(scopes("User.Read"), &key);
    kit.emulator.faults().add(Fault::slow(Duration::from_millis(100)));
    let asked = kit.count();
    let went = async {
        while kit.count() == asked {
            tokio::task::yield_now().await;
        }
        store.go_away();
    };
    futures_util::future::join(token(&api, &later), went).await;
    store.come_back();
    let (at, entry) = store.entries().into_iter().next().unwrap();
    store.put(&at, StoredEntry::new(&b"s3cret"[..], entry.expires_at())).await.unwrap();
    token(&api, &TokenRequest::for_session(scopes(GRAPH), &key)).await;

    a_store_that_comes_and_goes(&kit).await;

    let lasting = r#"{"token_type":"Bearer","access_token":"t","expires_in":0}"#;
    let wiretap = Wiretap::that([json(lasting)]).await;
    let application = Application::builder().instance(&wiretap.url).tenant(ids::TENANT);
    let application = application.client_id(ids::DAEMON).secret(ids::DAEMON_SECRET);
    token(&kit.acquirer(application), &as_app(ORDERS)).await;
}

/// A store that is shared: asked, leased from, spoilt, away, too full, and back.
/// The last day of a certificate to which tokens of a managed identity are bound.
async fn a_certificate_that_cannot_be_renewed() {
    let kit = Kit::secured();
    let host = kit.emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine);
    let tokens = kit.builder(kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET));
    let tokens = tokens.environment(Environment::from_pairs(host)).http(kit.http(&[])).key_in_memory();
    let tokens = tokens.build().unwrap();
    let request = TokenRequest::as_managed_identity(scopes(ORDERS), ManagedIdentityId::System);
    let request = request.scheme(Scheme::MtlsPop);
    token(&tokens, &request).await;
    kit.advance(7 * 86_400 - 3_600);
    kit.emulator.faults().add(Fault::status(503).path("issuecredential").always());
    token(&tokens, &request).await;
}

async fn a_store_that_comes_and_goes(kit: &Kit) {
    let store = kit.store();
    let shared = share(Arc::clone(&store) as Arc<_>).lease(Duration::from_secs(10));
    token(&kit.sharing(shared.clone()), &as_app(ORDERS)).await;
    let (at, entry) = store.entries().into_iter().next().unwrap();
    store.put(&at, StoredEntry::new(&b"s3cret"[..], entry.expires_at())).await.unwrap();
    let tokens = kit.sharing(shared);
    token(&tokens, &as_app(ORDERS)).await;
    store.go_away();
    for wanted in [GRAPH, "api://a/.default", "api://b/.default", "api://c/.default"] {
        drop(tokens.acquire(&as_app(wanted)).await);
    }
    store.come_back();
    while tokens.explain(&as_app(ORDERS)).store.unwrap().is_away {
        drop(tokens.acquire(&as_app("api://d/.default")).await);
        tokens.settled().await;
    }
}

/// A token that says nothing of its life, or that is over by the learnt skew, serves who asked for it;
/// why each call asks again is told, with the number.
#[tokio::test]
async fn a_token_that_comes_expired_is_served_once_and_told() {
    let kit = Kit::new();
    let date = httpdate::fmt_http_date(kit.clock.now() + Duration::from_secs(200));
    let answer = |life: &str| {
        let body = format!(r#"{{"token_type":"Bearer","access_token":"t"{life}}}"#);
        reply("200 OK", &format!("content-type: application/json\r\ndate: {date}\r\n"), &body)
    };
    for (life, lives) in
        [("", 0), (r#","expires_in":0"#, 0), (r#","expires_in":-9"#, 0), (r#","expires_in":150"#, 150)]
    {
        let told = Told::default();
        let _listening = told.listen();
        let wiretap = Wiretap::that([answer(life)]).await;
        let application = Application::builder().instance(&wiretap.url).tenant(ids::TENANT);
        let tokens = kit.acquirer(application.client_id(ids::DAEMON).secret(ids::DAEMON_SECRET));
        for asked in 1..=2 {
            assert_eq!(tokens.acquire(&as_app(ORDERS)).await.unwrap().secret().expose(), "t", "{life}");
            assert_eq!(wiretap.heard().len(), asked, "{life}");
        }
        let lines = told.lines("token.not_kept");
        assert_eq!(lines.len(), 2, "{life}");
        assert!(lines[0].contains(&format!("lives_s={lives} skew_s=200")), "{}", lines[0]);
    }
}

/// The metrics and attributes that the code names are those of the document.
#[test]
fn what_is_measured_is_what_the_document_says() {
    let named = |text: &str, open: char, close: char| -> BTreeSet<String> {
        let pieces = text.split(open).filter_map(|piece| piece.split(close).next());
        let is_name = |piece: &&str| {
            piece.starts_with("entra.") && piece.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))
        };
        pieces.filter(is_name).map(str::to_owned).collect()
    };
    let document = include_str!("../../../../docs/observability.md");
    let documented = named(document.split("## Metrics").nth(1).unwrap(), '`', '`');
    let sources = [
        include_str!("../../src/telemetry/metrics.rs"),
        include_str!("../../src/telemetry/metrics/store.rs"),
    ];
    let measured = named(&sources.concat(), '"', '"');
    assert!(measured.len() > 15, "{measured:?}");
    assert_eq!(measured, documented);
}

#[tokio::test]
async fn at_debug_level_each_call_says_who_answered_and_why() {
    let kit = Kit::new();
    let told = Told::default();
    let _listening = told.listen();
    let api = kit.api();
    let first = TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"));
    token(&api, &first).await;
    at_once(&api, &first);
    // The client brings another token of the same user each time.
    token(&api, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("alice"))).await;
    token(&api, &TokenRequest::on_behalf_of(scopes(READ), &kit.caller("bob"))).await;
    token(&api, &as_app(ORDERS).claims(Claims::new(r#"{"access_token":{}}"#).unwrap())).await;

    let has = |line: &String, words: &[&str]| {
        for word in words {
            assert!(line.contains(word), "{word} is not in {line}");
        }
    };
    let missed = told.lines("token.missed");
    assert_eq!(missed.len(), 4);
    has(
        &missed[0],
        &["from=\"entra\"", "reason=\"unseen\"", "subject=assertion:", "scopes=\"api://orders/read\""],
    );
    has(&missed[1], &["reason=\"unseen\"", "differs_in=\"assertion\""]);
    assert!(!missed[2].contains("differs_in"), "another user's token is no hint: {}", missed[2]);
    has(&missed[3], &["reason=\"claims\"", "subject=app"]);
    let served = told.lines("token.served");
    has(&served[0], &["from=\"memory\"", "reason=\"fresh\"", "left_s="]);

    // Another instance: the same digest, so whoever compares two logs sees that nothing is shared.
    let other = kit.api();
    token(&other, &first).await;
    let key = |line: &String| line.split(' ').find(|word| word.starts_with("key=")).unwrap().to_owned();
    assert_eq!(key(&told.lines("token.missed")[4]), key(&missed[0]));
    assert_ne!(key(&missed[0]), key(&missed[1]));
}

#[tokio::test]
async fn a_user_who_must_act_is_told_once() {
    let kit = Kit::new();
    let told = Told::default();
    let _listening = told.listen();
    let payroll = TokenRequest::on_behalf_of(scopes("api://payroll/read"), &kit.caller("alice"));
    kit.api().acquire(&payroll).await.unwrap_err();
    assert_eq!(told.lines("token.failed").len(), 1, "and at debug level: the error is the caller's to log");
    let lines = told.lines.lock().unwrap().join("\n");
    assert!(!lines.contains("WARN") && !lines.contains("ERROR"), "{lines}");
}

/// Many callers of one key: one is told to ask Entra, the others to wait for its flight.
#[tokio::test]
async fn those_who_wait_for_a_flight_say_so() {
    let kit = Kit::new();
    let told = Told::default();
    let _listening = told.listen();
    let tokens = kit.daemon();
    let request = as_app(ORDERS);
    let calls = (0..5).map(|_| tokens.acquire(&request));
    futures_util::future::join_all(calls).await;
    let missed = told.lines("token.missed");
    assert_eq!(missed.len(), 5);
    assert_eq!(missed.iter().filter(|line| line.contains("from=\"flight\"")).count(), 4);
    assert_eq!(told.lines("token.granted").len(), 1);
}
