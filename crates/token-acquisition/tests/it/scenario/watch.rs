//! Listens to everything that is logged at TRACE, printed or told as an error, and fails where a
//! secret is in it.

use std::{
    error::Error,
    fmt::Debug,
    io,
    sync::{Mutex, Once, PoisonError},
};

use entra_abstractions::testing::assert_no_secrets;
use entra_emulator::Directory;
use serde_json::Value;
use tracing_subscriber::{filter::LevelFilter, fmt};

use super::super::kit::every_text;

pub(super) struct Watch {
    secrets: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
}

/// All that this process has logged: a flight logs on whatever thread it runs on.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static LISTENING: Once = Once::new();

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Watch {
    pub(super) fn begin() -> Self {
        LISTENING.call_once(|| {
            fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(|| Writer).init();
        });
        Self { secrets: Mutex::default(), told: Mutex::default() }
    }

    pub(super) fn secret(&self, secret: &str) {
        self.secrets.lock().unwrap().push(secret.to_owned());
    }

    /// People's names. The secrets of applications hide themselves; those in use stand in the
    /// configuration.
    pub(super) fn secrets_of_directory(&self, directory: &Directory) {
        for user in &directory.users {
            self.secret(&user.upn);
            self.secret(&user.display_name);
        }
    }

    /// Whatever stands under a name that says it.
    pub(super) fn secrets_of_config(&self, config: &Value) {
        match config {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text)
                            if ["ClientSecret", "Base64EncodedValue"].contains(&name.as_str()) =>
                        {
                            // The name of a source is not one.
                            self.secret(text);
                        }
                        Value::String(_) => {}
                        other => self.secrets_of_config(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.secrets_of_config(item)),
            _ => {}
        }
    }

    /// Prints a value in both ways.
    pub(super) fn tell(&self, value: &impl Debug) {
        self.told.lock().unwrap().push(format!("{value:?}\n{value:#?}"));
    }

    pub(super) fn tell_error(&self, error: &dyn Error) {
        self.told.lock().unwrap().push(every_text(error));
    }

    pub(super) fn finish(&self) {
        let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let told = self.told.lock().unwrap().join("\n");
        let secrets = self.secrets.lock().unwrap();
        assert!(secrets.len() > 10, "a story without secrets shows nothing");
        for text in [&*String::from_utf8_lossy(&logged), &*told] {
            assert_no_secrets(text, secrets.iter().map(String::as_str));
            // Tokens and codes that only the engine and Entra ever held, by how they begin.
            for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) {
                let is_token =
                    ["eyJ", "1.R", "1.A"].iter().any(|start| word.starts_with(start)) && word.len() > 40;
                assert!(!is_token, "something like a token got out: {}..", &word[..8]);
            }
        }
    }
}

/// Planted where things are told: what is logged is kept for the whole process, where a planted
/// secret would spoil every story.
#[test]
fn the_watch_finds_what_got_out() {
    let watch = Watch::begin();
    (10..22).for_each(|index| watch.secret(&format!("a planted s3cret?%G&= {index}")));
    watch.tell(&"nothing");
    watch.finish();
    tracing::trace!("a word at the lowest level");
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(String::from_utf8_lossy(&logged).contains("a word at the lowest level"));

    watch.tell(&"a planted s3cret?%G&= 21");
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.finish())).is_err());
}
