//! The closing tables, for a reader who knows nothing of this program.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::{
    cold::{self, Cold},
    crash::Crash,
    load::{Waits, millis},
    outage::Outage,
};

/// What was promised.
const ADDED: Duration = Duration::from_millis(1);
const RECOVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Report {
    outages: Vec<Outage>,
    crashes: Vec<Crash>,
    cold: Option<Cold>,
    away: Option<Waits>,
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "the one place where the drill prints")]
pub(super) fn say(text: &str) {
    println!("{text}");
}

impl Outage {
    /// What does not hold.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |is_bad: bool, what: String| faults.extend(is_bad.then_some(what));
        let failures = self.failures.first();
        add(
            failures.is_some(),
            format!(
                "{} acquisitions failed, such as: {}",
                self.failures.len(),
                failures.map_or("", String::as_str)
            ),
        );
        let is_noticed = !self.fault.lasts() || self.noticed_in.is_some();
        add(!is_noticed, "the store was waited for all the time".to_owned());
        let is_quick = self.recovered_in.is_some_and(|time| time <= RECOVERY);
        add(!is_quick, format!("the store was not used again within {}", words(RECOVERY)));
        let lost = self.sessions.lost.first();
        add(
            lost.is_some(),
            format!(
                "{} sessions lost, such as: {}",
                self.sessions.lost.len(),
                lost.map_or("", String::as_str)
            ),
        );
        faults
    }
}

impl Crash {
    fn holds(&self) -> bool {
        self.corrupt == 0 && self.read > 0
    }
}

impl Cold {
    fn holds(&self) -> bool {
        self.with_lease == 1 && self.without <= cold::INSTANCES
    }
}

impl Report {
    /// Takes a result, and tells it at once: the whole takes minutes.
    pub(super) fn outage(&mut self, outage: Outage) {
        let faults = outage.faults();
        let verdict = if faults.is_empty() { "holds".to_owned() } else { faults.join("; ") };
        say(&format!("{}, {}: {verdict}", outage.store, outage.fault.name()));
        self.outages.push(outage);
    }

    pub(super) fn crash(&mut self, crash: Crash) {
        say(&format!(
            "{}: {} instances killed while they wrote, {} records corrupt",
            crash.store, crash.kills, crash.corrupt
        ));
        self.crashes.push(crash);
    }

    pub(super) fn cold(&mut self, cold: Cold) {
        self.cold = Some(cold);
    }

    pub(super) fn away(&mut self, waits: Waits) {
        self.away = Some(waits);
    }

    /// What callers under load waited while any store was taken for away. It is told, not judged: a
    /// hundredth of so few calls tells what else this machine did.
    fn under_load(&self) -> Option<Waits> {
        let away = self.outages.iter().filter(|outage| outage.fault.lasts());
        Waits::of(&away.flat_map(|outage| outage.calls.iter().copied()).collect::<Vec<_>>())
    }

    pub(super) fn holds(&self) -> bool {
        self.away.is_none_or(is_cheap)
            && self.outages.iter().all(|outage| outage.faults().is_empty())
            && self.crashes.iter().all(Crash::holds)
            && self.cold.as_ref().is_none_or(Cold::holds)
    }

    /// The tables, and how to read them.
    pub(super) fn close(&self) {
        if !self.outages.is_empty() {
            say(&format!("\n{}\n{ABOUT_OUTAGES}", self.outages()));
        }
        if let Some(waits) = self.away {
            let verdict = if is_cheap(waits) { "holds" } else { "MISSES" };
            say(&format!(
                "while a store is taken for away, call by call beside none, {}: {verdict}",
                told(waits)
            ));
        }
        if let Some(waits) = self.under_load() {
            say(&format!("the same under load, while any store above was taken for away, {}", told(waits)));
        }
        for Crash { store, kills, read, corrupt, took } in &self.crashes {
            say(&format!(
                "{store}: {kills} instances killed (SIGKILL) in the middle of writes, {read} records read and opened \
                 afterwards, {corrupt} corrupt; {} s",
                took.as_secs()
            ));
        }
        if let Some(Cold { with_lease, without }) = &self.cold {
            say(&format!(
                "{} instances start on one Redis and ask for {} keys: Entra is asked for a key {with_lease} time(s) \
                 with the lease, at most {without} times without",
                cold::INSTANCES,
                cold::KEYS
            ));
        }
        say(if self.holds() { "all drills hold" } else { "SOMETHING DOES NOT HOLD" });
    }

    fn outages(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "store",
            "what happens",
            "acquired",
            "failed",
            "noticed in",
            "worst call",
            "p99 with / without",
            "added (noise)",
            "typically",
            "back in",
            "sessions",
            "",
        ]);
        for outage in &self.outages {
            let verdict = if outage.faults().is_empty() { "holds" } else { "MISSES" };
            let sessions = &outage.sessions;
            let waits = Waits::of(&outage.calls);
            let waits = |text: fn(Waits) -> String| or_dash(waits.map(text));
            table.add_row([
                outage.store.to_owned(),
                outage.fault.name().to_owned(),
                outage.acquisitions.to_string(),
                outage.failures.len().to_string(),
                or_dash(outage.noticed_in.map(words)),
                or_dash(outage.worst.map(words)),
                waits(|waits| format!("{} / {}", words(waits.sharing), words(waits.alone))),
                waits(|waits| format!("{:+.1} ({:.1})", waits.added(), millis(waits.noise))),
                waits(|waits| format!("{:+.2} ms", waits.typical)),
                or_dash(outage.recovered_in.map(words)),
                format!("{} / {} / {}", sessions.served, sessions.told, sessions.lost.len()),
                verdict.to_owned(),
            ]);
        }
        table
    }
}

const ABOUT_OUTAGES: &str = "\
failed: acquisitions that could be fetched again and were not; 0 is promised.
noticed in: from the fault until nobody waits for the store any more; - where reads are answered all the while.
worst call: what the unluckiest caller waited during the outage, for a key that nobody had.
p99: of keys that nobody had, from then on, for an instance with the store and one without, at the same moments.
added: the difference, and in brackets how far two halves of the calls without a store are apart: below that, a
  difference says nothing. 1 ms at most is promised once a store is taken for away; judged below, call by call.
typically: what the store added for the caller in the middle.
back in: from the moment at which the server answers again until the store has what is asked for; 1 s at most.
sessions: went on during the outage / were told that their store is away / were lost; 0 lost is promised.
";

/// The difference of both p99, and what one of two callers notices.
fn is_cheap(waits: Waits) -> bool {
    waits.added() <= millis(ADDED) && waits.typical <= millis(ADDED)
}

fn told(waits: Waits) -> String {
    format!(
        "{} calls each: p99 {:.2} ms with it, {:.2} ms without, added {:+.2} ms (noise {:.2} ms); typically {:+.3} ms",
        waits.calls,
        millis(waits.sharing),
        millis(waits.alone),
        waits.added(),
        millis(waits.noise),
        waits.typical
    )
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn words(time: Duration) -> String {
    format!("{:.1} ms", millis(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::cache::{outage::Sessions, stand::Fault};

    fn outage() -> Outage {
        Outage {
            store: "Redis",
            fault: Fault::Freeze,
            acquisitions: 3_000,
            failures: Vec::new(),
            noticed_in: Some(Duration::from_millis(150)),
            worst: Some(Duration::from_millis(120)),
            calls: Vec::new(),
            recovered_in: Some(Duration::from_millis(180)),
            sessions: Sessions { served: 0, told: 3, lost: Vec::new() },
        }
    }

    #[test]
    fn a_millisecond_for_one_of_two_and_for_one_of_a_hundred() {
        let waits = |sharing, typical| {
            let micros = Duration::from_micros;
            Waits {
                calls: 900,
                sharing: micros(sharing),
                alone: micros(5_900),
                noise: micros(9_900),
                typical,
            }
        };
        assert!(is_cheap(waits(6_900, 0.1)));
        assert!(!is_cheap(waits(6_901, 0.1)));
        assert!(!is_cheap(waits(5_900, 1.1)));
    }

    #[test]
    fn what_does_not_hold_is_named() {
        assert_eq!(outage().faults(), [""; 0]);
        let check = |change: fn(&mut Outage), expected: &str| {
            let mut outage = outage();
            change(&mut outage);
            assert_eq!(outage.faults(), [expected]);
        };
        check(|outage| outage.failures.push("x".to_owned()), "1 acquisitions failed, such as: x");
        check(|outage| outage.noticed_in = None, "the store was waited for all the time");
        check(|outage| outage.recovered_in = None, "the store was not used again within 1000.0 ms");
        check(|outage| outage.sessions.lost.push("y".to_owned()), "1 sessions lost, such as: y");
    }
}
