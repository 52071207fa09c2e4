//! Starts `conformance`, the program that may depend on all crates; this one depends on none.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::program::pass_by_proxies;

/// The package whose binary plays recordings, foreign clients, the demo and the benches.
pub(crate) const PACKAGE: &str = "entra-conformance";

/// Starts one of its subcommands; its exit code becomes ours.
pub(crate) fn start(root: &Path, subcommand: &str, rest: Vec<String>) -> Result<ExitCode> {
    run(root, &[], subcommand, rest)
}

/// Starts its bench, optimised as the figures in the documents are.
pub(crate) fn measure(root: &Path, rest: Vec<String>) -> Result<ExitCode> {
    run(root, &["--profile", "bench"], "bench", rest)
}

/// Starts one of its drills, optimised: what callers notice of a broken store is measured.
pub(crate) fn drill(root: &Path, rest: Vec<String>) -> Result<ExitCode> {
    run(root, &["--profile", "bench"], "drill", rest)
}

/// Plays recordings: those in the repository, or those of a folder.
pub(crate) fn golden(root: &Path, folder: Option<PathBuf>, web_api: bool) -> Result<ExitCode> {
    let mut rest = Vec::new();
    if web_api {
        rest.push("--web-api".to_owned());
    }
    if let Some(folder) = folder {
        // The program runs at the root of the repository, whoever calls from wherever.
        let folder = std::path::absolute(&folder).context("the folder has no absolute path")?;
        rest.push(folder.display().to_string());
    }
    start(root, "golden", rest)
}

fn run(root: &Path, profile: &[&str], subcommand: &str, rest: Vec<String>) -> Result<ExitCode> {
    let mut command = Command::new("cargo");
    pass_by_proxies(&mut command);
    let status = command
        .current_dir(root)
        .args(["run", "--quiet", "--package", PACKAGE])
        .args(profile)
        .args(["--", subcommand])
        .args(rest)
        .status()
        .context("cargo could not be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
