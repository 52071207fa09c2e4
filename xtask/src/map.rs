//! The map of the house: the parts of the documents that are written from what is there, between
//! markers.

mod catalogue;
mod deviations;
mod tables;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};

use crate::{progress, repository::Repository};

const ARCHITECTURE: &str = "docs/architecture.md";
const BEHAVIOURS: &str = "docs/behaviours.md";
const FROM_DOTNET: &str = "docs/from-dotnet.md";

/// A part of a page: `<!-- map: name -->` .. `<!-- end of map -->`.
struct Part {
    page: &'static str,
    name: &'static str,
    write: fn(&Repository) -> String,
}

const PARTS: &[Part] = &[
    Part { page: ARCHITECTURE, name: "crates", write: tables::crates },
    Part { page: ARCHITECTURE, name: "arrows", write: tables::arrows },
    Part { page: ARCHITECTURE, name: "files", write: tables::files },
    Part { page: BEHAVIOURS, name: "standing", write: catalogue::standing },
    Part { page: BEHAVIOURS, name: "behaviours", write: catalogue::rows },
    Part { page: FROM_DOTNET, name: "calls", write: deviations::calls },
    Part { page: FROM_DOTNET, name: "verdicts", write: deviations::verdicts },
];

const END: &str = "<!-- end of map -->";

const PAGES: &[&str] = &[ARCHITECTURE, BEHAVIOURS, FROM_DOTNET];

/// Writes the parts.
pub(crate) fn write(repository: &Repository) -> Result<ExitCode> {
    for page in PAGES {
        let drawn = drawn(repository, page)?;
        fs::write(repository.root.join(page), drawn).with_context(|| format!("{page} cannot be written"))?;
        progress::say(&format!("map: {page} is up to date"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells whether they are up to date.
pub(crate) fn check(repository: &Repository) -> Result<ExitCode> {
    match stale(repository)? {
        None => {
            progress::say(&format!("map: {} are up to date", PAGES.join(", ")));
            Ok(ExitCode::SUCCESS)
        }
        Some(line) => bail!("{line}; run `cargo xtask map`"),
    }
}

/// The first line that is not up to date.
pub(crate) fn stale(repository: &Repository) -> Result<Option<String>> {
    for page in PAGES {
        let (drawn, written) = (drawn(repository, page)?, text(repository, page)?);
        if drawn != written {
            let same =
                drawn.lines().zip(written.lines()).take_while(|(drawn, written)| drawn == written).count();
            return Ok(Some(format!("{page}:{} is stale", same + 1)));
        }
    }
    Ok(None)
}

fn text<'a>(repository: &'a Repository, page: &str) -> Result<&'a str> {
    let file = repository.file(page).with_context(|| format!("{page} is missing"))?;
    Ok(&file.text)
}

fn drawn(repository: &Repository, page: &str) -> Result<String> {
    let mut drawn = text(repository, page)?.to_owned();
    for part in PARTS.iter().filter(|part| part.page == page) {
        drawn = put(&drawn, part.name, &(part.write)(repository)).with_context(|| page.to_owned())?;
    }
    Ok(drawn)
}

fn put(page: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- map: {name} -->");
    let (before, rest) = page.split_once(&begin).with_context(|| format!("there is no marker {begin}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{begin} has no {END}"))?;
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
