//! What hosts remember: the keys of Azure Arc's agent, the tokens that Service Fabric keeps, and the certificates of the
//! metadata service.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fmt, fs, io};

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::{authority::Authority, hex, token::Issued};
use crate::clock::unix;
use crate::guarded::Guarded;
use crate::session::random_text;

pub(crate) struct State {
    keys: PathBuf,
    open: Guarded<HashSet<String>>,
    kept: Guarded<HashMap<(String, String), Issued>>,
    authority: Authority,
}

impl Default for State {
    fn default() -> Self {
        Self {
            keys: std::env::temp_dir().join(format!("entra-emulator-{}", Uuid::new_v4())),
            open: Guarded::new(HashSet::new()),
            kept: Guarded::new(HashMap::new()),
            authority: Authority::default(),
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

    /// A certificate for this key, of this client and tenant, between these times.
    pub(super) fn certify(
        &self,
        key: &[u8],
        subject: (&str, &str),
        times: (i64, i64),
    ) -> Result<Vec<u8>, String> {
        self.authority.certify(key, subject, times)
    }

    /// Whether the metadata service issued this certificate for the client, and it is in its time.
    pub(crate) fn has_certified(&self, der: &[u8], client_id: &str, now: SystemTime) -> bool {
        self.authority.has_certified(der, client_id, unix(now))
    }

    pub(crate) fn revoke_certificates(&self) {
        self.authority.revoke();
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
