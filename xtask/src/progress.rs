//! What a person sees while work is done: a moving line on a terminal, plain lines elsewhere.

use std::{
    io::IsTerminal,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a long step says on plain output that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Prints a line.
#[expect(clippy::print_stdout, reason = "the one place where this program prints")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Where the progress of one step shows.
pub(crate) struct Screen {
    step: &'static str,
    since: Instant,
    spoke: Mutex<Instant>,
    bar: Option<ProgressBar>,
}

impl Screen {
    /// Announces a step.
    pub(crate) fn begin(step: &'static str, about: &str) -> Self {
        let bar = is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix:.bold} {elapsed} {wide_msg:.dim}");
            let bar = ProgressBar::new_spinner().with_prefix(step);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let screen = Self { step, since: now(), spoke: Mutex::new(now()), bar };
        screen.say(&format!("==> {step}: {about}"));
        screen
    }

    /// Prints a line that stays.
    pub(crate) fn say(&self, line: &str) {
        if let Ok(mut spoke) = self.spoke.lock() {
            *spoke = now();
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Shows what is going on, until something else is.
    pub(crate) fn show(&self, line: &str) {
        let line = line.trim();
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
            return;
        }
        let is_silent = self.spoke.lock().is_ok_and(|spoke| now() - *spoke >= HEARTBEAT);
        if is_silent {
            self.say(&format!("    {} for {}: {line}", self.step, words(self.elapsed())));
        }
    }

    /// Says how it ended.
    pub(crate) fn end(self, is_good: bool) -> Duration {
        let elapsed = self.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let verdict = if is_good { "ok" } else { "FAILED" };
        say(&format!("    {} {verdict}, {}", self.step, words(elapsed)));
        elapsed
    }

    fn elapsed(&self) -> Duration {
        now() - self.since
    }
}

/// Whether a person looks at the output.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// A duration as people say it.
pub(crate) fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f32()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the duration of a step is shown to people; nothing decides by it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_by_people() {
        assert_eq!(words(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(words(Duration::from_secs(59)), "59 s");
        assert_eq!(words(Duration::from_secs(605)), "10 min 05 s");
    }
}
