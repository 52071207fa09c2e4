//! When a token is fresh, aging, in its last minute, and ended. Pure arithmetic.

use std::time::{Duration, SystemTime};

/// How old a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Serve it.
    Fresh,
    /// Serve it, and fetch the next one behind it.
    Aging,
    /// Wait for the next one; if none can be had, serve it still.
    Last,
    /// It is of no use.
    Ended,
}

/// The three moments in a token's life, as [`seconds`]: a million tokens have them.
#[expect(clippy::struct_field_names, reason = "instants end in `at` throughout the house")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    aging_at: u32,
    last_at: u32,
    ended_at: u32,
}

/// A token is let go this long before its end, so that it does not end on its way to the API.
const RESERVE: u32 = 5;

/// A clock that is off by more than this is not skewed, it is wrong, and tells nothing.
const MOST_SKEW: Duration = Duration::from_secs(300);

impl Window {
    /// The window of a token that came at one time and ends at another.
    ///
    /// `early` makes the window of aging shorter, by so many thousandths, up to a tenth: one number for each process,
    /// so that the instances of an application do not all ask at the same second. Never longer:
    /// a promise on how long a token is served fresh would be broken. `skew` is how far the local
    /// clock and Entra's are apart.
    pub(crate) fn new(
        came_at: SystemTime,
        ends_at: SystemTime,
        refresh_at: Option<SystemTime>,
        early: u32,
        skew: Duration,
    ) -> Self {
        let ends_at = seconds(ends_at);
        let life = ends_at.saturating_sub(seconds(came_at));
        let aging = match life {
            0..1_200 => 300,
            1_200..=5_400 => 900,
            _ => 3_600,
        };
        let aging_at = ends_at.saturating_sub(aging * (1_000 - early.min(100)) / 1_000);
        // What is not whole is rounded against the token: it ends sooner, not later.
        let skew = if skew > MOST_SKEW { 0 } else { skew.as_millis().div_ceil(1_000) };
        // Of a token that never lives for ten minutes, a minute would be too much to wait in.
        let last = life.div_ceil(10).min(60);
        let ended_at = ends_at.saturating_sub(u32::try_from(skew).unwrap_or_default().max(RESERVE));
        Self {
            aging_at: refresh_at.map_or(aging_at, |refresh_at| aging_at.min(seconds(refresh_at))),
            last_at: ends_at.saturating_sub(last).min(ended_at),
            ended_at,
        }
    }

    pub(crate) fn aging_at(&self) -> SystemTime {
        instant(self.aging_at)
    }

    #[inline]
    pub(crate) fn age(&self, now: SystemTime) -> Age {
        self.age_at(seconds(now))
    }

    #[inline]
    pub(super) fn age_at(&self, now: u32) -> Age {
        // In the order of a hot path: nearly every token that is asked for is fresh.
        if now < self.aging_at && now < self.last_at {
            Age::Fresh
        } else if now < self.last_at {
            Age::Aging
        } else if now < self.ended_at {
            Age::Last
        } else {
            Age::Ended
        }
    }
}

/// 2000-01-01T00:00:00Z. 32 bits of seconds reach into the year 2136 from here.
const BEGINNING: u64 = 946_684_800;

/// Whole seconds since the beginning.
#[inline]
pub(super) fn seconds(at: SystemTime) -> u32 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(since.saturating_sub(BEGINNING)).unwrap_or(u32::MAX)
}

/// When so many seconds have passed.
pub(super) fn instant(seconds: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING + u64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The age of a token of this life, after so many seconds.
    fn check(life: u64, refresh_in: Option<u64>, early: u32, skew: u64, ages: &[(u64, Age)]) {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING + 1_000_000 + seconds);
        let window = Window::new(at(0), at(life), refresh_in.map(at), early, Duration::from_secs(skew));
        for (after, age) in ages {
            assert_eq!(window.age(at(*after)), *age, "life {life}, after {after}");
        }
    }

    #[test]
    fn the_table() {
        use Age::{Aging, Ended, Fresh, Last};
        check(
            1_199,
            None,
            0,
            0,
            &[(898, Fresh), (899, Aging), (1_138, Aging), (1_139, Last), (1_193, Last), (1_194, Ended)],
        );
        check(
            3_600,
            None,
            0,
            0,
            &[(2_699, Fresh), (2_700, Aging), (3_539, Aging), (3_540, Last), (3_595, Ended)],
        );
        check(5_400, None, 0, 0, &[(4_499, Fresh), (4_500, Aging)]);
        check(86_400, None, 0, 0, &[(82_799, Fresh), (82_800, Aging)]);
    }

    #[test]
    fn jitter_only_shortens() {
        check(3_600, None, 100, 0, &[(2_789, Age::Fresh), (2_790, Age::Aging)]);
        check(3_600, None, 7_000, 0, &[(2_789, Age::Fresh), (2_790, Age::Aging)]);
    }

    #[test]
    fn refresh_in_opens_it_earlier_and_never_later() {
        check(86_400, Some(43_200), 0, 0, &[(43_199, Age::Fresh), (43_200, Age::Aging)]);
        check(3_600, Some(3_599), 0, 0, &[(2_700, Age::Aging)]);
    }

    #[test]
    fn skew_ends_it_earlier_unless_it_is_absurd() {
        check(3_600, None, 0, 30, &[(3_569, Age::Last), (3_570, Age::Ended)]);
        check(3_600, None, 0, 90_000, &[(3_594, Age::Last)]);
    }

    #[test]
    fn short_and_dead_tokens() {
        check(200, None, 0, 0, &[(0, Age::Aging), (179, Age::Aging), (180, Age::Last), (195, Age::Ended)]);
        check(0, None, 0, 0, &[(0, Age::Ended)]);
    }
}
