//! One row of the catalogue: what happens, and what holds it, or why nothing does.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::evidence::{Evidence, Proof};

/// What is still to be built, as rows name it.
const PARTS: &[&str] = &["Graph client", "bound tokens", "sidecar", "token decryption", "web app"];

/// A file of rows.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    pub(super) title: String,
    pub(super) about: String,
    #[serde(flatten)]
    pub(super) rows: BTreeMap<String, WrittenRow>,
}

/// A row as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRow {
    says: String,
    here: Option<String>,
    held_by: Option<Vec<String>>,
    not_in_rust: Option<String>,
    waits_for: Option<String>,
}

/// A row whose references have been followed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// What happens.
    pub(crate) says: String,
    /// What we do instead, where we differ.
    pub(crate) here: Option<String>,
    pub(crate) standing: Standing,
}

/// How a row stands.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It happens here, and these say so if it does not.
    Held(Vec<Proof>),
    /// It makes no sense here, for this reason.
    NotInRust(String),
    /// It comes with this part.
    Waits(String),
}

impl Written {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().replace('\n', " "))
    }
}

impl Row {
    pub(super) fn read(id: String, row: &WrittenRow, evidence: &Evidence<'_>) -> Result<Self, String> {
        let standing = match (&row.held_by, &row.not_in_rust, &row.waits_for) {
            (Some(names), None, None) => {
                let proofs: Result<Vec<_>, _> = names.iter().map(|name| evidence.find(name)).collect();
                Standing::Held(proofs.map_err(|what| format!("{id}: {what}"))?)
            }
            (None, Some(why), None) => Standing::NotInRust(why.clone()),
            (None, None, Some(part)) => Standing::Waits(part.clone()),
            _ => return Err(format!("{id}: wants one of held_by, not_in_rust, waits_for")),
        };
        let flaw = match &standing {
            _ if row.says.trim().is_empty() => "says nothing".to_owned(),
            Standing::Held(proofs) if proofs.is_empty() => "held_by is empty".to_owned(),
            Standing::NotInRust(why) if why.trim().is_empty() => "not_in_rust gives no reason".to_owned(),
            Standing::Waits(part) if !PARTS.contains(&part.as_str()) => {
                format!("waits for {part:?}, which is no part of the plan")
            }
            Standing::Held(_) | Standing::NotInRust(_) | Standing::Waits(_) => {
                return Ok(Self { id, says: row.says.clone(), here: row.here.clone(), standing });
            }
        };
        Err(format!("{id}: {flaw}"))
    }
}
