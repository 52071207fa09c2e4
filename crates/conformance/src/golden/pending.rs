//! The scenarios that are not played yet, each with its reason.

use anyhow::Result;
use serde::Deserialize;

use super::scenario::number_of;

/// `pending.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingList {
    pending: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Whole groups, by their letter.
    #[serde(default)]
    groups: Vec<String>,
    /// Single scenarios, by their number.
    #[serde(default)]
    scenarios: Vec<String>,
    reason: String,
}

impl PendingList {
    /// Reads the file.
    pub(crate) fn read(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Why a scenario of this name is not played yet, if it is not.
    pub(crate) fn reason(&self, name: &str) -> Option<&str> {
        let number = number_of(name);
        let group = number.trim_end_matches(|c: char| c.is_ascii_digit());
        let concerns = |entry: &&Entry| {
            entry.groups.iter().any(|known| known == group)
                || entry.scenarios.iter().any(|known| known == number)
        };
        self.pending.iter().find(concerns).map(|entry| entry.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_group_or_by_number() {
        let list = PendingList::read(
            "[[pending]]\ngroups = ['F']\nreason = 'f'\n[[pending]]\nscenarios = ['A23']\nreason = 'a'",
        )
        .unwrap();
        assert_eq!(list.reason("F01-mtls-region"), Some("f"));
        assert_eq!(list.reason("A23-region"), Some("a"));
        assert_eq!(list.reason("A2-other"), None);
    }
}
