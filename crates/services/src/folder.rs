//! The temporary folder of a server, and the user who may do nothing but work in it.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::{Failure, package::Program};

pub(crate) struct Folder {
    folder: TempDir,
    /// Who runs what is started here; PostgreSQL refuses root, and nothing here needs it.
    user: Option<User>,
}

#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Folder {
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let user = unprivileged()?;
        let folder = tempfile::Builder::new().prefix(&format!("entra-{name}-")).tempdir();
        let folder = folder.map_err(|error| Failure::new(format!("no temporary folder: {error}")))?;
        let folder = Self { folder, user };
        folder.hand_over(folder.path())?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.join("log")
    }

    /// Writes a file that nobody else can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.join(name);
        fs::write(&path, text).map_err(|error| failed(&path, &error))?;
        private(&path).map_err(|error| failed(&path, &error))?;
        self.hand_over(&path)?;
        Ok(path)
    }

    /// A program that runs here as the user who may do nothing else.
    pub(crate) fn command(&self, program: &Program) -> Result<Command, Failure> {
        let mut command = Command::new(program.find()?);
        command.current_dir(self.path()).env("HOME", self.path()).stdin(Stdio::null());
        own_group(&mut command);
        if let Some(user) = self.user {
            become_user(&mut command, user);
        }
        Ok(command)
    }

    /// Starts a program that stays; what it says goes to the log.
    pub(crate) fn spawn(&self, program: &Program, arguments: &[String]) -> Result<Child, Failure> {
        let path = self.log();
        let log = File::options().create(true).append(true).open(&path);
        let log = log.and_then(|log| Ok((log.try_clone()?, log))).map_err(|error| failed(&path, &error))?;
        let mut command = self.command(program)?;
        let child = command.args(arguments).stdout(log.0).stderr(log.1).spawn();
        child.map_err(|error| Failure::new(format!("{} could not be started: {error}", program.name)))
    }

    /// Runs a program to its end and returns what it said.
    pub(crate) fn run(
        &self,
        program: &Program,
        variables: &[(&str, &str)],
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<String, Failure> {
        let mut command = self.command(program)?;
        let output = command.args(arguments).envs(variables.iter().copied()).output();
        let output =
            output.map_err(|error| Failure::new(format!("{} did not run: {error}", program.name)))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let said = said + &String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("{} failed ({})", program.name, output.status)).with_text(&said))
    }

    #[cfg(unix)]
    fn hand_over(&self, path: &Path) -> Result<(), Failure> {
        let Some(User { id, group }) = self.user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(id), Some(group)).map_err(|error| failed(path, &error))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "no server is started here")]
    fn hand_over(&self, _: &Path) -> Result<(), Failure> {
        Ok(())
    }
}

impl Drop for Folder {
    /// A test that fails leaves the log behind.
    #[expect(clippy::print_stderr, reason = "shown by the test that fails")]
    fn drop(&mut self) {
        if thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("the log of the server: {}", self.log().display());
        }
    }
}

/// Out of the group of the terminal, whose Ctrl-C would end the server under the test that uses it.
pub(crate) fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

#[cfg(unix)]
fn become_user(command: &mut Command, user: User) {
    use std::os::unix::process::CommandExt;

    // Root that becomes somebody else also loses its further groups here.
    command.gid(user.group).uid(user.id);
}

#[cfg(not(unix))]
fn become_user(_: &mut Command, _: User) {}

/// `nobody`, where this program is root.
#[cfg(unix)]
fn unprivileged() -> Result<Option<User>, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let number = |of: &str| {
        let output = Command::new("id").args([of, "nobody"]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    match (number("-u"), number("-g")) {
        (Some(id), Some(group)) => Ok(Some(User { id, group })),
        _ => Err(Failure::new("this runs as root and there is no user `nobody` to run servers as")),
    }
}

#[cfg(not(unix))]
fn unprivileged() -> Result<Option<User>, Failure> {
    Err(Failure::new(
        "there are no packages of these servers for this system; `cargo xtask test --without-services` \
         leaves their tests out",
    ))
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "no server is started here")]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
