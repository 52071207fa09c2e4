//! Runs another program and follows its output: what matters is shown, the rest kept for the case
//! that it fails.

use std::{
    collections::VecDeque,
    env,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::progress::{self, Screen};

/// How many of the lines that were not shown are shown after all when it fails.
const TAIL: usize = 120;

/// A program with its arguments.
pub(crate) struct Program {
    command: Command,
    line: String,
    shows: Shows,
}

/// Which output is shown when all is well.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shows {
    Nothing,
    /// What it says, but not what cargo says while it builds.
    Output,
    /// Everything: nextest reports on standard error.
    All,
}

enum Said {
    Output(String),
    Error(String),
}

impl Program {
    /// A program, started in a folder.
    pub(crate) fn new(program: impl AsRef<Path>, folder: &Path) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(folder);
        pass_by_proxies(&mut command);
        Self { command, line: program.display().to_string(), shows: Shows::Nothing }
    }

    /// `cargo` with these arguments, separated by blanks.
    pub(crate) fn cargo(root: &Path, arguments: &str) -> Self {
        let mut program = arguments.split_ascii_whitespace().fold(Self::new("cargo", root), Self::argument);
        if progress::is_terminal() {
            program.command.env("CARGO_TERM_COLOR", "always");
        }
        program
    }

    /// With one more argument, blanks and all.
    pub(crate) fn argument(mut self, argument: impl AsRef<Path>) -> Self {
        let argument = argument.as_ref();
        self.command.arg(argument);
        self.line = format!("{} {}", self.line, argument.display());
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn shows(mut self, shows: Shows) -> Self {
        self.shows = shows;
        self
    }

    /// Runs it to its end; an exit code other than 0 is an error.
    pub(crate) fn run(self, screen: &Screen) -> Result<()> {
        self.watch(screen, |_| {})
    }

    /// As [`run`](Self::run), with a look at each line.
    pub(crate) fn watch(mut self, screen: &Screen, mut look: impl FnMut(&str)) -> Result<()> {
        screen.show(&self.line);
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{}` could not be started", self.line))?;
        let (sender, receiver) = mpsc::channel();
        follow(child.stdout.take(), sender.clone(), Said::Output);
        follow(child.stderr.take(), sender, Said::Error);

        let mut kept = VecDeque::new();
        let mut latest = self.line.clone();
        loop {
            match receiver.recv_timeout(Duration::from_secs(1)) {
                Ok(said) => {
                    let (line, is_shown) = match said {
                        Said::Output(line) => (line, self.shows != Shows::Nothing),
                        Said::Error(line) => (line, self.shows == Shows::All),
                    };
                    look(&line);
                    if is_shown {
                        screen.say(&line);
                    } else {
                        latest.clone_from(&line);
                        kept.push_back(line);
                        kept.drain(..kept.len().saturating_sub(TAIL));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            screen.show(&latest);
        }

        let status = child.wait().with_context(|| format!("`{}` was lost", self.line))?;
        if status.success() {
            return Ok(());
        }
        for line in kept {
            screen.say(&line);
        }
        bail!("`{}` failed: {status}", self.line)
    }

    /// What it prints on standard output.
    pub(crate) fn output(mut self) -> Result<String> {
        let output =
            self.command.output().with_context(|| format!("`{}` could not be started", self.line))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", self.line, String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", self.line))
    }
}

/// What is started here talks to servers on this machine, which a proxy of the environment cannot
/// reach; cargo itself still goes through it.
#[expect(
    clippy::disallowed_methods,
    reason = "what is told to the started program is what this one was told"
)]
pub(crate) fn pass_by_proxies(command: &mut Command) {
    let known = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| env::var(name).ok());
    command.env("NO_PROXY", without_proxy(known.as_deref()));
}

fn without_proxy(known: Option<&str>) -> String {
    const THIS_MACHINE: &str = "localhost,127.0.0.1,::1";
    match known.map(str::trim).filter(|known| !known.is_empty()) {
        Some("*") => "*".to_owned(),
        Some(known) => format!("{known},{THIS_MACHINE}"),
        None => THIS_MACHINE.to_owned(),
    }
}

fn follow(from: Option<impl Read + Send + 'static>, to: Sender<Said>, said: fn(String) -> Said) {
    let Some(from) = from else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        // A broken pipe ends the following; the exit code then tells how it went.
        while matches!(reader.read_until(b'\n', &mut line), Ok(length) if length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if to.send(said(text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn a_failure_names_the_command() {
        let screen = Screen::begin("test", "a command that cargo does not know");
        let error = Program::cargo(&repository::root(), "no-such-command").run(&screen).unwrap_err();
        assert!(error.to_string().starts_with("`cargo no-such-command` failed: "), "{error}");
        screen.end(false);
    }

    #[test]
    fn this_machine_needs_no_proxy() {
        assert_eq!(without_proxy(None), "localhost,127.0.0.1,::1");
        assert_eq!(without_proxy(Some(" ")), "localhost,127.0.0.1,::1");
        assert_eq!(without_proxy(Some("intern.example")), "intern.example,localhost,127.0.0.1,::1");
        assert_eq!(without_proxy(Some("*")), "*");
    }

    #[test]
    fn output_is_returned() {
        let output = Program::cargo(&repository::root(), "--version").output().unwrap();
        assert!(output.starts_with("cargo "), "{output}");
    }
}
