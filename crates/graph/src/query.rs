//! What stands in the text of a request: options of `OData`, literals, and segments of a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A text as a literal of `OData`, for [`filter`](crate::GraphCall::filter): within single quotes, its
/// own doubled, so that what somebody typed in cannot change what is asked.
///
/// ```
/// let name = "O'Hara";
/// let filter = format!("startswith(displayName,{})", entra_graph::quoted(name));
/// assert_eq!(filter, "startswith(displayName,'O''Hara')");
/// ```
pub fn quoted(text: impl AsRef<str>) -> String {
    format!("'{}'", text.as_ref().replace('\'', "''"))
}

/// A text as one segment of a path: the name of a user or of a file, whatever is in it.
///
/// ```
/// let guest = "bob_fabrikam.example#EXT#@contoso.example";
/// let path = format!("users/{}", entra_graph::segment(guest));
/// assert_eq!(path, "users/bob_fabrikam.example%23EXT%23%40contoso.example");
/// ```
pub fn segment(text: impl AsRef<str>) -> String {
    utf8_percent_encode(text.as_ref(), PLAIN).to_string()
}

/// RFC 3986 section 2.3 leaves these as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Names in a list, as `$select` and `$expand` have it.
pub(crate) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<S> = names.into_iter().collect();
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(",")
}

/// A query as text, encoded; `$` stays, which makes it readable in a batch.
pub(crate) fn written(query: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        format!("{}={}", utf8_percent_encode(name, NAME), utf8_percent_encode(value, PLAIN))
    };
    query.iter().map(pair).collect::<Vec<_>>().join("&")
}

const NAME: &AsciiSet = &PLAIN.remove(b'$');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_in_stays_what_it_is() {
        assert_eq!(quoted("' or 1 eq 1 or '"), "''' or 1 eq 1 or '''");
        assert_eq!(segment("../a b?c"), "..%2Fa%20b%3Fc");
        let query = [("$filter".to_owned(), "a eq 'x&y'".to_owned()), ("b&".to_owned(), String::new())];
        assert_eq!(written(&query), "$filter=a%20eq%20%27x%26y%27&b%26=");
        assert_eq!(list(["id", "displayName"]), "id,displayName");
    }
}
