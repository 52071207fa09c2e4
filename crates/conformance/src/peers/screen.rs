//! What a person sees while peers are fetched and played: a moving line on a terminal, and lines
//! that stay.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// Where progress shows.
pub(super) struct Screen {
    /// Only on a terminal.
    line: Option<ProgressBar>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let line = std::io::stdout().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg:.dim}");
            let line = ProgressBar::new_spinner();
            line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        Self { line }
    }

    /// Prints what stays.
    #[expect(clippy::print_stdout, reason = "the one place where peers print")]
    pub(super) fn say(&self, text: &str) {
        match &self.line {
            Some(line) => line.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }

    /// Shows what another program says; on a terminal, until it says something else.
    pub(super) fn follow(&self, text: &str) {
        match &self.line {
            Some(line) => line.set_message(text.trim().to_owned()),
            None => self.say(&format!("    {}", text.trim())),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}
