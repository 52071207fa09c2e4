//! How often a source is asked again, and after what time. A table, in units of the retry delay,
//! which is a second unless a test says otherwise.

use std::time::Duration;

/// How patient one is with a source.
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Delays before each further try.
    delays: &'static [u32],
    /// Delays while the service is being updated: it says `410 Gone`, for 70 s at most.
    while_gone: &'static [u32],
    /// Whether every status of 500 and above passes, or only the usual ones.
    all_server_errors: bool,
    /// Whether what is not found may be there in a moment.
    while_absent: bool,
}

/// Why a try failed, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// An answer with this status.
    Status(u16),
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke.
    Unconnected,
}

/// Nobody waits longer than this inside a call: the pause that was asked for outlives it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Patience {
    pub(super) const METADATA_SERVICE: Self =
        Self { delays: &[1, 2, 4], while_gone: &[10; 7], all_server_errors: true, while_absent: true };
    /// Of what an older metadata service has not: there 404 is an answer.
    pub(super) const SECOND_VERSION: Self = Self { while_absent: false, ..Self::METADATA_SERVICE };
    pub(super) const OTHERS: Self =
        Self { delays: &[1; 3], while_gone: &[], all_server_errors: false, while_absent: true };

    /// Whether it may well succeed in a moment.
    pub(super) fn passes(self, failure: Failure) -> bool {
        match failure {
            Failure::Status(404) => self.while_absent,
            Failure::Status(408 | 429 | 500 | 503 | 504) | Failure::TimedOut | Failure::Unconnected => true,
            Failure::Status(410) => !self.while_gone.is_empty(),
            Failure::Status(status) => self.all_server_errors && status >= 500,
        }
    }

    /// How long to wait before the next try, after so many; nothing where it is time to give up.
    pub(super) fn wait(
        self,
        tries: usize,
        failure: Failure,
        retry_after: Option<Duration>,
        unit: Duration,
    ) -> Option<Duration> {
        if !self.passes(failure) {
            return None;
        }
        let delays = match failure {
            Failure::Status(410) => self.while_gone,
            // Off Azure there is nobody: who develops on a desk shall not wait long to learn it.
            Failure::Unconnected => self.delays.get(..1).unwrap_or_default(),
            Failure::Status(_) | Failure::TimedOut => self.delays,
        };
        let delay = unit * *delays.get(tries.checked_sub(1)?)?;
        let wait = retry_after.unwrap_or(delay);
        (wait <= LONGEST_WAIT).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn waits(patience: Patience, failure: Failure, retry_after: Option<u64>) -> Vec<u64> {
        (1..)
            .map_while(|tries| patience.wait(tries, failure, retry_after.map(Duration::from_secs), SECOND))
            .map(|wait| wait.as_secs())
            .collect()
    }

    #[test]
    fn the_table() {
        let (imds, others) = (Patience::METADATA_SERVICE, Patience::OTHERS);
        for status in [404, 408, 429, 500, 503, 504] {
            assert_eq!(waits(imds, Failure::Status(status), None), [1, 2, 4], "{status}");
            assert_eq!(waits(others, Failure::Status(status), None), [1, 1, 1], "{status}");
        }
        assert_eq!(waits(imds, Failure::TimedOut, None), [1, 2, 4]);
        assert_eq!(waits(imds, Failure::Status(410), None), [10; 7]);
        assert_eq!(waits(imds, Failure::Status(502), None), [1, 2, 4]);
        for status in [410, 502, 501] {
            assert!(waits(others, Failure::Status(status), None).is_empty(), "{status}");
        }
        for status in [200, 400, 401, 403] {
            assert!(waits(imds, Failure::Status(status), None).is_empty(), "{status}");
        }
        assert_eq!(waits(imds, Failure::Unconnected, None), [1]);
        let second = Patience::SECOND_VERSION;
        assert!(waits(second, Failure::Status(404), None).is_empty());
        assert_eq!(waits(second, Failure::Status(503), None), [1, 2, 4]);
    }

    #[test]
    fn what_the_source_says_counts_for_more_unless_it_is_too_long_to_wait_for() {
        assert_eq!(waits(Patience::OTHERS, Failure::Status(429), Some(3)), [3, 3, 3]);
        assert_eq!(waits(Patience::OTHERS, Failure::Status(503), Some(0)), [0, 0, 0]);
        assert!(waits(Patience::OTHERS, Failure::Status(429), Some(31)).is_empty());
    }
}
