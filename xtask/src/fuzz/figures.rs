//! What libFuzzer says of a run, as far as it is told on.

/// The figures of one target.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Figures {
    runs: u64,
    per_second: u64,
    /// Edges of the code that an input has reached.
    edges: u64,
    inputs: u64,
    /// The file on which it broke.
    pub(super) finding: Option<String>,
}

impl Figures {
    /// Takes what a line says: of progress, `#4096 pulse cov: 812 ft: 2201 corp: 240/13Kb ..`, of the
    /// end, `stat::average_exec_per_sec: 5120`, or of a finding.
    pub(super) fn read(&mut self, line: &str) {
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.finding = Some(path.trim().to_owned());
        }
        let mut words = line.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let field = match word {
                "cov:" => &mut self.edges,
                "corp:" => &mut self.inputs,
                "stat::number_of_executed_units:" => &mut self.runs,
                "stat::average_exec_per_sec:" => &mut self.per_second,
                _ => continue,
            };
            let number = words.next().and_then(|word| word.split('/').next()?.parse().ok());
            *field = number.unwrap_or(*field);
        }
    }
}

/// One line per target.
pub(super) fn table(all: &[(String, Figures)]) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!("{:<18} {:>10} {:>8} {:>7} {:>7}  finding", "target", "runs", "per s", "edges", "inputs"),
    ];
    for (target, Figures { runs, per_second, edges, inputs, finding }) in all {
        let finding = finding.as_deref().unwrap_or("none");
        lines.push(format!("{target:<18} {runs:>10} {per_second:>8} {edges:>7} {inputs:>7}  {finding}"));
    }
    let found = all.iter().filter(|(_, figures)| figures.finding.is_some()).count();
    lines.push(format!("fuzz: {found} of {} targets broke", all.len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libfuzzer_is_understood() {
        let mut figures = Figures::default();
        for line in [
            "#4096\tpulse  cov: 812 ft: 2201 corp: 240/13Kb lim: 43 exec/s: 2048 rss: 61Mb",
            "#9000\tNEW    cov: 815 ft: 2204 corp: 242/13Kb lim: 43 exec/s: 2048 rss: 61Mb L: 7/43 MS: 1 -",
            "artifact_prefix='findings/'; Test unit written to findings/crash-0a1b",
            "stat::number_of_executed_units: 307200",
            "stat::average_exec_per_sec:     5120",
        ] {
            figures.read(line);
        }
        let finding = Some("findings/crash-0a1b".to_owned());
        assert_eq!(figures, Figures { runs: 307_200, per_second: 5120, edges: 815, inputs: 242, finding });
        expect_test::expect![[r"

            target                   runs    per s   edges  inputs  finding
            authority              307200     5120     815     242  findings/crash-0a1b
            fuzz: 1 of 1 targets broke"]]
        .assert_eq(&table(&[("authority".to_owned(), figures)]).join("\n"));
    }
}
