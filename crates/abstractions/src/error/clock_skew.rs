//! How far this machine's clock is from the other side's, as an answer told.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// By how much this machine's clock is wrong, if the other side's is right. `{}` prints
/// `312 s ahead`.
#[expect(clippy::exhaustive_enums, reason = "a clock is before or behind another")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClockSkew {
    /// It shows a later time.
    Ahead(Duration),
    /// It shows an earlier time.
    Behind(Duration),
}

impl ClockSkew {
    /// Of a clock that shows one time while the other side's shows another.
    pub fn between(here: SystemTime, there: SystemTime) -> Self {
        match here.duration_since(there) {
            Ok(apart) => Self::Ahead(apart),
            Err(apart) => Self::Behind(apart.duration()),
        }
    }

    /// How far they are apart.
    pub fn apart(self) -> Duration {
        match self {
            Self::Ahead(apart) | Self::Behind(apart) => apart,
        }
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self {
            Self::Ahead(_) => "ahead",
            Self::Behind(_) => "behind",
        };
        write!(f, "{} s {side}", self.apart().as_secs())
    }
}
