//! What the requests of one emulator share: directory, keys, sessions, clock, log, faults.

use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::{VirtualClock, unix};
use crate::directory::Directory;
use crate::faults::Faults;
use crate::graph::Uploads;
use crate::guarded::Guarded;
use crate::jwt::Jws;
use crate::key_vault::KeyVault;
use crate::keys::KeyRing;
use crate::managed_identity::State;
use crate::session::Sessions;
use crate::traffic::Log;

#[derive(Debug)]
pub(crate) struct Realm {
    directory: Guarded<Arc<Directory>>,
    pub(crate) keys: Guarded<KeyRing>,
    pub(crate) sessions: Sessions,
    /// What the hosts of managed identities remember.
    pub(crate) managed_identities: State,
    pub(crate) key_vault: KeyVault,
    pub(crate) uploads: Uploads,
    pub(crate) clock: VirtualClock,
    pub(crate) log: Log,
    pub(crate) faults: Faults,
    /// Whether `/authorize` shows a page instead of signing in by itself.
    pub(crate) asks_the_user: bool,
}

impl Realm {
    pub(crate) fn new(directory: Directory, log: Log, asks_the_user: bool) -> Self {
        Self {
            directory: Guarded::new(Arc::new(directory)),
            keys: Guarded::new(KeyRing::new()),
            sessions: Sessions::default(),
            managed_identities: State::default(),
            key_vault: KeyVault::default(),
            uploads: Uploads::default(),
            clock: VirtualClock::new(),
            log,
            faults: Faults::default(),
            asks_the_user,
        }
    }

    /// The directory of this moment: a request sees one state of it from beginning to end.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.lock())
    }

    pub(crate) fn edit<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(Arc::make_mut(&mut self.directory.lock()))
    }

    /// Whether one of the published keys signed this.
    pub(crate) fn signed(&self, jws: &Jws<'_>) -> bool {
        let key = jws.key_id().and_then(|id| self.keys.lock().published(id));
        key.is_some_and(|key| jws.verifies_with(&key.public_key()))
    }
}

/// Entra's tolerance for clocks that disagree.
pub(crate) const SKEW: i64 = 300;

/// Whether `nbf` and `exp` allow now; a token without `exp` never does.
pub(crate) fn is_in_time(jws: &Jws<'_>, now: SystemTime, skew: i64) -> bool {
    let now = unix(now);
    jws.seconds("exp").is_some_and(|end| now < end + skew)
        && jws.seconds("nbf").is_none_or(|start| start <= now + skew)
}
