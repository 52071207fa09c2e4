//! Bodies: what is sent, and what is read back, never more than was agreed.

use bytes::Bytes;
use http::{HeaderValue, header};
use reqwest::Request;

use crate::options::CallOptions;

/// What a call sends.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Json(Bytes),
    Text(Bytes),
    Bytes(HeaderValue, Bytes),
    Stream(HeaderValue, reqwest::Body),
}

impl Body {
    /// Puts the body into a request. A second time gives the same request again, but for a stream,
    /// which is gone: ask [`is_repeatable`](Self::is_repeatable) first.
    #[inline]
    pub(crate) fn attach(&mut self, request: &mut Request, options: &CallOptions) {
        if !matches!(self, Self::Empty) {
            self.put(request, options);
        }
    }

    fn put(&mut self, request: &mut Request, options: &CallOptions) {
        let configured = options.content_type.clone();
        let (media, body) = match self {
            Self::Empty => return,
            // Unlike .NET: what is configured as ContentType is sent, with JSON too.
            Self::Json(bytes) => (configured.unwrap_or(JSON), bytes.clone().into()),
            Self::Text(bytes) => (configured.unwrap_or(TEXT), bytes.clone().into()),
            Self::Bytes(media, bytes) => (media.clone(), bytes.clone().into()),
            Self::Stream(media, stream) => (media.clone(), std::mem::take(stream)),
        };
        request.headers_mut().append(header::CONTENT_TYPE, media);
        *request.body_mut() = Some(body);
    }

    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Empty | Self::Json(_) | Self::Text(_) | Self::Bytes(..) => true,
            Self::Stream(..) => false,
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A body that was read, and whether that is all of it.
pub(crate) struct Read {
    pub(crate) bytes: Bytes,
    pub(crate) is_whole: bool,
}

/// Reads a body up to a limit. The time for it is part of the call's.
pub(crate) async fn read(response: &mut reqwest::Response, limit: usize) -> Result<Read, reqwest::Error> {
    // Most bodies are one chunk, which is not copied.
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    let mut is_whole = true;
    // One place to wait, whichever chunk it is for: what a call walks through is what it costs.
    while is_whole && let Some(mut chunk) = response.chunk().await? {
        let room = limit - first.len() - rest.len();
        if chunk.len() > room {
            chunk.truncate(room);
            is_whole = false;
        }
        if first.is_empty() {
            first = chunk;
        } else {
            rest.extend_from_slice(&chunk);
        }
    }
    let bytes = if rest.is_empty() { first } else { [&*first, &*rest].concat().into() };
    Ok(Read { bytes, is_whole })
}
