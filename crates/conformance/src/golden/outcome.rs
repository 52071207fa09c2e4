//! What a call came to: a header, a token, an answer, or a failure. Results that were recorded and
//! ours are brought into the same form.

use std::{collections::BTreeSet, error::Error};

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// What a step of ours came to.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// A header, a token, an answer: as the recording writes it.
    Done(Value),
    /// A typed error.
    Failed(Failure),
}

/// A typed error of ours: who must act, and what Entra said where it said something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure {
    /// The error and the errors underneath it.
    pub(crate) text: String,
    pub(crate) refusal: Refusal,
}

/// What Entra, the metadata service or an API said when it refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) aadsts: BTreeSet<u32>,
    pub(crate) claims: Option<Value>,
}

impl Failure {
    /// A failure with the whole chain of its texts.
    pub(crate) fn new(error: &dyn Error, refusal: Refusal) -> Self {
        let mut text = error.to_string();
        let mut link = error.source();
        while let Some(source) = link {
            text.push_str(": ");
            text.push_str(&source.to_string());
            link = source.source();
        }
        Self { text, refusal }
    }
}

/// What a step must come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expected {
    /// This header, token or answer.
    Done(Value),
    /// A typed error.
    Failed {
        /// What the failure must repeat, where somebody else refused.
        said: Option<Said>,
        /// Words that the error's text must hold.
        names: Vec<String>,
    },
}

/// What a failure must repeat of a refusal that came over the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    /// All that Entra said.
    Entra(Refusal),
    /// The status with which an API answered.
    Api(Option<u16>),
}

impl Expected {
    /// Reads a result as recordings and deviations write it. `scripted` are the OAuth errors that
    /// the script of the scenario answers: other codes are inventions of the recorded library.
    pub(crate) fn read(result: &Value, scripted: &BTreeSet<String>) -> Result<Self> {
        if let Some(error) = result.get("error") {
            let names = error.get("names").and_then(Value::as_array).into_iter().flatten();
            return Ok(Self::Failed {
                said: said_in(error, scripted),
                names: names.filter_map(Value::as_str).map(str::to_owned).collect(),
            });
        }
        let known = ["header", "access_token", "token", "status", "value"];
        if !known.iter().any(|name| result.get(name).is_some()) {
            bail!("a result of no known form: {result}");
        }
        Ok(Self::Done(result.clone()))
    }
}

/// The innermost error that carries a status is the one that came over the wire; one without was
/// made by the recorded library itself.
fn said_in(error: &Value, scripted: &BTreeSet<String>) -> Option<Said> {
    let inner = error.pointer("/inner/error").and_then(|inner| said_in(inner, scripted));
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    inner.or_else(|| {
        let status = error.get("status")?.as_u64().filter(|status| *status > 0)?;
        let status = u16::try_from(status).ok();
        let Some(code) = text("error_code") else { return Some(Said::Api(status)) };
        Some(Said::Entra(Refusal {
            status,
            error: scripted.contains(code).then(|| code.to_owned()),
            aadsts: aadsts_in(text("message").unwrap_or_default()),
            claims: text("claims").and_then(|claims| serde_json::from_str(claims).ok()),
        }))
    })
}

fn aadsts_in(text: &str) -> BTreeSet<u32> {
    text.split("AADSTS")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        })
        .collect()
}

impl Refusal {
    /// For reports.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "status": self.status,
            "error": self.error,
            "aadsts": self.aadsts,
            "claims": self.claims,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_status_is_the_refusal() {
        let recorded = json!({"error": {"type": "Outer", "inner": {"error": {
            "error_code": "invalid_grant", "status": 400, "message": "AADSTS65001: no consent.",
            "claims": "{\"x\":1}"}}}});
        let scripted = BTreeSet::from(["invalid_grant".to_owned()]);
        let expected = Expected::read(&recorded, &scripted).unwrap();
        let refusal = Refusal {
            status: Some(400),
            error: Some("invalid_grant".into()),
            aadsts: BTreeSet::from([65001]),
            claims: Some(json!({"x": 1})),
        };
        assert_eq!(expected, Expected::Failed { said: Some(Said::Entra(refusal)), names: vec![] });
    }

    #[test]
    fn what_the_library_refused_by_itself_is_any_failure() {
        let any = Expected::Failed { said: None, names: vec![] };
        for recorded in [
            json!({"error": {"type": "A", "message": "x", "error_code": "no_client_id"}}),
            json!({"error": {"type": "A", "inner": {"error": {"error_code": "user_null", "status": 0}}}}),
        ] {
            assert_eq!(Expected::read(&recorded, &BTreeSet::new()).unwrap(), any);
        }
        assert!(Expected::read(&json!({"surprise": 1}), &BTreeSet::new()).is_err());
    }
}
