//! One call: verb, path, query, headers, body, and what is wanted back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use entra_abstractions::{Misconfigured, TokenRequest};
use http::Method;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Api, CallError, Response, body::Body, execute::execute, header, options::CallOptions, path::RelativePath,
};

/// A call that is about to be made. What cannot be sent is told when it is.
#[derive(Debug)]
#[must_use = "a call is made by `send`, `json` or `empty`"]
pub struct Call {
    pub(crate) api: Api,
    pub(crate) options: Arc<CallOptions>,
    pub(crate) request: Arc<TokenRequest>,
    pub(crate) method: Method,
    pub(crate) path: Option<RelativePath>,
    pub(crate) body: Body,
    pub(crate) refused: Option<Misconfigured>,
}

impl Call {
    /// Gives a parameter of the query, percent-encoded here. One of that name that was configured
    /// or given before is replaced.
    pub fn query(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.options).set_query(name.as_ref(), value.as_ref());
        self
    }

    /// Gives a header. Reserved ones are not sent: `Authorization`, and those that belong to the
    /// connection or to the proxies in front of an API.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let added = header::add(&mut Arc::make_mut(&mut self.options).headers, name.as_ref(), value.as_ref());
        self.note(added)
    }

    /// Asks for another media type than `application/json`, or the configured one.
    pub fn accept(mut self, media_type: impl AsRef<str>) -> Self {
        match header::value_of("accept", media_type.as_ref()) {
            Ok(value) => Arc::make_mut(&mut self.options).accept = Some(value),
            Err(fault) => return self.note(Err(fault)),
        }
        self
    }

    /// Gives up after this time, body included, instead of the configured one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.options).timeout = Some(timeout);
        self
    }

    /// Sends this value as JSON.
    pub fn json_body<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body = Body::Json(json.into()),
            // The writer's own message may repeat what is in the value.
            Err(_) => return self.note(Err(Misconfigured::new("the body cannot be written as JSON"))),
        }
        self
    }

    /// Sends this text as it is: it is not quoted as JSON.
    // Unlike .NET: a text is not turned into a JSON string because JSON is the configured type.
    pub fn text_body(mut self, text: impl Into<String>) -> Self {
        self.body = Body::Text(text.into().into());
        self
    }

    /// Sends these bytes.
    pub fn bytes_body(mut self, content_type: impl AsRef<str>, bytes: impl Into<Bytes>) -> Self {
        match header::value_of("content-type", content_type.as_ref()) {
            Ok(media) => self.body = Body::Bytes(media, bytes.into()),
            Err(fault) => return self.note(Err(fault)),
        }
        self
    }

    /// Sends a body that can be sent once only. A claims challenge is not answered then: the call
    /// comes back with the 401.
    pub fn stream_body(mut self, content_type: impl AsRef<str>, stream: impl Into<reqwest::Body>) -> Self {
        match header::value_of("content-type", content_type.as_ref()) {
            Ok(media) => self.body = Body::Stream(media, stream.into()),
            Err(fault) => return self.note(Err(fault)),
        }
        self
    }

    /// Makes the call. The answer is returned whatever its status is; a 401 with a claims challenge
    /// has been answered once with a new token before that.
    ///
    /// # Errors
    /// [`CallError::Token`] when there is no token: it says who must act. [`CallError::Refused`]
    /// when the call cannot be sent: the developer. [`CallError::Transport`] when the API cannot be
    /// reached.
    #[doc(alias = "CallApiAsync")]
    #[doc(alias = "CallApiForUserAsync")]
    #[doc(alias = "CallApiForAppAsync")]
    pub async fn send(mut self) -> Result<Response, CallError> {
        execute(&mut self).await
    }

    /// Makes the call and reads the answer's JSON. An empty body is `null`.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`CallError::Status`] for another status than 2xx, or
    /// [`CallError::Token`] where that says that the user must consent or sign in again;
    /// [`CallError::Decode`] for a body of another kind or shape.
    #[doc(alias = "GetForUserAsync")]
    #[doc(alias = "GetForAppAsync")]
    #[doc(alias = "PostForUserAsync")]
    pub fn json<T: DeserializeOwned>(self) -> impl Future<Output = Result<T, CallError>> + use<T> {
        let mut call = self;
        // No `async fn`: that copies what it is given once more.
        async move {
            let mut response = execute(&mut call).await?;
            if response.status().is_success() {
                response.read_json().await
            } else {
                Err(Box::pin(response.into_error()).await)
            }
        }
    }

    /// Makes the call for its effect; a body is not read.
    ///
    /// # Errors
    /// As [`send`](Self::send), and for another status than 2xx as [`json`](Self::json).
    pub async fn empty(mut self) -> Result<(), CallError> {
        execute(&mut self).await?.error_for_status().await.map(drop)
    }

    fn note(mut self, result: Result<(), Misconfigured>) -> Self {
        if let Err(fault) = result {
            self.refused.get_or_insert(fault);
        }
        self
    }
}

/// So that whatever can be said of a token request can be said of a call.
impl AsMut<TokenRequest> for Call {
    fn as_mut(&mut self) -> &mut TokenRequest {
        Arc::make_mut(&mut self.request)
    }
}
