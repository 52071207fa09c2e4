//! What came of each scenario, and the table at the end.

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use super::screen::Screen;

/// What came of one scenario with one client.
pub(super) struct Verdict {
    pub(super) client: String,
    pub(super) version: String,
    pub(super) scenario: String,
    /// What was wrong; nothing where it holds.
    pub(super) flaw: Option<String>,
}

/// All of them, in the order of the play.
#[derive(Default)]
pub(super) struct Verdicts(Vec<Verdict>);

impl Verdicts {
    /// Keeps one, and says it.
    pub(super) fn add(&mut self, screen: &Screen, verdict: Verdict) {
        let Verdict { client, scenario, .. } = &verdict;
        match &verdict.flaw {
            None => screen.say(&format!("  ok      {client}: {scenario}")),
            Some(_) => screen.say(&format!("  FAILED  {client}: {scenario}")),
        }
        self.0.push(verdict);
    }

    /// How many do not hold.
    pub(super) fn flaws(&self) -> usize {
        self.0.iter().filter(|verdict| verdict.flaw.is_some()).count()
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["client", "version", "scenario", "verdict"]);
        for Verdict { client, version, scenario, flaw } in &self.0 {
            let verdict = if flaw.is_none() { "holds" } else { "FAILED" };
            table.add_row([client, version, scenario, verdict]);
        }
        let (all, flaws) = (self.0.len(), self.flaws());
        let told: String = self.0.iter().filter_map(Verdict::told).collect();
        format!("\n{table}\n{told}{} of {all} scenarios hold, {flaws} do not", all - flaws)
    }
}

impl Verdict {
    /// What was wrong, as a paragraph.
    fn told(&self) -> Option<String> {
        let flaw = self.flaw.as_deref()?;
        Some(format!("{}: {}\n    {}\n", self.client, self.scenario, flaw.replace('\n', "\n    ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_is_counted_and_shown() {
        let mut verdicts = Verdicts::default();
        for (scenario, flaw) in [("client secret", None), ("certificate", Some("no token".to_owned()))] {
            let (client, version) = ("a client".to_owned(), "1.0".to_owned());
            verdicts.0.push(Verdict { client, version, scenario: scenario.to_owned(), flaw });
        }
        assert_eq!(verdicts.flaws(), 1);
        let table = verdicts.table();
        assert!(table.contains("no token") && table.contains("1 of 2 scenarios hold, 1 do not"), "{table}");
    }
}
