//! One request to Graph: what is asked, how it is narrowed down, and what is wanted back.

use bytes::Bytes;
use entra_abstractions::TokenRequest;
use entra_downstream_api::{Misconfigured, Response};
use http::Method;
use serde::{Serialize, de::DeserializeOwned};

use crate::{GraphCaller, GraphError, Pages, query, retry};

/// A request that is about to be made. What cannot be sent is told when it is.
///
/// A request that Graph throttles (429) is sent again when Graph says, and so is one that failed for
/// a while (503, 504) where it may be repeated; four times at most, and never after more than a
/// minute.
#[derive(Debug, Clone)]
#[must_use = "a request is made by `json`, `pages`, `empty` or `send`"]
pub struct GraphCall {
    caller: GraphCaller,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Content>,
    refused: Option<Misconfigured>,
}

#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

pub(crate) const JSON: &str = "application/json";

impl GraphCall {
    pub(crate) fn new(caller: GraphCaller, method: Method, path: &str) -> Self {
        let path = path.to_owned();
        Self { caller, method, path, query: Vec::new(), headers: Vec::new(), body: None, refused: None }
    }

    /// Wants these properties only (`$select`).
    pub fn select<S: AsRef<str>>(self, properties: impl IntoIterator<Item = S>) -> Self {
        self.query("$select", query::list(properties))
    }

    /// Wants these relations, too (`$expand`), such as `manager` or `members($select=id)`.
    pub fn expand<S: AsRef<str>>(self, relations: impl IntoIterator<Item = S>) -> Self {
        self.query("$expand", query::list(relations))
    }

    /// Wants what fulfils this only (`$filter`). Put what somebody typed in through
    /// [`quoted`](crate::quoted).
    pub fn filter(self, expression: impl AsRef<str>) -> Self {
        self.query("$filter", expression)
    }

    /// Wants it in this order (`$orderby`), such as `displayName desc`.
    pub fn order_by<S: AsRef<str>>(self, properties: impl IntoIterator<Item = S>) -> Self {
        self.query("$orderby", query::list(properties))
    }

    /// Wants so many at once (`$top`); [`pages`](Self::pages) get the others.
    pub fn top(self, number: u32) -> Self {
        self.query("$top", number.to_string())
    }

    /// Leaves out the first ones (`$skip`).
    pub fn skip(self, number: u32) -> Self {
        self.query("$skip", number.to_string())
    }

    /// Searches (`$search`), such as `"displayName:Ada"` with its quotes; with eventual consistency,
    /// which Graph demands for it.
    pub fn search(self, expression: impl AsRef<str>) -> Self {
        self.query("$search", expression).eventual()
    }

    /// Wants to know how many there are in all (`$count=true`).
    pub fn count(self) -> Self {
        self.query("$count", "true")
    }

    /// Accepts an index that lags behind a little (`ConsistencyLevel: eventual`): what advanced
    /// queries of the directory need.
    pub fn eventual(self) -> Self {
        self.header("ConsistencyLevel", "eventual")
    }

    /// Gives a parameter of the query, percent-encoded here; one of that name that was given before
    /// is replaced.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.query.retain(|(known, _)| known != name.as_ref());
        self.query.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Gives a header, such as `Prefer` or `If-Match`; one of that name that was given before is
    /// replaced.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name.as_ref()));
        self.headers.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sends this value as JSON.
    pub fn json_body<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body = Some(Content { media_type: JSON.to_owned(), bytes: json.into() }),
            // The writer's own message may repeat what is in the value.
            Err(_) => {
                self.refused.get_or_insert(Misconfigured::new("the body cannot be written as JSON"));
            }
        }
        self
    }

    /// Sends these bytes; content of more than 4 MB goes by an
    /// [upload session](GraphCaller::upload_session).
    pub fn bytes_body(mut self, media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        self.body = Some(Content { media_type: media_type.into(), bytes: bytes.into() });
        self
    }

    /// Makes the request and reads the answer's JSON.
    ///
    /// # Errors
    /// [`GraphError::Refused`] when Graph refuses; [`GraphError::Call`] when there is no token, which
    /// says who must act, no connection, or no JSON of that shape.
    #[doc(alias = "GetAsync")]
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, GraphError> {
        Ok(self.send().await?.error_for_status().await?.json().await?)
    }

    /// Makes the request for its effect.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub async fn empty(self) -> Result<(), GraphError> {
        Ok(self.send().await?.error_for_status().await.map(drop)?)
    }

    /// Makes the request and reads the answer's bytes: a photo, the content of a file.
    ///
    /// # Errors
    /// As [`json`](Self::json); [`GraphError::Call`] for more than 16 MiB, which
    /// [`send`](Self::send) gives in chunks.
    pub async fn bytes(self) -> Result<Bytes, GraphError> {
        Ok(self.send().await?.error_for_status().await?.bytes().await?)
    }

    /// Makes the request. The answer is returned whatever its status is.
    ///
    /// # Errors
    /// [`GraphError::Call`] when it cannot be sent, there is no token, or no connection.
    pub async fn send(self) -> Result<Response, GraphError> {
        if let Some(fault) = self.refused {
            return Err(GraphError::Call(fault.into()));
        }
        let mut tried = 0;
        loop {
            tried += 1;
            let response = self.call().send().await?;
            let said = retry::said(response.headers());
            match retry::after(&self.method, response.status(), said, tried) {
                None => return Ok(response),
                Some(time) => {
                    drop(response);
                    retry::wait(time).await;
                }
            }
        }
    }

    /// Makes the request, and follows the links to the next pages as they are asked for.
    #[doc(alias = "PageIterator")]
    pub fn pages<T: DeserializeOwned>(self) -> Pages<T> {
        Pages::first(self)
    }

    pub(crate) fn caller(&self) -> &GraphCaller {
        &self.caller
    }

    pub(crate) fn refused(&self) -> Option<&Misconfigured> {
        self.refused.as_ref()
    }

    fn call(&self) -> entra_downstream_api::Call {
        let mut call = self.caller.caller().method(self.method.clone(), &self.path);
        for (name, value) in &self.query {
            call = call.query(name, value);
        }
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        match &self.body {
            Some(content) => call.bytes_body(&content.media_type, content.bytes.clone()),
            None => call,
        }
    }
}

/// So that whatever can be said of a token request can be said of a request to Graph.
impl AsMut<TokenRequest> for GraphCall {
    fn as_mut(&mut self) -> &mut TokenRequest {
        self.caller.as_mut()
    }
}
