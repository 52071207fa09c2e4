//! The temporary folder of a server, and the user who may do nothing but work in it.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::{Failure, package::Program, user::User};

pub(crate) struct Folder {
    folder: TempDir,
    /// Who runs what is started here.
    user: User,
}

impl Folder {
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let user = User::unprivileged()?;
        let folder = tempfile::Builder::new().prefix(&format!("entra-{name}-")).tempdir();
        let folder = folder.map_err(|error| Failure::new(format!("no temporary folder: {error}")))?;
        let folder = Self { folder, user };
        folder.hand_over(folder.path(), 0o700)?;
        Ok(folder)
    }

    /// Lets a program run as the user of this folder.
    pub(crate) fn disguise(&self, command: &mut Command) {
        self.user.run(command);
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
        self.hand_over(&path, 0o600)?;
        Ok(path)
    }

    /// A program that runs here as the user who may do nothing else.
    pub(crate) fn command(&self, program: &Program) -> Result<Command, Failure> {
        let mut command = Command::new(program.find()?);
        command.current_dir(self.path()).env("HOME", self.path()).stdin(Stdio::null());
        self.disguise(&mut command);
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

    fn hand_over(&self, path: &Path, mode: u32) -> Result<(), Failure> {
        self.user.own(path, mode).map_err(|error| failed(path, &error))
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

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
