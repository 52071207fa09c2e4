//! The closing table: what was asked, what it cost at Entra, what came of it.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::Told;

pub(crate) fn of(told: &[Told]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let head = ["scenario", "seed", "cold", "warm", "answer", ""];
    table.set_header(head.map(|text| Cell::new(text).add_attribute(Attribute::Bold)));
    for row in told {
        table.add_row([
            Cell::new(row.name),
            Cell::new(row.seed),
            Cell::new(row.cold).set_alignment(CellAlignment::Right),
            Cell::new(row.warm).set_alignment(CellAlignment::Right),
            Cell::new(&row.answer),
            Cell::new(if row.holds { "holds" } else { "FAILS" }),
        ]);
    }
    table
}
