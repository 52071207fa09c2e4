//! The closing table: what was asked, what it cost at Entra, what came of it.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::Told;

pub(crate) fn of(told: &[Told]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let bold = |text: String| Cell::new(text).add_attribute(Attribute::Bold);
    let number = |number: String| bold(number).set_alignment(CellAlignment::Right);
    table.set_header(["scenario", "seed", "cold", "warm", "answer", ""].map(|text| bold(text.to_owned())));
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
    let holding = told.iter().filter(|row| row.holds).count();
    table.add_row([
        bold(format!("{} scenarios", told.len())),
        bold(String::new()),
        number(told.iter().map(|row| row.cold).sum::<usize>().to_string()),
        number(told.iter().map(|row| row.warm).sum::<usize>().to_string()),
        bold(String::new()),
        bold(format!("{holding} hold")),
    ]);
    table
}
