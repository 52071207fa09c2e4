//! Tells how the scenarios went, for a person and, in its last line, for a script.

use std::io::{self, Write};

use super::compare::Difference;

/// How a scenario went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it was recorded.
    Agrees,
    /// As we want it instead, for these reasons.
    Wanted(Vec<String>),
    /// It is not played yet, for this reason.
    Pending(String),
    /// Otherwise.
    Differs(Vec<Difference>),
}

/// How all scenarios went, by name.
#[derive(Debug)]
pub(crate) struct Report(Vec<(String, Verdict)>);

impl Report {
    /// A report on these scenarios.
    pub(crate) fn new(verdicts: Vec<(String, Verdict)>) -> Self {
        Self(verdicts)
    }

    /// Whether nothing differs that is not wanted.
    pub(crate) fn is_green(&self) -> bool {
        !self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Differs(_)))
    }

    /// How one of them went.
    #[cfg(test)]
    pub(crate) fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, verdict)| verdict)
    }

    /// Writes what is not simply as recorded, differences last, and the sum.
    pub(crate) fn print(&self, to: &mut impl Write) -> io::Result<()> {
        let (mut agree, mut wanted, mut pending, mut differ) = (0, 0, 0, 0);
        for (name, verdict) in &self.0 {
            match verdict {
                Verdict::Agrees => agree += 1,
                Verdict::Wanted(reasons) => {
                    wanted += 1;
                    writeln!(to, "wanted difference  {name}: {}", reasons.join("; "))?;
                }
                Verdict::Pending(reason) => {
                    pending += 1;
                    writeln!(to, "pending            {name}: {reason}")?;
                }
                Verdict::Differs(_) => differ += 1,
            }
        }
        for (name, verdict) in &self.0 {
            if let Verdict::Differs(differences) = verdict {
                writeln!(to, "differs            {name}")?;
                for Difference { place, expected, ours } in differences {
                    writeln!(to, "    {place}\n        expected: {expected}\n        ours:     {ours}")?;
                }
            }
        }
        writeln!(to, "agree {agree}, wanted difference {wanted}, pending {pending}, differ {differ}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_for_scripts() {
        let report = Report::new(vec![
            ("A01".into(), Verdict::Agrees),
            ("A04".into(), Verdict::Wanted(vec!["better".into()])),
            ("F01".into(), Verdict::Pending("later".into())),
            ("B01".into(), Verdict::Differs(vec![Difference::new("step 1, result", "at-1", "at-2")])),
        ]);
        let mut text = Vec::new();
        report.print(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with("\nagree 1, wanted difference 1, pending 1, differ 1\n"));
        assert!(text.contains("B01\n    step 1, result\n        expected: at-1\n        ours:     at-2\n"));
        assert!(!report.is_green());
    }
}
