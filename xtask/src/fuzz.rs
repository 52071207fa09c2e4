//! `cargo xtask fuzz`: plays the property tests with cases that nobody has seen, then builds the
//! targets with instrumentation, and lets libFuzzer loose on each.
//!
//! It needs no nightly toolchain: what coverage takes are code generation options of rustc, and the
//! sanitizers would look for what safe Rust cannot do.

mod figures;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use clap::Args;

use self::figures::Figures;
use crate::{
    program::{Program, Shows},
    progress::{self, Screen},
    repository::Repository,
};

/// Which targets, and for how long.
#[derive(Args)]
pub(crate) struct Wish {
    /// Runs this target only; may be given again.
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
    /// Plays this file once, through the one target that is given.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

const PACKAGE: &str = "entra-fuzz";

/// What `fuzz` means to rustc: edges are counted, comparisons are shown to the fuzzer, and
/// `cfg(fuzzing)` opens inner rooms. The options are those of cargo-fuzz, without its sanitizer.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Builds, runs, and tells what was found; success only if nothing was.
pub(crate) fn run(root: &Path, wish: &Wish) -> Result<ExitCode> {
    let corpus = root.join("crates/fuzz/corpus");
    let targets = chosen(&names(&corpus)?, &wish.target)?;
    let place = place(root)?;
    let properties_hold = !wish.target.is_empty() || properties(root)?;
    let program = build(root, &place)?;
    if let Some(input) = &wish.input {
        return play(&program, &targets, input);
    }
    let mut all = Vec::new();
    for target in targets {
        let screen = Screen::begin("fuzz", &format!("{target}, for {} s", wish.seconds));
        let figures = one(&program, &place, &corpus, &target, wish.seconds, &screen)?;
        screen.end(figures.finding.is_none());
        all.push((target, figures));
    }
    for line in figures::table(&all) {
        progress::say(&line);
    }
    let is_good = properties_hold && all.iter().all(|(_, figures)| figures.finding.is_none());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// So many cases of each property; the gate plays a few hundred, and always the same.
const CASES: &str = "20000";

/// Whether the properties hold for new cases. The tests beside them run along.
fn properties(root: &Path) -> Result<bool> {
    let repository = Repository::read(root)?;
    let with_properties =
        repository.crates.iter().filter(|member| member.needs.iter().any(|need| need.package == "proptest"));
    let packages: Vec<_> = with_properties.map(|member| format!("--package {}", member.package)).collect();
    let screen = Screen::begin("properties", &format!("{CASES} new cases of each"));
    let held = Program::cargo(root, &format!("test --lib --tests --no-fail-fast {}", packages.join(" ")))
        .variable("PROPTEST_CASES", CASES)
        .shows(Shows::Output)
        .run(&screen);
    screen.end(held.is_ok());
    Ok(held.is_ok())
}

fn names(corpus: &Path) -> Result<Vec<String>> {
    let mut names = fs::read_dir(corpus)
        .with_context(|| format!("{} cannot be listed", corpus.display()))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn chosen(known: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("there is no target {unknown}; one of {}", known.join(", "));
    }
    Ok(known.iter().filter(|name| wanted.is_empty() || wanted.contains(name)).cloned().collect())
}

/// Where what is built and found is kept, apart from other builds.
fn place(root: &Path) -> Result<PathBuf> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec().context("cargo metadata")?;
    Ok(metadata.target_directory.join("fuzz").into_std_path_buf())
}

fn build(root: &Path, place: &Path) -> Result<PathBuf> {
    if !cfg!(unix) {
        bail!("libFuzzer is used on Linux and macOS here; run it in a container or in WSL");
    }
    let host = host(root)?;
    let screen = Screen::begin("build", "the fuzz targets, with instrumentation");
    // For a target that is named, so that build scripts and macros are not instrumented.
    let arguments = format!("build --package {PACKAGE} --profile fuzz --target {host} --target-dir");
    let built = Program::cargo(root, &arguments)
        .argument(place)
        .variable("RUSTFLAGS", INSTRUMENTATION)
        .run(&screen)
        .context("libFuzzer takes a C++ compiler, such as g++ or clang; aws-lc a C compiler and cmake");
    screen.end(built.is_ok());
    built.map(|()| place.join(host).join("fuzz").join(PACKAGE))
}

fn host(root: &Path) -> Result<String> {
    let version = Program::new("rustc", root).argument("-vV").output()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV names no host")
}

fn one(
    program: &Path,
    place: &Path,
    corpus: &Path,
    target: &str,
    seconds: u32,
    screen: &Screen,
) -> Result<Figures> {
    // New inputs go to the first folder; the one in the repository is only read.
    let (kept, found) = (place.join("corpus").join(target), place.join("findings").join(target));
    for folder in [&kept, &found] {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let mut figures = Figures::default();
    let ended = Program::new(program, place)
        .argument(format!("--target={target}"))
        .argument(format!("-max_total_time={seconds}"))
        .argument(format!("-artifact_prefix={}/", found.display()))
        .argument("-timeout=10")
        .argument("-rss_limit_mb=2048")
        .argument("-print_final_stats=1")
        .argument(kept)
        .argument(corpus.join(target))
        .watch(screen, |line| figures.read(line));
    match (ended, &figures.finding) {
        (Ok(()), _) => {}
        (Err(_), Some(finding)) => screen.say(&format!(
            "    {target} broke on {finding}; look: cargo xtask fuzz --target {target} --input {finding}; \
             mend it, and keep the input in crates/fuzz/corpus/{target}"
        )),
        (Err(error), None) => return Err(error.context(format!("{target} ended without a finding"))),
    }
    Ok(figures)
}

fn play(program: &Path, targets: &[String], input: &Path) -> Result<ExitCode> {
    let [target] = targets else { bail!("an input is played through one target") };
    let input = std::path::absolute(input).context("the input has no absolute path")?;
    if !input.is_file() {
        bail!("there is no file {}", input.display());
    }
    let screen = Screen::begin("fuzz", &format!("{target}, once, with {}", input.display()));
    let folder = program.parent().unwrap_or(program).to_owned();
    let held = Program::new(program, &folder)
        .argument(format!("--target={target}"))
        .argument(input)
        .shows(Shows::All)
        .run(&screen);
    screen.end(held.is_ok());
    Ok(if held.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn each_folder_of_the_corpus_is_a_target() {
        let known = names(&repository::root().join("crates/fuzz/corpus")).unwrap();
        assert_eq!(chosen(&known, &[]).unwrap(), known);
        assert_eq!(chosen(&known, &["authority".to_owned()]).unwrap(), ["authority"]);
        let error = chosen(&known, &["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("there is no target nonsense; one of authority, "), "{error}");
    }
}
