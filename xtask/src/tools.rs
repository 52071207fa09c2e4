//! Programs of others that the gate needs: found, or installed, or named in an error.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    program::{Program, Shows},
    progress::Screen,
};

/// Whether cargo knows this subcommand.
pub(crate) fn is_installed(root: &Path, subcommand: &str) -> bool {
    Program::cargo(root, &format!("{subcommand} --version")).output().is_ok()
}

/// Installs a cargo subcommand where it is missing.
pub(crate) fn ensure(root: &Path, subcommand: &str, screen: &Screen) -> Result<()> {
    if is_installed(root, subcommand) {
        return Ok(());
    }
    screen.say(&format!("    cargo-{subcommand} is not installed; installing it, once"));
    Program::cargo(root, &format!("install --locked cargo-{subcommand}"))
        .shows(Shows::Nothing)
        .run(screen)
        .with_context(|| format!("put cargo-{subcommand} into the PATH, then try again"))
}
