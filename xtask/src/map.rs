//! The map of the house: the parts of `docs/architecture.md` that are written from what is there,
//! between markers.

mod tables;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{progress, repository::Repository};

const PAGE: &str = "docs/architecture.md";

/// A part of the page: `<!-- map: name -->` .. `<!-- end of map -->`.
struct Part {
    name: &'static str,
    write: fn(&Repository) -> String,
}

const PARTS: &[Part] = &[
    Part { name: "crates", write: tables::crates },
    Part { name: "arrows", write: tables::arrows },
    Part { name: "files", write: tables::files },
];

const END: &str = "<!-- end of map -->";

/// Writes the parts.
pub(crate) fn write(repository: &Repository) -> Result<ExitCode> {
    let drawn = drawn(repository)?;
    fs::write(repository.root.join(PAGE), drawn).with_context(|| format!("{PAGE} cannot be written"))?;
    progress::say(&format!("map: {PAGE} is up to date"));
    Ok(ExitCode::SUCCESS)
}

/// Tells whether they are up to date.
pub(crate) fn check(repository: &Repository) -> Result<ExitCode> {
    match stale(repository)? {
        None => {
            progress::say(&format!("map: {PAGE} is up to date"));
            Ok(ExitCode::SUCCESS)
        }
        Some(line) => bail!("{line}; run `cargo xtask map`"),
    }
}

/// The first line that is not up to date.
pub(crate) fn stale(repository: &Repository) -> Result<Option<String>> {
    let (drawn, page) = (drawn(repository)?, page(repository)?);
    if drawn == page {
        return Ok(None);
    }
    let same = drawn.lines().zip(page.lines()).take_while(|(drawn, page)| drawn == page).count();
    Ok(Some(format!("{PAGE}:{} is stale", same + 1)))
}

fn page(repository: &Repository) -> Result<&str> {
    let file = repository.file(PAGE).with_context(|| format!("{PAGE} is missing"))?;
    Ok(&file.text)
}

fn drawn(repository: &Repository) -> Result<String> {
    let mut page = page(repository)?.to_owned();
    for part in PARTS {
        page = put(&page, part.name, &(part.write)(repository))?;
    }
    Ok(page)
}

fn put(page: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- map: {name} -->");
    let (before, rest) = page.split_once(&begin).with_context(|| format!("{PAGE} has no marker {begin}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE}: {begin} has no {END}"))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{END}{after}", content.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_put_between_its_markers() {
        let page =
            "a\n<!-- map: crates -->\nold\n<!-- end of map -->\nb\n<!-- map: files --><!-- end of map -->";
        let drawn = put(page, "crates", "new").unwrap();
        assert_eq!(
            drawn,
            "a\n<!-- map: crates -->\n\nnew\n\n<!-- end of map -->\nb\n<!-- map: files --><!-- end of map -->"
        );
        assert_eq!(put(&drawn, "crates", "new").unwrap(), drawn);
        assert!(put(page, "arrows", "x").is_err());
    }
}
