//! Plays the stories of `tests/scenarios`: a configuration, what is asked, what goes wrong, and what
//! came of it. Whatever is logged, told or printed meanwhile is searched for the story's secrets.
//!
//! `config.json` is an `AzureAd` section, or a configuration that has one; `{emulator}`, `{folder}` and
//! `{certificate}` stand for the emulator's address (the vault's, too), a folder with the files that a
//! credential may name, and a certificate in base64. `requests.json` is a list of steps, `traffic.json`
//! a list of the emulator's faults, and `expect.json` has, for each step that asks, the answers and the
//! requests that were made for it. With `UPDATE_EXPECT=1` in the environment what came is written down as
//! what is expected: for a new story, to be read before it is believed.
//!
//! The stories of agents are played by this, too: their crate includes this file and `kit.rs`.

#[path = "scenario/cells.rs"]
mod cells;
#[path = "scenario/heard.rs"]
mod heard;
#[path = "scenario/step.rs"]
mod step;
#[path = "scenario/surroundings.rs"]
mod surroundings;
#[path = "scenario/watch.rs"]
mod watch;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{
    AcquireToken, AssertionContext, Clock, Environment, Exchange, ProvideAssertion, Section, SignedAssertion,
    TokenError, Unavailable,
    testing::{MemoryStore, share},
};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::kit::{Kit, builder};
use heard::heard;
use step::Step;
use surroundings::trust;
use watch::Watch;

/// A story on its way.
struct Stage {
    kit: Kit,
    folder: TempDir,
    root: Section,
    provider: Arc<Provider>,
    dress: Dress,
    running: Mutex<Running>,
    /// What the process finds around it.
    environment: Mutex<Environment>,
    /// What outlives a restart, where a step says that there is one.
    store: Mutex<Option<Arc<MemoryStore>>>,
    watch: Watch,
    /// The users' tokens so far, by name and number.
    callers: Mutex<HashMap<(String, u32), String>>,
    /// When the story began, in seconds.
    began: i64,
}

/// Who is asked: the application's acquirer, or what was made of it.
pub(crate) type Dress = fn(TokenAcquirer) -> Arc<dyn AcquireToken>;

/// The process, until it ends.
struct Running {
    engine: TokenAcquirer,
    asked: Arc<dyn AcquireToken>,
}

pub(crate) async fn play(name: &str, dress: Dress) {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name);
    let stage = Stage::set(&read(&place.join("config.json")), dress);
    for fault in read::<Vec<Fault>>(&place.join("traffic.json")) {
        stage.kit.emulator.faults().add(fault);
    }
    let steps: Vec<Step> = read(&place.join("requests.json"));
    let mut came = Vec::new();
    for step in &steps {
        let before = heard(&stage.kit).len();
        let answers = stage.take(step).await;
        stage.engine().settled().await;
        let sent: Vec<String> = heard(&stage.kit).split_off(before);
        if !answers.is_empty() {
            came.push(json!({ "answers": answers, "sent": sent }));
        }
    }
    stage.watch.tell(&stage.engine());
    stage.watch.finish();
    if is_recording() {
        fs::write(place.join("expect.json"), format!("{:#}\n", Value::Array(came.clone()))).unwrap();
    }
    let expected: Vec<Value> = read(&place.join("expect.json"));
    assert!(!expected.is_empty(), "{name} expects nothing");
    for (index, (came, expected)) in came.iter().zip(&expected).enumerate() {
        assert_eq!(came, expected, "{name}, question {index} came as\n{came:#}\nfor\n{expected:#}");
    }
    assert_eq!(came.len(), expected.len(), "{name} asks as often as it expects");
}

/// By the switch that expect tests have everywhere in this repository.
#[expect(clippy::disallowed_methods, reason = "a person asks for it, in the environment of the test run")]
fn is_recording() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

impl Stage {
    fn set(config: &Value, dress: Dress) -> Self {
        let kit = Kit::new();
        trust(&kit.emulator);
        let watch = Watch::begin();
        let folder = tempfile::tempdir().unwrap();
        let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
        let renewed = format!("{}{}", ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
        let assertion = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
        for (file, content) in [("app.pem", &pem), ("renewed.pem", &renewed), ("assertion", &assertion)] {
            fs::write(folder.path().join(file), content).unwrap();
        }
        for secret in [&*assertion, ids::HOST_SECRET, ids::PIPELINE_TOKEN] {
            watch.secret(secret);
        }
        watch.secrets_of_directory(&kit.emulator.directory());
        for line in ids::APP_KEY.lines().chain(ids::RENEWED_KEY.lines()).filter(|line| !line.starts_with('-'))
        {
            watch.secret(line);
        }
        let text = config
            .to_string()
            .replace("{emulator}", kit.emulator.base_url())
            .replace("{folder}", folder.path().to_str().unwrap())
            .replace("{certificate}", &STANDARD.encode(&pem));
        let config: Value = serde_json::from_str(&text).unwrap();
        watch.secrets_of_config(&config);
        let is_whole = config.get("AzureAd").is_some();
        let root = Section::new("", if is_whole { config } else { json!({ "AzureAd": config }) });
        watch.tell(&root);
        watch.tell(&Application::from_section(&root.section("AzureAd")).unwrap());
        let provider = Arc::new(Provider(Mutex::new(Some(assertion))));
        let environment = Environment::empty();
        let running = start(&kit, &root, &provider, (None, environment.clone()), dress);
        let began = kit.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Self {
            kit,
            folder,
            root,
            provider,
            dress,
            running: Mutex::new(running),
            environment: Mutex::new(environment),
            store: Mutex::default(),
            watch,
            callers: Mutex::default(),
            began: i64::try_from(began).unwrap(),
        }
    }

    fn engine(&self) -> TokenAcquirer {
        self.running.lock().unwrap().engine.clone()
    }

    fn asked(&self) -> Arc<dyn AcquireToken> {
        Arc::clone(&self.running.lock().unwrap().asked)
    }

    /// The process ends and begins: only what a shared store keeps is left.
    fn restart(&self) {
        let around = (self.store.lock().unwrap().clone(), self.environment.lock().unwrap().clone());
        *self.running.lock().unwrap() = start(&self.kit, &self.root, &self.provider, around, self.dress);
    }
}

fn start(
    kit: &Kit,
    root: &Section,
    provider: &Arc<Provider>,
    (store, environment): (Option<Arc<MemoryStore>>, Environment),
    dress: Dress,
) -> Running {
    let application = Application::from_section(&root.section("AzureAd")).unwrap();
    let builder = builder(application, Arc::clone(&kit.clock) as Arc<_>)
        .environment(environment)
        .configuration(root.clone())
        .assertion_provider("workload", Arc::clone(provider) as Arc<_>);
    let engine = match store {
        Some(store) => builder.store(share(store)).build().unwrap(),
        None => builder.build().unwrap(),
    };
    Running { asked: dress(engine.clone()), engine }
}

/// The user's own provider that a configuration may name; what it gives, unless it is away.
struct Provider(Mutex<Option<String>>);

#[async_trait]
impl ProvideAssertion for Provider {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        match &*self.0.lock().unwrap() {
            Some(assertion) => Ok(SignedAssertion::new(assertion.as_str())),
            None => Err(Unavailable::new(Exchange::new("issuer", "issuer.example"), "no connection").into()),
        }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

fn read<T: DeserializeOwned>(path: &std::path::Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A test for each story, and one that finds stories without a test.
macro_rules! stories {
    (by $dress:expr; $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                play(stringify!($name), $dress).await;
            }
        )*

        #[test]
        fn no_story_is_left_untold() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let mut told: Vec<&str> = vec![$(stringify!($name)),*];
            found.sort();
            told.sort_unstable();
            assert_eq!(found, told);
        }
    };
}

pub(crate) use stories;
