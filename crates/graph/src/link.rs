//! The links by which Graph goes on: to the next page, or to what changes later. They are followed
//! only where the token may go anyway: within the origin that was called.

use std::fmt;

use entra_downstream_api::Misconfigured;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::GraphError;

/// Where the changes after now will be found: keep it, and hand it to
/// [`GraphCaller::changes_since`](crate::GraphCaller::changes_since) when the time has come, in another
/// process, too.
///
/// `Debug` does not print it. It holds no token, but it is the key to a feed: keep it as you keep the
/// data themselves.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeltaLink(String);

impl DeltaLink {
    pub(crate) fn new(url: String) -> Self {
        Self(url)
    }

    /// Takes a link that was kept as text.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no URL: the developer must act.
    pub fn parse(text: impl Into<String>) -> Result<Self, Misconfigured> {
        let text = text.into();
        match Url::parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(Misconfigured::new("the delta link is no URL").hint("keep it as it came, whole")),
        }
    }

    /// The link as text, to be kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeltaLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeltaLink([redacted])")
    }
}

/// A link as a request below the origin that it must belong to.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// The origin's root.
    pub(crate) base: String,
    pub(crate) path: String,
}

/// Takes a link that Graph gave. `configured` are the names that are put into every query anyway.
pub(crate) fn follow(link: &str, base: &Url, configured: &[String]) -> Result<Followed, GraphError> {
    let url = Url::parse(link).ok().filter(|url| url.origin() == base.origin() && url.username().is_empty());
    let Some(url) = url else {
        return Err(GraphError::misconfigured(
            "Graph names a next page at another host",
            "a token goes to the configured BaseUrl only; call the Graph that gave the link",
        ));
    };
    let is_ours = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        !configured.iter().any(|known| *known == *name)
    };
    let query: Vec<&str> = url.query().unwrap_or_default().split('&').filter(is_ours).collect();
    let path = match query.join("&") {
        query if query.is_empty() => url.path().to_owned(),
        query => format!("{}?{query}", url.path()),
    };
    Ok(Followed { base: format!("{}/", url.origin().ascii_serialization()), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(link: &str) -> Option<String> {
        let base = Url::parse("https://graph.microsoft.com/v1.0").unwrap();
        follow(link, &base, &["$top".to_owned()]).ok().map(|followed| followed.path)
    }

    #[test]
    fn links_stay_within_their_origin() {
        let path = followed("https://graph.microsoft.com/v1.0/users?%24top=2&$skiptoken=a%26b");
        assert_eq!(path.as_deref(), Some("/v1.0/users?$skiptoken=a%26b"));
        assert_eq!(followed("https://graph.microsoft.com:443/beta/me?$top=1").as_deref(), Some("/beta/me"));
        for foreign in [
            "https://graph.microsoft.com.evil.example/v1.0/users?$skiptoken=x",
            "http://graph.microsoft.com/v1.0/users",
            "https://graph.microsoft.com:8443/v1.0/users",
            "https://u@graph.microsoft.com/v1.0/users",
            "/v1.0/users?$skiptoken=x",
            "",
        ] {
            assert_eq!(followed(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_kept_link_comes_back_and_is_not_printed() {
        let link =
            DeltaLink::parse("https://graph.microsoft.com/v1.0/users/delta?$deltatoken=s3cret").unwrap();
        let kept = serde_json::to_string(&link).unwrap();
        assert_eq!(serde_json::from_str::<DeltaLink>(&kept).unwrap(), link);
        assert!(!format!("{link:?}").contains("s3cret"));
        assert!(DeltaLink::parse("users/delta").is_err());
    }
}
