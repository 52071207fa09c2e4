//! Plays the corpus of each target of the public API once: what was found stays found.

#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use entra_fuzz::{PUBLIC, Target};

/// Those whose corpus the tests of `token-acquisition` and `web-api` play.
const INNER: [&str; 4] = ["certificate", "host_answer", "jwt_header", "token_response"];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn play(target: &str) {
    let check: Target = PUBLIC.iter().find(|(name, _)| *name == target).unwrap().1;
    let mut count = 0;
    for entry in fs::read_dir(corpus().join(target)).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "{target} has {count} inputs");
}

#[test]
fn authority() {
    play("authority");
}

#[test]
fn configuration() {
    play("configuration");
}

#[test]
fn connection_string() {
    play("connection_string");
}

#[test]
fn sealed_entry() {
    play("sealed_entry");
}

#[test]
fn www_authenticate() {
    play("www_authenticate");
}

#[test]
fn each_target_has_a_corpus_and_each_corpus_a_target() {
    let names =
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let targets = PUBLIC.iter().map(|(name, _)| *name).chain(INNER).map(str::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), targets.collect::<BTreeSet<_>>());
}
