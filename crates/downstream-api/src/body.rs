//! Bodies: what is sent, and what is read back, never more than was agreed.

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use reqwest::RequestBuilder;

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
    pub(crate) fn attach(&mut self, request: RequestBuilder, options: &CallOptions) -> RequestBuilder {
        let with = |request: RequestBuilder, media: &HeaderValue| request.header(header::CONTENT_TYPE, media);
        let configured = options.content_type.as_ref();
        match self {
            Self::Empty => request,
            // Unlike .NET: what is configured as ContentType is sent, with JSON too.
            Self::Json(bytes) => with(request, configured.unwrap_or(&JSON)).body(bytes.clone()),
            Self::Text(bytes) => with(request, configured.unwrap_or(&TEXT)).body(bytes.clone()),
            Self::Bytes(media, bytes) => with(request, media).body(bytes.clone()),
            Self::Stream(media, stream) => {
                let request = with(request, media);
                request.body(std::mem::take(stream))
            }
        }
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
    let mut all = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - all.len();
        if chunk.len() > room {
            all.extend_from_slice(chunk.get(..room).unwrap_or_default());
            return Ok(Read { bytes: all.freeze(), is_whole: false });
        }
        all.extend_from_slice(&chunk);
    }
    Ok(Read { bytes: all.freeze(), is_whole: true })
}
