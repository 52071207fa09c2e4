//! Why a server is not there, with the end of what it said.

use std::{
    error::Error,
    fmt::{self, Debug, Display, Formatter},
    path::Path,
};

/// How many lines of a log are shown.
const TAIL: usize = 25;

/// A server could not be found, started or told what to do.
///
/// `Debug` reads as `Display` does, so that `unwrap` in a test shows the log as it is.
pub struct Failure {
    what: String,
    log: String,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), log: String::new() }
    }

    /// With the last lines of a log file.
    pub(crate) fn with_log(self, path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        self.with_text(&String::from_utf8_lossy(&text))
    }

    /// With the last lines of what was said.
    pub(crate) fn with_text(mut self, text: &str) -> Self {
        let lines: Vec<_> = text.trim_end().lines().collect();
        self.log = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n    ");
        self
    }

    /// Whether the port was taken by somebody else between being found free and being used.
    pub(crate) fn is_taken_port(&self) -> bool {
        let log = self.log.to_ascii_lowercase();
        log.contains("address already in use") || log.contains("address in use")
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.log.is_empty() { Ok(()) } else { write!(f, "; it said:\n    {}", self.log) }
    }
}

impl Debug for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let said: Vec<_> = (1..=30).map(|line| format!("line {line}\n")).collect();
        let shown = format!("{:?}", Failure::new("redis-server ended").with_text(&said.concat()));
        assert!(shown.starts_with("redis-server ended; it said:\n    line 6\n"), "{shown}");
        assert!(shown.ends_with("line 30"), "{shown}");
        assert_eq!(Failure::new("x").to_string(), "x");
    }
}
