//! Where we differ from Microsoft.Identity.Web, for people who migrate: from the files that make the
//! conformance runner expect it.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::repository::Repository;

const RECORDINGS: &str = "crates/conformance/data/golden/deviations.toml";
const VERDICTS: &str = "crates/conformance/src/web_api/deviations.toml";

/// What goes out to Entra and to APIs, by area.
pub(super) fn calls(repository: &Repository) -> String {
    let entries = entries(repository, RECORDINGS);
    let mut areas: Vec<&str> = Vec::new();
    for entry in &entries {
        let area = text(entry, "area");
        if !areas.contains(&area) {
            areas.push(area);
        }
    }
    let mut page = String::new();
    for area in areas {
        // Writing to a string cannot fail.
        let _ =
            writeln!(page, "### {area}\n\n| Microsoft.Identity.Web | entra-rs | because |\n|---|---|---|");
        for entry in entries.iter().filter(|entry| text(entry, "area") == area) {
            let [there, here, reason] = ["there", "here", "reason"].map(|key| text(entry, key));
            let _ = writeln!(page, "| {there} | {here} | {reason} |");
        }
        page.push('\n');
    }
    page
}

/// What comes in: whom we answer otherwise.
pub(super) fn verdicts(repository: &Repository) -> String {
    let mut table = "| when | entra-rs | because |\n|---|---|---|\n".to_owned();
    for entry in entries(repository, VERDICTS) {
        let [when, reason] = ["when", "reason"].map(|key| text(&entry, key));
        let _ = writeln!(table, "| {when} | {} | {reason} |", answer(&entry));
    }
    table
}

fn answer(entry: &Table) -> String {
    let Some((kind, detail)) = entry.get("instead").and_then(Value::as_table).and_then(|it| it.iter().next())
    else {
        return String::new();
    };
    match kind.as_str() {
        "refused-at-start" => {
            format!("refuses at start-up, naming `{}`", detail.as_str().unwrap_or_default())
        }
        "unavailable" => "answers 503 with `Retry-After`".to_owned(),
        "no-token" => "answers 401".to_owned(),
        "invalid-token" => "answers 401 `invalid_token`".to_owned(),
        "forbidden" => "answers 403".to_owned(),
        "admitted" => "lets in".to_owned(),
        other => other.to_owned(),
    }
}

fn entries(repository: &Repository, path: &str) -> Vec<Table> {
    let table = repository.file(path).and_then(|file| file.text.parse::<Table>().ok());
    let entries = table.as_ref().and_then(|table| table.get("deviation")?.as_array());
    entries.into_iter().flatten().filter_map(|entry| entry.as_table().cloned()).collect()
}

fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::of;

    #[test]
    fn by_area_and_by_verdict() {
        let golden = r#"
[[deviation]]
area = "Agents"
there = "forgets"
here = "remembers"
reason = "it was asked for"
[[deviation]]
area = "Users"
there = "a"
here = "b"
reason = "c"
"#;
        let web_api =
            "[[deviation]]\nwhen = \"x\"\ninstead = { refused-at-start = \"A.B\" }\nreason = \"y\"\n";
        let repository = of(&[(RECORDINGS, golden), (VERDICTS, web_api)]);
        expect_test::expect![[r"
            ### Agents

            | Microsoft.Identity.Web | entra-rs | because |
            |---|---|---|
            | forgets | remembers | it was asked for |

            ### Users

            | Microsoft.Identity.Web | entra-rs | because |
            |---|---|---|
            | a | b | c |

        "]]
        .assert_eq(&calls(&repository));
        assert!(verdicts(&repository).ends_with("| x | refuses at start-up, naming `A.B` | y |\n"));
    }
}
