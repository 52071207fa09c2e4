//! What hosts remember: the keys of Azure Arc's agent, and the tokens that Service Fabric keeps.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::{hex, token::Issued};
use crate::guarded::Guarded;
use crate::session::random_text;

pub(crate) struct State {
    keys: PathBuf,
    open: Guarded<HashSet<String>>,
    kept: Guarded<HashMap<(String, String), Issued>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            keys: std::env::temp_dir().join(format!("entra-emulator-{}", Uuid::new_v4())),
            open: Guarded::new(HashSet::new()),
            kept: Guarded::new(HashMap::new()),
        }
    }
}

impl State {
    /// The folder in which the agent's keys are.
    pub(crate) fn keys(&self) -> &Path {
        &self.keys
    }

    /// Writes a key that will be taken once.
    pub(super) fn new_key(&self) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.keys)?;
        let (path, key) = (self.keys.join(format!("{}.key", Uuid::new_v4())), random_text());
        fs::write(&path, &key)?;
        self.open.lock().insert(key);
        Ok(path)
    }

    pub(super) fn takes_key(&self, key: &str) -> bool {
        self.open.lock().remove(key)
    }

    /// The token that is kept for this identity and resource, unless it is said to be over; else the fresh one.
    pub(super) fn kept(&self, fresh: Issued, over: Option<&str>, now: i64) -> Issued {
        let mut kept = self.kept.lock();
        let place =
            kept.entry((fresh.client_id.clone(), fresh.resource.clone())).or_insert_with(|| fresh.clone());
        let is_over = over.is_some_and(|sha256| sha256 == sha256_of(&place.token));
        if is_over || place.ends_at() <= now {
            *place = fresh;
        }
        place.clone()
    }
}

fn sha256_of(token: &str) -> String {
    hex(digest(&SHA256, token.as_bytes()).as_ref())
}

impl Drop for State {
    fn drop(&mut self) {
        // Where no key was ever written there is no folder; what cannot be removed is the system's to sweep.
        let _swept = fs::remove_dir_all(&self.keys);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("keys", &self.keys).finish_non_exhaustive()
    }
}
