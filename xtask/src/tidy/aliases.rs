//! The names that `docs/from-dotnet.md` translates lead somewhere in rustdoc's search.

use super::Place;
use crate::repository::Repository;

const PAGE: &str = "docs/from-dotnet.md";

pub(super) fn check(repository: &Repository) -> Vec<Place> {
    let Some(page) = repository.file(PAGE) else { return Vec::new() };
    let aliases: Vec<String> = repository
        .rust()
        .flat_map(|(_, rust)| rust.lines())
        .filter(|line| line.uncommented.contains("alias"))
        .flat_map(|line| line.uncommented.split('"').skip(1).step_by(2).map(str::to_owned))
        .collect();
    let mut places = Vec::new();
    for (index, line) in first_table(&page.text) {
        let there = line.split('|').nth(1).unwrap_or_default();
        for name in there.split('`').skip(1).step_by(2).filter_map(single_name) {
            if !aliases.iter().any(|alias| alias.strip_suffix("Attribute").unwrap_or(alias) == name) {
                places.push(Place::line(PAGE, index + 1, format!("{name} is the alias of nothing")));
            }
        }
    }
    places
}

fn first_table(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.skip_while(|(_, line)| !line.starts_with('|')).take_while(|(_, line)| line.starts_with('|')).skip(2)
}

/// A name without what is said about it: `Get<T>`, `Add("x")` and `[Attribute]` are names, a path or
/// an expression is none.
fn single_name(written: &str) -> Option<&str> {
    let name = written.trim_matches(['[', ']']).split(['(', '<']).next().unwrap_or_default();
    name.chars().all(char::is_alphanumeric).then_some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::{brief, of};

    #[test]
    fn names_of_the_first_table_are_aliases() {
        let page = "# x\n\n| there | here |\n|---|---|\n| `A<T>`, `B(c)`, `d.E()`, words | `x` |\n| `[F]` |\n\n| `G` |\n";
        let code = "//! x\n#[doc(alias = \"A\")]\n#[doc(alias(\"F\", \"x\"))]\nstruct X;\n";
        let repository = of(&[(PAGE, page), ("crates/a/src/lib.rs", code)]);
        assert_eq!(brief(&check(&repository)), ["docs/from-dotnet.md:5 B is the alias of nothing"]);
    }
}
