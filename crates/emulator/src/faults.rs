//! Faults by script: which request they meet, how often, and what happens then.

mod fault;
mod play;
mod script;

use crate::guarded::Guarded;
use crate::traffic::Entry;

pub use fault::Fault;
pub(crate) use fault::Kind;
pub(crate) use play::{Ending, after, instead};
pub use script::ScriptError;

/// The script: faults are tried in the order in which they were added, the first that meets the request is played.
///
/// ```
/// use std::time::Duration;
/// use entra_emulator::{Emulator, Fault, Grant};
///
/// let emulator = Emulator::start_blocking()?;
/// emulator.faults().add(Fault::throttle(Duration::from_secs(3)).grant(Grant::OnBehalfOf).times(2));
/// assert_eq!(emulator.faults().pending(), 1);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Debug)]
pub struct Faults {
    script: Guarded<Vec<Fault>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { script: Guarded::new(Vec::new()) }
    }
}

impl Faults {
    /// Adds a fault at the end of the script.
    pub fn add(&self, fault: Fault) {
        self.script.lock().push(fault);
    }

    /// Forgets the script.
    pub fn clear(&self) {
        self.script.lock().clear();
    }

    /// How many faults have not been played out; one that is played always counts until it is cleared.
    pub fn pending(&self) -> usize {
        self.script.lock().len()
    }

    pub(crate) fn next(&self, entry: &Entry) -> Option<Kind> {
        let mut script = self.script.lock();
        let at = script.iter_mut().position(|fault| fault.meets(entry))?;
        let fault = script.get_mut(at)?;
        let kind = fault.kind.clone();
        if fault.is_played_out() {
            script.remove(at);
        }
        Some(kind)
    }
}
