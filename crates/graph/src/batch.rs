//! Several requests in one (`$batch`): split where there are too many, and those that were throttled
//! sent again. <https://learn.microsoft.com/graph/json-batching>

mod answers;
mod groups;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{GraphCall, GraphCaller, GraphError, call::JSON, query, retry};

pub use answers::BatchAnswers;
use answers::{Answer, Answers};
use groups::groups;

/// Requests that are sent together, twenty at a time. Some may fail where others succeed.
///
/// ```no_run
/// # async fn example(graph: entra_graph::Graph, user: entra_abstractions::UserAssertion) -> Result<(), entra_graph::GraphError> {
/// # #[derive(serde::Deserialize)] struct User { id: String }
/// let me = graph.on_behalf_of(&user);
/// let mut batch = me.batch();
/// let profile = batch.add(me.get("me").select(["id"]));
/// let mail = batch.add(me.get("me/messages").top(5));
/// let answers = batch.send().await?;
/// let profile: User = answers.json(profile)?;
/// match answers.json::<serde_json::Value>(mail) {
///     Err(error) if error.status().is_some_and(|status| status == 403) => { /* no mail then */ }
///     mail => drop(mail?),
/// }
/// # drop(profile.id);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "BatchRequestContent")]
#[derive(Debug)]
#[must_use = "a batch is sent by `send`"]
pub struct Batch {
    caller: GraphCaller,
    asked: Vec<Asked>,
}

/// A request of a batch, by which its answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId(usize);

#[derive(Debug)]
struct Asked {
    call: GraphCall,
    after: Vec<usize>,
}

/// One request as it stands in a batch.
#[derive(Serialize)]
struct Written {
    id: String,
    method: String,
    url: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(rename = "dependsOn", skip_serializing_if = "Vec::is_empty")]
    after: Vec<String>,
}

impl Batch {
    pub(crate) fn new(caller: GraphCaller) -> Self {
        Self { caller, asked: Vec::new() }
    }

    /// Adds a request. It goes out with the token of the batch, whoever made it.
    pub fn add(&mut self, call: GraphCall) -> BatchId {
        self.add_after(call, [])
    }

    /// Adds a request that is carried out when others have succeeded (`dependsOn`).
    pub fn add_after(&mut self, call: GraphCall, after: impl IntoIterator<Item = BatchId>) -> BatchId {
        let after = after.into_iter().map(|BatchId(at)| at).filter(|at| *at < self.asked.len()).collect();
        self.asked.push(Asked { call, after });
        BatchId(self.asked.len() - 1)
    }

    /// Sends them. Those that are throttled, or fail for a while and may be repeated, are sent again,
    /// with those that wait for them.
    ///
    /// # Errors
    /// [`GraphError`] when nothing at all was answered. Where a later part of a long batch failed, the
    /// answers before it are there, and [`BatchAnswers::broken`] says why the others are not.
    pub async fn send(self) -> Result<BatchAnswers, GraphError> {
        let written: Vec<Written> =
            self.asked.iter().enumerate().map(|(at, asked)| asked.written(at)).collect::<Result<_, _>>()?;
        let after: Vec<Vec<usize>> = self.asked.iter().map(|asked| asked.after.clone()).collect();
        let mut answers = Answers::of(self.asked.len());
        let mut pending: Vec<usize> = (0..self.asked.len()).collect();
        for tried in 1.. {
            for group in groups(&pending, &after)? {
                if let Err(error) = self.ask(&written, &group, &mut answers).await {
                    return if answers.are_none() { Err(error) } else { Ok(answers.broken_by(error)) };
                }
            }
            let (again, time) = self.again(&pending, &answers, tried);
            if again.is_empty() {
                break;
            }
            retry::wait(time).await;
            pending = again;
        }
        Ok(answers.whole())
    }

    async fn ask(
        &self,
        written: &[Written],
        group: &[usize],
        answers: &mut Answers,
    ) -> Result<(), GraphError> {
        // What is not sent along has been answered before: nothing waits for it any longer.
        let requests: Vec<Value> = group
            .iter()
            .filter_map(|at| written.get(*at))
            .map(|request| {
                let mut request = serde_json::to_value(request).unwrap_or_default();
                if let Some(Value::Array(after)) = request.get_mut("dependsOn") {
                    after.retain(|id| group.iter().any(|at| id.as_str() == Some(&at.to_string())));
                }
                request
            })
            .collect();
        let body = serde_json::json!({"requests": requests});
        answers.take(self.caller.post("$batch").json_body(&body).json().await?);
        Ok(())
    }

    /// Which to send again, and after what time.
    fn again(&self, pending: &[usize], answers: &Answers, tried: u32) -> (Vec<usize>, std::time::Duration) {
        let (mut again, mut longest) = (Vec::new(), std::time::Duration::ZERO);
        for &at in pending {
            let (Some(asked), Some(answer)) = (self.asked.get(at), answers.get(at)) else { continue };
            let Answer { status, retry_after, .. } = answer;
            if let Some(time) = retry::after(&asked.call.method, *status, *retry_after, tried) {
                longest = longest.max(time);
                again.push(at);
            } else if *status == StatusCode::FAILED_DEPENDENCY
                && asked.after.iter().any(|before| again.contains(before))
            {
                again.push(at);
            }
        }
        (again, longest)
    }
}

impl Asked {
    fn written(&self, at: usize) -> Result<Written, GraphError> {
        let call = &self.call;
        if let Some(fault) = call.refused() {
            return Err(GraphError::Call(fault.clone().into()));
        }
        let mut headers: Map<String, Value> =
            call.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let body = match &call.body {
            None => None,
            Some(content) if content.media_type == JSON => {
                headers.insert("Content-Type".to_owned(), Value::from(JSON));
                serde_json::from_slice(&content.bytes).ok()
            }
            Some(_) => {
                return Err(GraphError::misconfigured(
                    "a request of a batch has a body that is not JSON",
                    "send it by itself",
                ));
            }
        };
        let path = call.path.trim_start_matches('/');
        let url = match (query::written(&call.query), path.contains('?')) {
            (query, _) if query.is_empty() => format!("/{path}"),
            (query, false) => format!("/{path}?{query}"),
            (query, true) => format!("/{path}&{query}"),
        };
        let after = self.after.iter().map(ToString::to_string).collect();
        Ok(Written { id: at.to_string(), method: call.method.to_string(), url, headers, body, after })
    }
}
