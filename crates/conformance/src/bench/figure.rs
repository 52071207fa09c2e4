//! What came of many rounds: the median, and the spread around it.

use std::fmt;

/// Nanoseconds for one operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) median: f64,
    pub(super) best: f64,
    pub(super) worst: f64,
}

impl Figure {
    /// `None` where no round could be used.
    pub(super) fn of(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_unstable_by(f64::total_cmp);
        Some(Self { median: *rounds.get(rounds.len() / 2)?, best: *rounds.first()?, worst: *rounds.last()? })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}..{})", time(self.median), time(self.best), time(self.worst))
    }
}

/// A time with three digits that count.
pub(super) fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ..1e3 => (nanoseconds, "ns"),
        ..1e6 => (nanoseconds / 1e3, "us"),
        _ => (nanoseconds / 1e6, "ms"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_both_ends() {
        let figure = Figure::of(vec![1_250.0, 17.31, 2.5e6]).unwrap();
        assert_eq!(figure.to_string(), "1.25 us (17.3 ns..2.50 ms)");
        assert_eq!(Figure::of(Vec::new()), None);
    }
}
