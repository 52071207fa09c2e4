//! Does the work, when the user is gone: it has the row, and by the row's key their session.

use entra_abstractions::{Misconfigured, TokenError};
use entra_downstream_api::{Api, CallError};
use entra_settings::Settings;
use entra_token_acquisition::TokenAcquirer;
use serde_json::Value;

use crate::{
    partner,
    queue::{Queue, Row, Status},
};

/// A background worker; any number of them may share a queue's table and a store.
#[derive(Debug)]
pub struct Worker {
    partner: Api,
    tokens: TokenAcquirer,
    queue: Queue,
}

impl Worker {
    /// A worker of this queue.
    ///
    /// # Errors
    /// [`Misconfigured`] tells everything that is wrong with the settings, each with its place.
    pub fn new(settings: &Settings, tokens: &TokenAcquirer, queue: &Queue) -> Result<Self, Misconfigured> {
        Ok(Self { partner: partner(settings, tokens)?, tokens: tokens.clone(), queue: queue.clone() })
    }

    /// Takes up every work item once, and says how many are left open.
    pub async fn work_once(&self) -> usize {
        for mut row in self.queue.open() {
            match self.work_on(&mut row).await {
                Ok(result) => row.status = Status::Done(result),
                // Nobody is here who could be asked: it is for the user to see when they come back.
                Err(CallError::Token { error: TokenError::InteractionRequired(error), .. }) => {
                    tracing::warn!(process = row.id, lost = ?error.lost_session(), "the user must call again");
                    row.status = Status::UserMustCallAgain(error.scopes().as_str().to_owned());
                }
                // Nobody need act: it stays open, and is taken up again.
                Err(CallError::Token { error: TokenError::Unavailable(error), .. }) => {
                    tracing::warn!(process = row.id, %error, "later");
                }
                Err(error) => {
                    tracing::error!(process = row.id, %error, "given up");
                    row.status = Status::Failed;
                }
            }
            self.queue.update(&row);
        }
        self.queue.open().len()
    }

    async fn work_on(&self, row: &mut Row) -> Result<Value, CallError> {
        let key = row.session_key().map_err(TokenError::from)?;
        let api = self.partner.for_session(&key);
        let data = match &row.data {
            Some(data) => data.clone(),
            None => api.get("api/process/data").json().await?,
        };
        let result = api.post("api/process/complete").json_body(&data).json().await?;
        // What is done needs the user's session no longer.
        self.tokens.end_session(&key).await?;
        Ok(result)
    }
}
