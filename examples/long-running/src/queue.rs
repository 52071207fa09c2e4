//! The queue of work: a table whose rows outlive the worker. In production it is a database's, or a
//! broker's messages; what matters is that the session's key stands in the row.

use std::sync::{Arc, Mutex, PoisonError};

use entra_abstractions::{Misconfigured, SessionKey};
use serde::Serialize;
use serde_json::Value;

/// One work item.
#[derive(Debug, Clone)]
pub struct Row {
    /// The id of the process.
    pub id: String,
    /// The object id of the user for whom it is done.
    pub owner: String,
    /// The exposed key of the user's session: guard it as you guard the users' data.
    session_key: KeyColumn,
    /// What was read so far.
    pub data: Option<Value>,
    /// How it stands.
    pub status: Status,
}

/// A column of text that no log prints.
#[derive(Clone)]
struct KeyColumn(String);

impl std::fmt::Debug for KeyColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How a work item stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Nobody has finished it.
    Started,
    /// It is done, and this came of it.
    Done(Value),
    /// The session is over: the user must call again, with a token for these scopes.
    UserMustCallAgain(String),
    /// It cannot be done.
    Failed,
}

impl Row {
    /// Work that begins.
    pub fn new(id: &str, owner: String, key: &SessionKey, data: Option<Value>) -> Self {
        let session_key = KeyColumn(key.expose().to_owned());
        Self { id: id.to_owned(), owner, session_key, data, status: Status::Started }
    }

    /// The key of the user's session, as the row has it.
    ///
    /// # Errors
    /// [`Misconfigured`] when the row holds something else.
    pub fn session_key(&self) -> Result<SessionKey, Misconfigured> {
        self.session_key.0.parse()
    }
}

/// The table.
#[derive(Debug, Clone, Default)]
pub struct Queue(Arc<Mutex<Vec<Row>>>);

impl Queue {
    /// Adds a work item.
    pub fn add(&self, row: Row) {
        self.with(|rows| rows.push(row));
    }

    /// The work item with this id.
    pub fn row(&self, id: &str) -> Option<Row> {
        self.with(|rows| rows.iter().find(|row| row.id == id).cloned())
    }

    /// All that nobody has finished.
    pub fn open(&self) -> Vec<Row> {
        self.with(|rows| rows.iter().filter(|row| row.status == Status::Started).cloned().collect())
    }

    /// Writes a work item back.
    pub fn update(&self, row: &Row) {
        self.with(|rows| rows.iter_mut().filter(|old| old.id == row.id).for_each(|old| old.clone_from(row)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Row>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
