//! Joins a relative path to the base of an API, and sees to it that the result stays below it.
//!
//! In: what configuration or a caller wrote. Out: a URL of the same origin, below the base's path.

use std::{borrow::Cow, iter};

use entra_abstractions::Misconfigured;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// A path below an API's base, with its own query, if it has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RelativePath {
    path: String,
    query: Option<String>,
    is_plain: bool,
}

impl RelativePath {
    /// Takes `items/7`, `/items/7` or `items?page=2`.
    ///
    /// Whatever could leave the base is refused, also where it is percent-encoded, since servers
    /// decode before they look: a token meant for one API must not reach another.
    pub(crate) fn parse(text: &str) -> Result<Self, Misconfigured> {
        // Most paths are of letters, digits and single slashes: nothing that a rule is about.
        let is_plain = |b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_');
        if text.bytes().all(is_plain) && !text.starts_with("//") {
            let path = text.strip_prefix('/').unwrap_or(text).to_owned();
            return Ok(Self { path, query: None, is_plain: true });
        }
        let refuse = |what: &str| {
            Err(Misconfigured::new(format!("the relative path {what}"))
                .hint("give a path below the API's BaseUrl, such as items/7"))
        };
        if text.contains('#') {
            return refuse("has a fragment, which is never sent");
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (text, None),
        };
        if path.starts_with("//") || names_scheme(path) {
            return refuse("is an absolute URL");
        }
        if text.chars().any(char::is_control) || path.contains('\\') {
            return refuse("holds backslashes or control characters");
        }
        for form in decoded(path) {
            if form.chars().any(char::is_control) || form.contains('\\') {
                return refuse("holds encoded backslashes or control characters");
            }
            if form.split('/').any(climbs) {
                return refuse("climbs out with \"..\"");
            }
        }
        Ok(Self { path: path.strip_prefix('/').unwrap_or(path).to_owned(), query, is_plain: false })
    }

    /// The path where all of it stands in a URL as it is here, and where there is one.
    pub(crate) fn plain(&self) -> Option<&str> {
        (self.is_plain && !self.path.is_empty()).then_some(&self.path)
    }

    pub(crate) fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// Below the base, this path.
    pub(crate) fn below(&self, base: &Url) -> Url {
        let root = base.path().trim_end_matches('/');
        let path = [root, "/", &self.path].concat();
        let mut url = base.clone();
        url.set_path(&path);
        if self.query.is_some() {
            url.set_query(self.query.as_deref());
        }
        url
    }

    /// Below this path, another; both queries are kept.
    pub(crate) fn join<'p>(&self, below: &'p Self) -> Cow<'p, Self> {
        if self.path.is_empty() && self.query.is_none() {
            return Cow::Borrowed(below);
        }
        let path = match (self.path.trim_end_matches('/'), below.path.as_str()) {
            (_, "") => self.path.clone(),
            ("", path) => path.to_owned(),
            (path, below) => format!("{path}/{below}"),
        };
        let queries: Vec<&str> =
            [&self.query, &below.query].into_iter().flatten().map(String::as_str).collect();
        let query = (!queries.is_empty()).then(|| queries.join("&"));
        Cow::Owned(Self { path, query, is_plain: false })
    }
}

/// Adds a name and a value to a URL's query.
pub(crate) fn append_query(url: &mut Url, name: &str, value: &str) {
    let mut query = url.query().map(str::to_owned).unwrap_or_default();
    if !query.is_empty() {
        query.push('&');
    }
    query.extend(utf8_percent_encode(name, RESERVED));
    query.push('=');
    query.extend(utf8_percent_encode(value, RESERVED));
    url.set_query(Some(&query));
}

/// RFC 3986 section 2.3 leaves these four as they are. A space is `%20`, which every server reads,
/// not the `+` of forms.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether the text begins as an absolute URL does. A colon elsewhere is an ordinary character:
/// `items:batch` and `users('a:b')` are paths.
fn names_scheme(path: &str) -> bool {
    path.split_once(':').is_some_and(|(scheme, rest)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        !scheme.is_empty() && scheme.chars().all(plain) && (rest.starts_with('/') || web)
    })
}

/// The path, and again with its percent-encoding taken away, again and again: a proxy may decode
/// once and the server behind it once more.
fn decoded(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let decode = |form: &Cow<'_, str>| {
        let next = form.contains('%').then(|| percent_decode_str(form).decode_utf8_lossy().into_owned())?;
        (next != **form).then_some(Cow::Owned(next))
    };
    iter::successors(Some(Cow::Borrowed(path)), decode).take(5)
}

/// Some servers cut a segment's parameters off first, so that `..;x` climbs as well.
fn climbs(segment: &str) -> bool {
    segment.split(';').next() == Some("..")
}

#[cfg(test)]
mod tests;
