//! What the requests of a batch were answered, each by itself.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::BatchId;
use crate::{GraphError, Refusal, retry};

/// The answers of a batch.
#[doc(alias = "BatchResponseContent")]
#[derive(Debug)]
pub struct BatchAnswers {
    answers: Vec<Option<Answer>>,
    broken: Option<GraphError>,
}

/// While they come.
pub(super) struct Answers(Vec<Option<Answer>>);

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    body: Value,
}

/// The answer to a batch as it comes.
#[derive(Deserialize)]
pub(super) struct Came {
    responses: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
}

impl Answers {
    pub(super) fn of(number: usize) -> Self {
        Self((0..number).map(|_| None).collect())
    }

    /// Takes what came; answers to what nobody asked are passed over.
    pub(super) fn take(&mut self, came: Came) {
        for One { id, status, headers, body } in came.responses {
            let slot = id.parse().ok().and_then(|at: usize| self.0.get_mut(at));
            if let (Some(slot), Ok(status)) = (slot, StatusCode::from_u16(status)) {
                let said = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
                let retry_after = said.and_then(|(_, value)| retry::seconds(value));
                *slot = Some(Answer { status, retry_after, body });
            }
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<&Answer> {
        self.0.get(at)?.as_ref()
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(super) fn whole(self) -> BatchAnswers {
        BatchAnswers { answers: self.0, broken: None }
    }

    pub(super) fn broken_by(self, error: GraphError) -> BatchAnswers {
        BatchAnswers { answers: self.0, broken: Some(error) }
    }
}

impl BatchAnswers {
    /// What a request was answered, as JSON. One without a body is `null`.
    ///
    /// # Errors
    /// [`GraphError::Refused`] with what Graph said of this request; [`GraphError::Call`] when it was
    /// not answered, or with JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self, id: BatchId) -> Result<T, GraphError> {
        let Some(answer) = self.get(id) else {
            return Err(GraphError::misconfigured(
                "a request of the batch was not answered",
                "BatchAnswers::broken says why; ask the batch that gave the id",
            ));
        };
        if !answer.status.is_success() {
            return Err(GraphError::Refused(Refusal::of_batch(
                answer.status,
                &answer.body,
                answer.retry_after,
            )));
        }
        T::deserialize(&answer.body).map_err(|_shape| {
            // The parser's own message repeats values of the body.
            GraphError::misconfigured(
                "a request of the batch was answered with JSON of another shape",
                "ask for the type that Graph documents",
            )
        })
    }

    /// With which status a request was answered, where it was.
    pub fn status(&self, id: BatchId) -> Option<StatusCode> {
        self.get(id).map(|answer| answer.status)
    }

    /// Why some of the requests were not answered, where a later part of the batch failed as a whole.
    pub fn broken(&self) -> Option<&GraphError> {
        self.broken.as_ref()
    }

    fn get(&self, BatchId(at): BatchId) -> Option<&Answer> {
        self.answers.get(at)?.as_ref()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
