//! The programs of the servers: where they lie, and which package brings them.

use std::{env, fs, path::PathBuf};

use crate::Failure;

/// A program, and the package that has it on Debian and Ubuntu, on Fedora, and in Homebrew.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    apt: &'static str,
    dnf: &'static str,
    brew: &'static str,
}

pub(crate) const REDIS_SERVER: Program =
    Program { name: "redis-server", apt: "redis-server", dnf: "redis", brew: "redis" };
pub(crate) const REDIS_CLI: Program =
    Program { name: "redis-cli", apt: "redis-tools", dnf: "redis", brew: "redis" };
pub(crate) const POSTGRES: Program = of_postgresql("postgres", "postgresql-server");
pub(crate) const INITDB: Program = of_postgresql("initdb", "postgresql-server");
pub(crate) const PSQL: Program = of_postgresql("psql", "postgresql");
pub(crate) const MARIADBD: Program = of_mariadb("mariadbd");
pub(crate) const MARIADB_INSTALL_DB: Program = of_mariadb("mariadb-install-db");
pub(crate) const MARIADB: Program = of_mariadb("mariadb");

const ALL: &[Program] =
    &[REDIS_SERVER, REDIS_CLI, POSTGRES, INITDB, PSQL, MARIADBD, MARIADB_INSTALL_DB, MARIADB];

/// Where packages put servers that are not meant to be called by hand; a `*` stands for a version.
const FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/libexec",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/*/bin",
    "/usr/local/bin",
    "/usr/local/opt/*/bin",
];

/// A program that is not installed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// The program.
    pub program: &'static str,
    /// Its package on Debian and Ubuntu.
    pub apt: &'static str,
    /// Its package on Fedora.
    pub dnf: &'static str,
    /// Its formula in Homebrew.
    pub brew: &'static str,
}

/// All programs that the servers need and this machine lacks.
pub fn missing() -> Vec<Missing> {
    ALL.iter().filter(|program| program.path().is_none()).map(Program::as_missing).collect()
}

impl Program {
    /// Where it is.
    pub(crate) fn find(&self) -> Result<PathBuf, Failure> {
        self.path().ok_or_else(|| {
            let Self { name, apt, dnf, brew } = self;
            Failure::new(format!(
                "{name} is not installed: `apt-get install {apt}` on Debian and Ubuntu, `dnf install {dnf}` \
                 on Fedora, `brew install {brew}` on macOS; `cargo xtask test` does it where it may"
            ))
        })
    }

    fn path(&self) -> Option<PathBuf> {
        let path = search_path();
        let known = FOLDERS.iter().flat_map(|pattern| expand(pattern));
        path.chain(known).map(|folder| folder.join(self.name)).find(|file| file.is_file())
    }

    fn as_missing(&self) -> Missing {
        let Self { name, apt, dnf, brew } = *self;
        Missing { program: name, apt, dnf, brew }
    }
}

const fn of_postgresql(name: &'static str, dnf: &'static str) -> Program {
    Program { name, apt: "postgresql", dnf, brew: "postgresql@17" }
}

const fn of_mariadb(name: &'static str) -> Program {
    Program { name, apt: "mariadb-server", dnf: "mariadb-server", brew: "mariadb" }
}

/// The folders of `PATH`.
#[expect(clippy::disallowed_methods, reason = "where the programs of this machine lie is no setting of ours")]
fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// The folders that a pattern stands for, the newest version first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((above, below)) = pattern.split_once("/*/") else { return vec![PathBuf::from(pattern)] };
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path().join(below)).collect();
    folders.sort_by_key(|folder| (folder.as_os_str().len(), folder.clone()));
    folders.reverse();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_names_its_package() {
        let program = Program { name: "entra-no-such-server", ..MARIADBD };
        let said = program.find().unwrap_err().to_string();
        for word in
            ["entra-no-such-server", "apt-get install mariadb-server", "dnf install", "brew install mariadb"]
        {
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(program.as_missing().program, "entra-no-such-server");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["9", "15", "13"] {
            fs::create_dir_all(folder.path().join(version).join("bin")).unwrap();
        }
        let found = expand(&format!("{}/*/bin", folder.path().display()));
        let versions: Vec<_> = found.iter().map(|path| path.parent().unwrap().file_name().unwrap()).collect();
        assert_eq!(versions, ["15", "13", "9"]);
    }
}
