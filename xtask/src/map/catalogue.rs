//! The catalogue as people read it: how it stands in numbers, then chapter by chapter.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    behaviours::{Chapter, Proof, Row, Standing, read},
    repository::Repository,
};

/// How many rows of each chapter hold, wait, or make no sense here.
pub(super) fn standing(repository: &Repository) -> String {
    let (chapters, _) = read(repository);
    let mut table = "| chapter | rows | hold | wait | not in Rust |\n|---|---|---|---|---|\n".to_owned();
    let mut line = |title: &str, rows: &[&Row]| {
        let count = |is: fn(&Standing) -> bool| rows.iter().filter(|row| is(&row.standing)).count();
        let held = count(|standing| matches!(standing, Standing::Held(_)));
        let waits = count(|standing| matches!(standing, Standing::Waits(_)));
        let not = count(|standing| matches!(standing, Standing::NotInRust(_)));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {title} | {} | {held} | {waits} | {not} |", rows.len());
    };
    for Chapter { title, rows, .. } in &chapters {
        let anchor = title.to_lowercase().replace(' ', "-").replace([',', ':', '\''], "");
        line(&format!("[{title}](#{anchor})"), &rows.iter().collect::<Vec<_>>());
    }
    let all: Vec<&Row> = chapters.iter().flat_map(|chapter| &chapter.rows).collect();
    line("together", &all);
    table + "\n" + &parts(&all)
}

/// What is still to come, and how many rows wait for it.
fn parts(rows: &[&Row]) -> String {
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        if let Standing::Waits(part) = &row.standing {
            *parts.entry(part).or_default() += 1;
        }
    }
    let mut table = "| still to come | rows |\n|---|---|\n".to_owned();
    for (part, count) in parts {
        let _ = writeln!(table, "| {part} | {count} |");
    }
    table
}

/// Each row with what holds it.
pub(super) fn rows(repository: &Repository) -> String {
    let (chapters, _) = read(repository);
    let mut page = String::new();
    for Chapter { title, about, rows } in &chapters {
        let _ = writeln!(page, "## {title}\n\n{about}\n\n| id | what happens | held by |\n|---|---|---|");
        for Row { id, says, here, standing } in rows {
            let here = here.as_ref().map(|here| format!(" **Here:** {here}.")).unwrap_or_default();
            let _ = writeln!(page, "| {id} | {says}.{here} | {} |", cell(standing));
        }
        page.push('\n');
    }
    page
}

fn cell(standing: &Standing) -> String {
    match standing {
        Standing::Held(proofs) => {
            let link = |Proof { name, path }: &Proof| format!("[{name}](../{path})");
            proofs.iter().map(link).collect::<Vec<_>>().join(", ")
        }
        Standing::NotInRust(why) => format!("not in Rust: {why}"),
        Standing::Waits(part) => format!("waits for: {part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_rows_stand() {
        let proof = |name: &str| Proof { name: name.to_owned(), path: "crates/a/src/b.rs".to_owned() };
        assert_eq!(
            cell(&Standing::Held(vec![proof("x"), proof("y")])),
            "[x](../crates/a/src/b.rs), [y](../crates/a/src/b.rs)"
        );
        assert_eq!(cell(&Standing::NotInRust("no nulls".to_owned())), "not in Rust: no nulls");
        assert_eq!(cell(&Standing::Waits("sidecar".to_owned())), "waits for: sidecar");
    }
}
