//! Reads a script of faults from TOML. A member that means nothing is refused: a matcher that is
//! misspelt would let the fault meet every request.

use std::fmt;

use serde::Deserialize;
use toml::Table;

use super::{Fault, Kind};
use crate::toml_error;

/// A fault script that cannot be read. Whoever wrote it must act.
#[derive(Debug)]
pub struct ScriptError(String);

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fault script cannot be read: {}", self.0)
    }
}

impl std::error::Error for ScriptError {}

impl Fault {
    /// Reads a script from TOML.
    ///
    /// # Errors
    /// [`ScriptError`] when the text is not TOML, or has an unknown fault or member.
    pub fn script(toml: &str) -> Result<Vec<Self>, ScriptError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Script {
            #[serde(default)]
            faults: Vec<Table>,
        }
        let script: Script =
            toml::from_str(toml).map_err(|error| ScriptError(toml_error::say(toml, &error)))?;
        let faults = script.faults.into_iter().enumerate();
        let read = |(index, table)| {
            read(table).map_err(|what| ScriptError(format!("[[faults]] number {}: {what}", index + 1)))
        };
        faults.map(read).collect()
    }
}

fn read(table: Table) -> Result<Fault, String> {
    let names: Vec<String> = table.keys().cloned().collect();
    let fault: Fault = table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let known = [members(&fault.kind), MATCHERS].concat();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("unknown member `{name}`, expected one of {}", known.join(", "))),
        None => Ok(fault),
    }
}

/// What every fault may say.
const MATCHERS: &[&str] = &["fault", "endpoint", "grant", "client", "scope", "path", "leg", "after", "times"];

/// What one of this kind says beside that.
fn members(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Throttle { .. } => &["retry_after"],
        Kind::Status { .. } => &["status", "retry_after"],
        Kind::Slow { .. } => &["milliseconds"],
        Kind::ContentType { .. } => &["content_type"],
        Kind::Huge { .. } => &["bytes"],
        Kind::ClockOff { .. } => &["seconds"],
        Kind::Refuse { .. } => &["aadsts", "error", "suberror"],
        Kind::Challenge { .. } => &["claims"],
        Kind::Reset | Kind::CutOff | Kind::Html | Kind::TruncatedJson | Kind::ReplayRefused => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |script: &str, expected: &str| {
            let told = Fault::script(script).unwrap_err().to_string();
            assert!(told.starts_with(&format!("the fault script cannot be read: {expected}")), "{told}");
        };
        let good = "[[faults]]\nfault = \"html\"\n";
        check(
            &format!("{good}[[faults]]\nfault = \"throttle\"\nretry_after = 1\ngrnt = \"on_behalf_of\""),
            "[[faults]] number 2: unknown member `grnt`, expected one of retry_after, fault, ",
        );
        check(&format!("{good}retry_after = 3"), "[[faults]] number 1: unknown member `retry_after`");
        check("[[faults]]\nendpoint = \"token\"", "[[faults]] number 1: missing field `fault`");
        check("[[faults]]\nfault = \"explode\"", "[[faults]] number 1: unknown variant `explode`");
        check("# Ångström\n[[fault]]", "line 2: unknown field `fault`");
        check("[[faults]]\nfault = html", "line 2: ");
    }
}
