//! The servers that tests need: found, or installed from the system's packages, and one of each
//! started for all tests that share it.

use std::{collections::BTreeSet, path::Path, process::Command, thread};

use anyhow::{Context, Result, anyhow, bail};
use entra_services::{MariaDb, Missing, PostgreSql, Redis};

use crate::{
    program::{Program, Shows},
    progress::Screen,
};

/// Nothing of the system is started by installing it: tests start their own.
const INSTALL: &str = r#"
set -e
if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
"#;

/// One of each, running.
pub(crate) struct Servers {
    redis: Redis,
    postgresql: PostgreSql,
    mariadb: MariaDb,
}

/// Installs what is missing.
pub(crate) fn ensure(screen: &Screen) -> Result<()> {
    let missing = entra_services::missing();
    if missing.is_empty() {
        return Ok(());
    }
    let how = how_to_install(&missing);
    let Some(root) = as_root() else { bail!("{how}") };
    screen.say(&format!("    installing, once: {}", packages(&missing, |one| one.apt)));
    let packages: BTreeSet<_> = missing.iter().map(|one| one.apt).collect();
    let shell = root.iter().chain(&["sh", "-c", INSTALL, "sh"]).chain(&packages);
    let mut words = shell.copied();
    let program = Program::new(words.next().unwrap_or("sh"), Path::new("/"));
    words.fold(program, Program::argument).shows(Shows::Nothing).run(screen).with_context(|| how)?;
    let missing = entra_services::missing();
    if missing.is_empty() { Ok(()) } else { bail!("{}", how_to_install(&missing)) }
}

/// Starts one of each.
pub(crate) fn start(screen: &Screen) -> Result<Servers> {
    screen.show("starting Redis, PostgreSQL and MariaDB");
    let (postgresql, mariadb) = (thread::spawn(PostgreSql::start), thread::spawn(MariaDb::start));
    let redis = Redis::start()?;
    let of_thread = |_| anyhow!("a thread that starts a server has panicked");
    Ok(Servers {
        redis,
        postgresql: postgresql.join().map_err(of_thread)??,
        mariadb: mariadb.join().map_err(of_thread)??,
    })
}

impl Servers {
    /// Where they are, by the variables that the tests read.
    pub(crate) fn urls(&self) -> [(&'static str, String); 3] {
        [
            (Redis::SHARED, self.redis.url()),
            (PostgreSql::SHARED, self.postgresql.url()),
            (MariaDb::SHARED, self.mariadb.url()),
        ]
    }
}

/// How to become the one who may install Debian's packages: not at all, by being it, or by asking.
fn as_root() -> Option<&'static [&'static str]> {
    let answers = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    answers("apt-get", &["--version"])?;
    if answers("id", &["-u"])?.trim() == "0" {
        return Some(&[]);
    }
    answers("sudo", &["-n", "true"]).map(|_| &["sudo", "-n"][..])
}

fn how_to_install(missing: &[Missing]) -> String {
    let programs: Vec<_> = missing.iter().map(|one| one.program).collect();
    format!(
        "not installed: {}\n      Debian and Ubuntu: sudo apt-get install {}\n      Fedora: sudo dnf install {}\n      \
         macOS: brew install {}\n      where there are no such packages: cargo xtask test --without-services",
        programs.join(", "),
        packages(missing, |one| one.apt),
        packages(missing, |one| one.dnf),
        packages(missing, |one| one.brew),
    )
}

fn packages(missing: &[Missing], of: impl Fn(&Missing) -> &'static str) -> String {
    missing.iter().map(of).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}
