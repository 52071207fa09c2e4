//! Starts foreign programs in an environment that tells them nothing, and follows what they say.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
};

/// The scripts that are run, where they lie in the repository.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// A program that is ended when nobody waits for it any longer.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Takes away what would speak to a client behind its probe's back. Trusted authorities are the
/// worst: `requests` heeds its variable even where the program names another bundle.
pub(super) fn undisturbed(command: &mut Command) -> &mut Command {
    for name in DISTURBING {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command
}

const DISTURBING: &[&str] = &[
    "ALL_PROXY",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_REGIONAL_AUTHORITY_NAME",
    "AZURE_TENANT_ID",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "MSAL_FORCE_REGION",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "PYTHONHOME",
    "PYTHONPATH",
    "REGION_NAME",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// Runs a program to its end, hearing each line that it prints. An exit code other than 0, or no
/// end in time, is an error with the last of what was printed.
pub(super) async fn run(command: &mut Command, in_time: Duration, mut hear: impl FnMut(&str)) -> Result<()> {
    let name = name(command);
    let mut child = spawn(command.stderr(Stdio::piped()))?;
    let mut output = lines(child.stdout.take())?;
    let mut errors = lines(child.stderr.take())?;
    let mut last = VecDeque::new();
    let mut hear = |line: String| {
        hear(&line);
        last.push_back(line);
        last.drain(..last.len().saturating_sub(LAST));
    };
    let ended = tokio::time::timeout(in_time, async {
        let (mut output_is_open, mut errors_are_open) = (true, true);
        while output_is_open || errors_are_open {
            tokio::select! {
                line = output.next_line(), if output_is_open => match line? {
                    Some(line) => hear(line),
                    None => output_is_open = false,
                },
                line = errors.next_line(), if errors_are_open => match line? {
                    Some(line) => hear(line),
                    None => errors_are_open = false,
                },
            }
        }
        child.wait().await
    })
    .await;
    let how = match ended {
        Ok(status) => match status.with_context(|| format!("`{name}` was lost"))? {
            status if status.success() => return Ok(()),
            status => status.to_string(),
        },
        Err(_) => format!("no end in {} s", in_time.as_secs()),
    };
    bail!("`{name}` failed, {how}\n{}", Vec::from(last).join("\n"))
}

/// How many lines of a program that failed are shown.
const LAST: usize = 30;

/// Starts a server, and waits for the first line that it prints. What else it says goes into a file.
pub(super) async fn serve(command: &mut Command, log: &Path, in_time: Duration) -> Result<(Child, String)> {
    let name = name(command);
    let mut child = spawn(command.stderr(File::create(log)?))?;
    let mut output = lines(child.stdout.take())?;
    let first = tokio::time::timeout(in_time, output.next_line()).await;
    let line = first.with_context(|| format!("`{name}` does not answer"))??;
    let said = || format!("`{name}` ended at once\n{}", fs::read_to_string(log).unwrap_or_default());
    Ok((child, line.with_context(said)?))
}

fn spawn(command: &mut Command) -> Result<Child> {
    let name = name(command);
    command.stdout(Stdio::piped()).spawn().with_context(|| format!("`{name}` could not be started"))
}

fn lines<R: AsyncRead + Unpin>(from: Option<R>) -> Result<tokio::io::Lines<BufReader<R>>> {
    Ok(BufReader::new(from.context("the output of a program is not followed")?).lines())
}

fn name(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_is_printed_is_heard() {
        let mut heard = Vec::new();
        run(command("cargo").arg("--version"), SOON, |line| heard.push(line.to_owned())).await.unwrap();
        assert!(matches!(&*heard, [line] if line.starts_with("cargo ")), "{heard:?}");
    }

    #[tokio::test]
    async fn a_failure_names_the_program_and_its_last_words() {
        let error = run(command("cargo").arg("no-such-command"), SOON, |_| {}).await.unwrap_err().to_string();
        assert!(error.starts_with("`cargo no-such-command` failed, "), "{error}");
        assert!(error.contains("no such command"), "{error}");
        let missing = run(&mut command("no-such-program"), SOON, |_| {}).await.unwrap_err();
        assert_eq!(missing.to_string(), "`no-such-program` could not be started");
    }

    #[test]
    fn nothing_speaks_behind_the_back_of_a_probe() {
        let mut probe = command("cargo");
        probe.env("REQUESTS_CA_BUNDLE", "x").env("https_proxy", "x").env("KEPT", "x");
        let left = undisturbed(&mut probe).as_std().get_envs().filter(|(_, value)| value.is_some());
        assert_eq!(left.map(|(name, _)| name).collect::<Vec<_>>(), ["KEPT"]);
    }
}
