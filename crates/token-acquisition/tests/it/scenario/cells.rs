//! The tables of stories: who asks, with every outcome; every credential, with what can happen to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Deserialize;

/// Tables by their names, each with rows of cells.
type Tables = BTreeMap<String, BTreeMap<String, BTreeMap<String, Cell>>>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Cell {
    Story(String),
    /// Why it cannot happen.
    None {
        none: String,
    },
}

#[test]
fn each_cell_has_its_story() {
    let tables: Tables =
        toml::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/scenario/cells.toml")))
            .unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut missing = Vec::new();
    assert!(!tables.is_empty());
    for (name, table) in tables {
        let outcomes: BTreeSet<&String> = table.values().flat_map(BTreeMap::keys).collect();
        for (row, cells) in &table {
            for outcome in &outcomes {
                match cells.get(*outcome) {
                    Some(Cell::Story(story)) if folder.join(story).join("expect.json").is_file() => {}
                    Some(Cell::None { none }) if none.len() > 20 => {}
                    Some(Cell::Story(story)) => {
                        missing.push(format!("{name}.{row}.{outcome}: no story {story}"));
                    }
                    Some(Cell::None { .. }) => missing.push(format!("{name}.{row}.{outcome}: no reason")),
                    None => missing.push(format!("{name}.{row}.{outcome}: neither a story nor a reason")),
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
