//! Fetches the foreign clients, each by its name and exact version, and keeps them between runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{
    program::{command, run, script},
    screen::Screen,
};

/// Where fetched clients lie, and what fetches them.
pub(super) struct Toolbox {
    home: PathBuf,
}

/// How long fetching may take on a slow line.
const FETCHED_IN: Duration = Duration::from_secs(15 * 60);

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };
const PYTHON_OF_VENV: &str = if cfg!(windows) { "venv/Scripts/python.exe" } else { "venv/bin/python3" };
const PYTHON_IS_MISSING: &str =
    "Python 3.10 or newer is needed: `apt-get install python3 python3-venv`, or `brew install python`";
const VENV_IS_MISSING: &str =
    "no virtual environment can be made; on Debian and Ubuntu: `apt-get install python3-venv`";
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };
const NODE_IS_MISSING: &str =
    "Node.js 20 or newer is needed, with npm: `apt-get install nodejs npm`, or `brew install node`";
const NOT_FETCHED: &str =
    "the clients cannot be fetched; do pip and npm reach PyPI and the npm registry, or a mirror, from here?";

impl Toolbox {
    /// A toolbox at this place, which need not exist.
    pub(super) fn new(home: PathBuf) -> Self {
        Self { home }
    }

    /// Throws away what is kept.
    pub(super) fn empty(&self) -> Result<()> {
        remove(&self.home)
    }

    /// A Python interpreter that knows what `requirements.txt` names.
    pub(super) async fn python(&self, screen: &Screen) -> Result<PathBuf> {
        let version = version(PYTHON).await.context(PYTHON_IS_MISSING)?;
        let shelf = Shelf::new(&self.home, "python", &version, "requirements.txt")?;
        let python = shelf.folder.join(PYTHON_OF_VENV);
        if shelf.is_filled() {
            return Ok(python);
        }
        let wanted = shelf.clear(screen)?;
        let venv = shelf.folder.join("venv");
        fetch(command(PYTHON).args(["-m", "venv"]).arg(venv), screen).await.context(VENV_IS_MISSING)?;
        let install = ["-m", "pip", "install", "--disable-pip-version-check", "--requirement"];
        fetch(command(&python).args(install).arg(wanted), screen).await.context(NOT_FETCHED)?;
        shelf.fill()?;
        Ok(python)
    }

    /// A folder in which the packages that `package.json` names are installed.
    pub(super) async fn node(&self, screen: &Screen) -> Result<PathBuf> {
        let version =
            version("node").await.context(NODE_IS_MISSING)? + &version(NPM).await.context(NODE_IS_MISSING)?;
        let shelf = Shelf::new(&self.home, "node", &version, "package.json")?;
        if !shelf.is_filled() {
            shelf.clear(screen)?;
            // Nothing of what is fetched runs before a probe starts it.
            let install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
            let mut npm = command(NPM);
            fetch(npm.args(install).current_dir(&shelf.folder), screen).await.context(NOT_FETCHED)?;
            shelf.fill()?;
        }
        Ok(shelf.folder)
    }
}

/// The place of one language's clients. A note in it tells for which versions it was filled.
struct Shelf {
    folder: PathBuf,
    list: &'static str,
    note: String,
}

impl Shelf {
    fn new(home: &Path, language: &str, version: &str, list: &'static str) -> Result<Self> {
        let wanted = fs::read_to_string(script(list)).with_context(|| format!("{list} cannot be read"))?;
        Ok(Self { folder: home.join(language), list, note: format!("{version}\n{wanted}") })
    }

    fn is_filled(&self) -> bool {
        fs::read_to_string(self.folder.join(NOTE)).is_ok_and(|note| note == self.note)
    }

    /// Begins anew, with nothing but the list; gives its place.
    fn clear(&self, screen: &Screen) -> Result<PathBuf> {
        screen.say(&format!("fetching what {} names, into {}", self.list, self.folder.display()));
        remove(&self.folder)?;
        fs::create_dir_all(&self.folder)?;
        let list = self.folder.join(self.list);
        fs::copy(script(self.list), &list)?;
        Ok(list)
    }

    fn fill(&self) -> Result<()> {
        Ok(fs::write(self.folder.join(NOTE), &self.note)?)
    }
}

/// Written last, so that a broken fetch is not taken for a whole one.
const NOTE: &str = "fetched.txt";

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

async fn version(program: &str) -> Result<String> {
    let mut version = String::new();
    run(command(program).arg("--version"), Duration::from_secs(30), |line| version.push_str(line)).await?;
    Ok(version)
}

async fn fetch(command: &mut Command, screen: &Screen) -> Result<()> {
    run(command, FETCHED_IN, |line| screen.follow(line)).await
}
