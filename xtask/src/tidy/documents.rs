//! Pages are reachable from `docs/README.md`, and their links lead somewhere.

use super::Place;
use crate::repository::{File, Repository};

const INDEX: &str = "docs/README.md";

pub(super) fn check(repository: &Repository) -> Vec<Place> {
    let linked: Vec<String> = repository
        .file(INDEX)
        .map(|index| links(index).into_iter().map(|(_, target)| target).collect())
        .unwrap_or_default();
    let pages = repository.files.iter().filter(|file| file.is_page());
    let mut places: Vec<Place> = pages
        .clone()
        .filter(|page| page.path.starts_with("docs/") && page.path != INDEX && !linked.contains(&page.path))
        .map(|page| Place::file(&page.path, "not linked from docs/README.md"))
        .collect();
    for page in pages.filter(|page| page.path.starts_with("docs/") || page.path == "README.md") {
        for (line, target) in links(page) {
            let is_there = repository.file(&target).is_some() || repository.root.join(&target).exists();
            if !is_there {
                places.push(Place::line(&page.path, line, format!("the link to {target} leads nowhere")));
            }
        }
    }
    places
}

/// The links of a page to other files of the repository, as paths from the root.
fn links(page: &File) -> Vec<(usize, String)> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut links = Vec::new();
    for (index, line) in page.text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|behind| behind.split([')', '#', ' ']).next()) {
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                links.push((index + 1, resolve(folder, target)));
            }
        }
    }
    links
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    #[test]
    fn pages_are_linked_and_links_lead_somewhere() {
        let repository = of(&[
            (INDEX, "[a](guides/a.md#x), [web](https://x.example/)\n[home](../README.md)"),
            ("README.md", "[crate](crates/b/README.md)"),
            ("crates/b/README.md", "[out](https://x.example/)"),
            ("docs/guides/a.md", "[gone](gone.md) and [b](./b.md)"),
            ("docs/guides/b.md", "text"),
        ]);
        assert_eq!(
            brief(&check(&repository)),
            [
                "docs/guides/b.md:0 not linked from docs/README.md",
                "docs/guides/a.md:1 the link to docs/guides/gone.md leads nowhere",
            ]
        );
    }
}
