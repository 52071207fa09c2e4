//! Everything about a call that configuration gives and a caller may say otherwise.

use std::time::Duration;

use entra_abstractions::{Misconfigured, is_safe};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use crate::{
    path::{RelativePath, append_query},
    place::Place,
};

/// The configured values first; then, for one call, what its caller laid over them.
#[derive(Debug, Clone)]
pub(crate) struct CallOptions {
    pub(crate) place: Place,
    pub(crate) method: Method,
    pub(crate) accept: Option<HeaderValue>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) timeout: Option<Duration>,
}

impl CallOptions {
    /// The URL of a call: base, relative path, the path of the call, then all queries.
    pub(crate) fn url(&self, path: Option<&RelativePath>) -> Url {
        let mut url = self.place.url(path);
        for (name, value) in &self.query {
            append_query(&mut url, name, value);
        }
        url
    }

    /// Gives a parameter of the query; one of that name that was given before is replaced.
    pub(crate) fn set_query(&mut self, name: &str, value: &str) {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.to_owned()));
    }
}

/// Takes the base of an API: an absolute URL to which tokens may be sent.
pub(crate) fn base(text: &str) -> Result<Url, Misconfigured> {
    let refuse = |what: &str, hint: &str| Err(Misconfigured::new(what).hint(hint));
    let Ok(url) = Url::parse(text.trim()) else {
        return refuse("not an absolute URL", "write it as https://api.example.com/v1");
    };
    if !is_safe(&url) {
        return refuse(
            "not an https URL",
            "tokens travel over https only, or over http to this machine itself",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "the URL holds a user name or password",
            "remove it: the token is what proves the caller",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("the URL holds a query or a fragment", "put parameters into ExtraQueryParameters");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_takes_tokens_only_where_they_are_safe() {
        for text in [
            "https://a.example",
            "https://a.example:8443/v1/",
            "http://localhost:1",
            "http://127.0.0.1",
            "http://[::1]:80/x",
        ] {
            assert!(base(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "/api",
            "a.example",
            "http://a.example",
            "ftp://a.example",
            "https://u:s3cret@a.example",
            "https://a.example?x=1",
            "https://a.example#f",
            "http://127.0.0.1.evil.example",
            "data:x",
        ] {
            let error = base(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{text}");
        }
    }
}
