//! The way of the fuzz targets into inner rooms. Compiled with `--cfg fuzzing`, and for tests,
//! which play each corpus once.

use std::{error::Error, fmt::Write};

pub use crate::{
    credential::fuzzing::certificate, managed_identity::fuzzing::host_answer, wire::fuzzing::token_response,
};

/// Everything that a log could show of an error: its text, its sources' and their `Debug`.
pub(crate) fn spelled(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut link = Some(error);
    while let Some(error) = link {
        let _ = writeln!(text, "{error}\n{error:?}");
        link = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn play(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut count = 0;
        for entry in fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&fs::read(path).unwrap());
            count += 1;
        }
        assert!(count > 0, "there is no corpus of {target}");
    }

    #[test]
    fn the_corpus_of_certificates_holds() {
        play("certificate", certificate);
    }

    #[test]
    fn the_corpus_of_host_answers_holds() {
        play("host_answer", host_answer);
    }

    #[test]
    fn the_corpus_of_token_responses_holds() {
        play("token_response", token_response);
    }
}
