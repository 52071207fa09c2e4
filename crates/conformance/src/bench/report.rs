//! The closing table, for a reader who knows nothing of this program.

use std::thread;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::{figure::Figure, gate::Gate};

/// What was measured.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) ours: Figure,
    pub(super) floor: Figure,
    pub(super) floor_is: &'static str,
    pub(super) peer: Option<Peer>,
    /// Where they can be counted: not in a call, which runs on several threads.
    pub(super) allocations: Option<f64>,
    pub(super) gate: Gate,
    pub(super) goal: Gate,
}

pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) figure: Figure,
    pub(super) allocations: f64,
}

/// What is no time beside a floor.
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) figure: String,
    /// Nothing where it is told only.
    pub(super) gate: String,
    pub(super) holds: bool,
}

#[derive(Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    readings: Vec<Reading>,
}

impl Row {
    fn holds(&self) -> bool {
        self.gate.holds(self.ours, self.floor)
    }

    fn verdict(&self) -> &'static str {
        match (self.holds(), self.goal.holds(self.ours, self.floor)) {
            (true, true) => "holds, goal met",
            (true, false) => "holds",
            (false, _) => "misses",
        }
    }
}

impl Report {
    /// Takes a row, and tells it at once: the whole takes minutes.
    pub(super) fn add(&mut self, row: Row) {
        say(&format!("{}: {}, {}", row.name, row.ours, row.verdict()));
        self.rows.push(row);
    }

    /// Takes a reading, and tells it at once.
    pub(super) fn read(&mut self, reading: Reading) {
        let verdict = if reading.holds { "holds" } else { "misses" };
        say(&format!("{}: {}, {verdict}", reading.name, reading.figure));
        self.readings.push(reading);
    }

    pub(super) fn holds(&self) -> bool {
        self.rows.iter().all(Row::holds) && self.readings.iter().all(|reading| reading.holds)
    }

    /// The table, and how to read it.
    pub(super) fn close(&self) {
        if !self.readings.is_empty() {
            say(&format!("\n{}", self.readings()));
        }
        if !self.rows.is_empty() {
            self.close_rows();
        }
        let missed = self.rows.iter().filter(|row| !row.holds()).count()
            + self.readings.iter().filter(|reading| !reading.holds).count();
        say(&format!("{} gates hold, {missed} missed", self.rows.len() + self.readings.len() - missed));
    }

    fn readings(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["memory", "reading", "gate", ""]);
        for Reading { name, figure, gate, holds } in &self.readings {
            let verdict = match (gate.is_empty(), holds) {
                (true, _) => "",
                (false, true) => "holds",
                (false, false) => "misses",
            };
            table.add_row([name, figure, gate, verdict]);
        }
        table
    }

    fn close_rows(&self) {
        say(&format!("\n{}", self.table()));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        say(&format!(
            "One operation: the median of all rounds (the best..the worst), on {cores} cores; whoever else uses\n\
             this machine shows in the worst. Ours, the floor and the peer take turns in each round.\n\
             x floor: how many times the floor ours costs. Peer / ours: how many times ours the peer costs.\n\
             allocations: of one operation, ours and in brackets the peer's; those of a call are not counted."
        ));
        let mut told = None;
        for row in &self.rows {
            let sides = (row.floor_is, row.peer.as_ref().map(|peer| peer.name));
            if told.replace(sides) != Some(sides) {
                let peer = sides.1.map(|name| format!("; the peer: {name}")).unwrap_or_default();
                say(&format!("  {}: the floor: {}{peer}", row.name, row.floor_is));
            }
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            "warm",
            "ours",
            "floor",
            "x floor",
            "peer",
            "peer / ours",
            "allocations",
            "gate (goal)",
            "",
        ]);
        for row in &self.rows {
            let peer = row.peer.as_ref();
            let cells = [
                row.name.clone(),
                row.ours.to_string(),
                row.floor.to_string(),
                format!("{:.2}", row.ours.median / row.floor.median),
                peer.map(|peer| peer.figure.to_string()).unwrap_or_default(),
                peer.map(|peer| format!("{:.1}", peer.figure.median / row.ours.median)).unwrap_or_default(),
                allocations(row),
                format!("{} ({})", row.gate, row.goal),
                row.verdict().to_owned(),
            ];
            let aligned = |(at, text)| {
                let is_number = (1..7).contains(&at);
                Cell::new(text).set_alignment(if is_number {
                    CellAlignment::Right
                } else {
                    CellAlignment::Left
                })
            };
            table.add_row(cells.into_iter().enumerate().map(aligned));
        }
        table
    }
}

/// Tells what takes long.
#[expect(clippy::print_stdout, reason = "the one place where the bench prints")]
pub(super) fn say(text: &str) {
    println!("{text}");
}

fn allocations(row: &Row) -> String {
    let ours = row.allocations.map(|ours| format!("{ours:.1}")).unwrap_or_default();
    match &row.peer {
        Some(peer) => format!("{ours} ({:.1})", peer.allocations),
        None => ours,
    }
}
