//! libFuzzer's way in: `--target=NAME`, then its own arguments. Built by `cargo xtask fuzz`.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod door {
    //! Picks the target once, then hands it each input.

    use std::{env, sync::OnceLock};

    use entra_fuzz::{INNER, PUBLIC, Target};
    use libfuzzer_sys::fuzz_target;

    static CHOSEN: OnceLock<Target> = OnceLock::new();

    fn chosen() -> Target {
        let name = env::args().find_map(|argument| argument.strip_prefix("--target=").map(str::to_owned));
        let target = PUBLIC.into_iter().chain(INNER).find(|(known, _)| Some(*known) == name.as_deref());
        match target {
            Some((_, target)) => target,
            None => panic!("--target={name:?} is none of the targets"),
        }
    }

    fuzz_target!(init: { CHOSEN.get_or_init(chosen); }, |input: &[u8]| CHOSEN.get_or_init(chosen)(input));
}

#[cfg(not(fuzzing))]
fn main() -> Result<(), &'static str> {
    Err("built without instrumentation; start it with `cargo xtask fuzz`")
}
