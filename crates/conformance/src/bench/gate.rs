//! What a figure is held against.

use std::fmt;

use super::figure::{Figure, time};

/// The most that the median may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gate {
    /// This many nanoseconds.
    At(f64),
    /// This many nanoseconds above the floor.
    Above(f64),
    /// This share above the floor.
    Share(f64),
}

impl Gate {
    pub(super) fn holds(self, ours: Figure, floor: Figure) -> bool {
        ours.median
            <= match self {
                Self::At(most) => most,
                Self::Above(more) => floor.median + more,
                Self::Share(share) => floor.median * (1.0 + share),
            }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(most) => f.write_str(&time(*most)),
            Self::Above(more) => write!(f, "floor + {}", time(*more)),
            Self::Share(share) => write!(f, "floor + {} %", share * 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gate: Gate, ours: f64, text: &str, holds: bool) {
        let figure = |median| Figure { median, best: 0.0, worst: 0.0 };
        assert_eq!((gate.holds(figure(ours), figure(100.0)), &*gate.to_string()), (holds, text));
    }

    #[test]
    fn the_median_decides() {
        check(Gate::At(40.0), 40.0, "40.0 ns", true);
        check(Gate::At(40.0), 40.1, "40.0 ns", false);
        check(Gate::Above(3_000.0), 3_100.0, "floor + 3.00 us", true);
        check(Gate::Share(0.03), 103.5, "floor + 3 %", false);
    }
}
