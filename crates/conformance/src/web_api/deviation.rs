//! Where we answer otherwise on purpose: the rules of `deviations.toml`, and what they mean.
//!
//! A rule says what a request is like, not which one it is, so that it holds for recordings that
//! are not at hand. It excuses only the answer that it names, and never one that lets in what was
//! refused, unless it says that it is kinder.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{recording::Case, situation::Situation, verdict::Verdict};

/// All rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviations {
    deviation: Vec<Deviation>,
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deviation {
    when: String,
    instead: Instead,
    reason: String,
    #[serde(default)]
    kinder: bool,
}

/// What we do instead.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Instead {
    /// The program does not start; the fault is at this path.
    RefusedAtStart(String),
    /// 401 with the error `invalid_token`.
    InvalidToken(Empty),
    /// 401 with a bare challenge.
    NoToken(Empty),
    /// 403: the caller is known.
    Forbidden(Empty),
    /// 503 with `Retry-After`.
    Unavailable(Empty),
    /// The token authenticates, and this is the status.
    Admitted(u16),
}

/// A rule without a parameter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

impl Deviations {
    /// Reads the rules that are part of this program.
    pub(crate) fn read() -> Result<Self> {
        let deviations: Self = toml::from_str(include_str!("deviations.toml"))?;
        for deviation in &deviations.deviation {
            Situation::knows(&deviation.when)
                .then_some(())
                .with_context(|| format!("deviations.toml: nobody knows when \"{}\" is", deviation.when))?;
            (!deviation.reason.trim().is_empty())
                .then_some(())
                .with_context(|| format!("deviations.toml: \"{}\" has no reason", deviation.when))?;
        }
        Ok(deviations)
    }

    /// The rule that asks for our answer.
    pub(crate) fn explain(
        &self,
        situation: &Situation<'_>,
        case: &Case,
        ours: &Verdict,
    ) -> Option<&Deviation> {
        self.deviation.iter().find(|deviation| {
            let lets_in = match deviation.instead {
                Instead::Admitted(_) => case.status >= 400,
                Instead::Forbidden(_) => case.authenticated == Some(false) && case.status >= 400,
                _ => false,
            };
            (deviation.kinder || !lets_in) && deviation.instead.is(ours) && situation.is(&deviation.when)
        })
    }
}

impl Deviation {
    /// What a request is like to which this applies.
    pub(crate) fn when(&self) -> &str {
        &self.when
    }
}

impl Instead {
    fn is(&self, ours: &Verdict) -> bool {
        let answer = match (self, ours) {
            (Self::RefusedAtStart(path), Verdict::RefusedAtStart(fault)) => {
                return fault.faults().iter().any(|fault| fault.at() == Some(path));
            }
            (Self::RefusedAtStart(_), Verdict::Answered(_)) | (_, Verdict::RefusedAtStart(_)) => {
                return false;
            }
            (_, Verdict::Answered(answer)) => answer,
        };
        let is_known = answer.caller.is_some();
        let asks = answer.challenge.as_ref().map(|challenge| challenge.is_invalid_token);
        match self {
            Self::RefusedAtStart(_) => false,
            Self::InvalidToken(_) => answer.status == 401 && asks == Some(true) && !is_known,
            Self::NoToken(_) => answer.status == 401 && asks == Some(false) && !is_known,
            Self::Forbidden(_) => answer.status == 403 && is_known,
            Self::Unavailable(_) => answer.status == 503 && answer.has_retry_after && !is_known,
            Self::Admitted(status) => answer.status == *status && is_known,
        }
    }
}
