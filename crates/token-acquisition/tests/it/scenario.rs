//! Plays the stories of `tests/scenarios`: a configuration, what is asked, what goes wrong, and what
//! came of it. Whatever is logged, told or printed meanwhile is searched for the story's secrets.
//!
//! `config.json` is an `AzureAd` section; `{emulator}`, `{folder}` and `{certificate}` stand for the
//! emulator's address, a folder with the files that a credential may name, and a certificate in
//! base64. `requests.json` is a list of steps, `traffic.json` a list of the emulator's faults, and
//! `expect.json` has, for each step that asks, the answers and the requests that were made for it.

mod cells;
mod step;
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
    AssertionContext, Clock, ProvideAssertion, Section, SignedAssertion, TokenError, testing::MemoryStore,
};
use entra_emulator::{Entry, Fault, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Kit, builder};
use step::Step;
use watch::Watch;

/// Writes what came as what is expected: for a new story, to be read before it is believed.
const RECORD: bool = false;

/// A story on its way.
struct Stage {
    kit: Kit,
    folder: TempDir,
    application: Application,
    provider: Arc<Provider>,
    tokens: Mutex<TokenAcquirer>,
    /// What outlives a restart, where a step says that there is one.
    store: Mutex<Option<Arc<MemoryStore>>>,
    watch: Watch,
    /// The users' tokens so far, by name and number.
    callers: Mutex<HashMap<(String, u32), String>>,
    /// When the story began, in seconds.
    began: i64,
}

pub(crate) async fn play(name: &str) {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name);
    let stage = Stage::set(&read(&place.join("config.json")));
    for fault in read::<Vec<Fault>>(&place.join("traffic.json")) {
        stage.kit.emulator.faults().add(fault);
    }
    let steps: Vec<Step> = read(&place.join("requests.json"));
    let mut came = Vec::new();
    for step in &steps {
        let before = stage.kit.count();
        let answers = stage.take(step).await;
        stage.tokens().settled().await;
        let sent: Vec<String> = stage.kit.sent().iter().skip(before).map(line).collect();
        if !answers.is_empty() {
            came.push(json!({ "answers": answers, "sent": sent }));
        }
    }
    stage.watch.tell(&stage.tokens());
    stage.watch.finish();
    if RECORD {
        fs::write(place.join("expect.json"), format!("{:#}\n", Value::Array(came.clone()))).unwrap();
    }
    let expected: Vec<Value> = read(&place.join("expect.json"));
    assert!(!expected.is_empty(), "{name} expects nothing");
    for (index, (came, expected)) in came.iter().zip(&expected).enumerate() {
        assert_eq!(came, expected, "{name}, question {index} came as\n{came:#}\nfor\n{expected:#}");
    }
    assert_eq!(came.len(), expected.len(), "{name} asks as often as it expects");
}

impl Stage {
    fn set(config: &Value) -> Self {
        let kit = Kit::new();
        let watch = Watch::begin();
        let folder = tempfile::tempdir().unwrap();
        let pem = format!("{}{}", ids::APP_CERTIFICATE, ids::APP_KEY);
        let renewed = format!("{}{}", ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY);
        let assertion = kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
        for (file, content) in [("app.pem", &pem), ("renewed.pem", &renewed), ("assertion", &assertion)] {
            fs::write(folder.path().join(file), content).unwrap();
        }
        watch.secret(&assertion);
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
        let section = Section::new("AzureAd", config);
        let application = Application::from_section(&section).unwrap();
        watch.tell(&section);
        watch.tell(&application);
        let provider = Arc::new(Provider(assertion));
        let tokens = start(&kit, &application, &provider, None);
        let began = kit.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Self {
            kit,
            folder,
            application,
            provider,
            tokens: Mutex::new(tokens),
            store: Mutex::default(),
            watch,
            callers: Mutex::default(),
            began: i64::try_from(began).unwrap(),
        }
    }

    fn tokens(&self) -> TokenAcquirer {
        self.tokens.lock().unwrap().clone()
    }

    /// The process ends and begins: only what a shared store keeps is left.
    fn restart(&self) {
        let store = self.store.lock().unwrap().clone();
        *self.tokens.lock().unwrap() = start(&self.kit, &self.application, &self.provider, store);
    }
}

fn start(
    kit: &Kit,
    application: &Application,
    provider: &Arc<Provider>,
    store: Option<Arc<MemoryStore>>,
) -> TokenAcquirer {
    let builder = builder(application.clone(), Arc::clone(&kit.clock) as Arc<_>)
        .assertion_provider("workload", Arc::clone(provider) as Arc<_>);
    match store {
        Some(store) => builder.store(store).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

/// The user's own provider that a configuration may name.
struct Provider(String);

#[async_trait]
impl ProvideAssertion for Provider {
    async fn assertion(&self, _: &AssertionContext) -> Result<SignedAssertion, TokenError> {
        Ok(SignedAssertion::new(self.0.as_str()))
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Provider")
    }
}

/// One request as the emulator saw it, without what differs from play to play.
fn line(entry: &Entry) -> String {
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let line = format!(
        "{} by {} at {} for {}",
        of(&entry.leg),
        of(&entry.client),
        of(&entry.tenant),
        of(&entry.scope)
    );
    let claims = entry.field("claims").map(|claims| format!(" with {claims}")).unwrap_or_default();
    let status = entry.status.map_or_else(|| String::from("nothing"), |status| status.to_string());
    let number = entry.aadsts.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    format!("{line}{claims} -> {status}{number}")
}

fn read<T: DeserializeOwned>(path: &std::path::Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
