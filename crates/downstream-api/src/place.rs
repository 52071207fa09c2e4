//! Where the calls of an API go: its base, the configured path below it, and what every call needs of
//! the two.

use std::sync::Arc;

use url::Url;

use crate::path::RelativePath;

/// A base and a path below it, to which the paths of calls are joined.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    base: Url,
    relative: RelativePath,
    host: Arc<str>,
    /// The text that the URLs of most calls begin with; nothing where a query would stand in it.
    prefix: Option<Box<str>>,
}

impl Place {
    pub(crate) fn new(base: Url, relative: RelativePath) -> Self {
        let host = base.host_str().unwrap_or_default().into();
        let prefix = (!relative.has_query()).then(|| {
            let below = relative.below(&base);
            [below.as_str().trim_end_matches('/'), "/"].concat().into()
        });
        Self { base, relative, host, prefix }
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn host(&self) -> &Arc<str> {
        &self.host
    }

    pub(crate) fn set_base(&mut self, base: Url) {
        *self = Self::new(base, std::mem::take(&mut self.relative));
    }

    pub(crate) fn set_relative(&mut self, relative: RelativePath) {
        *self = Self::new(self.base.clone(), relative);
    }

    /// Base, relative path, and the path of a call.
    pub(crate) fn url(&self, path: Option<&RelativePath>) -> Url {
        // Nothing in most paths has to be encoded, so they are appended as they are. The client parses
        // each URL again, so its parser is at hand; the editing of parsed URLs is code that nothing else
        // touches, and took twice as long.
        let plain = path.and_then(RelativePath::plain);
        if let (Some(prefix), Some(plain)) = (&self.prefix, plain) {
            let mut text = String::with_capacity(prefix.len() + plain.len());
            text.push_str(prefix);
            text.push_str(plain);
            if let Ok(url) = Url::parse(&text) {
                return url;
            }
        }
        self.encoded(path)
    }

    #[cold]
    fn encoded(&self, path: Option<&RelativePath>) -> Url {
        match path {
            Some(path) => self.relative.join(path).below(&self.base),
            None => self.relative.below(&self.base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_give_the_same_urls_as_others() {
        for base in
            ["https://a.example", "https://a.example/", "https://a.example/v1", "https://a.example/v1//"]
        {
            for relative in ["", "/", "items", "/items/", "a b/é", "items?x=1", "?q=1"] {
                let relative = RelativePath::parse(relative).unwrap();
                let place = Place::new(Url::parse(base).unwrap(), relative.clone());
                for path in ["", "/", "7", "/7", "7/", "7//8", "A-Z_0", "a.b", "é", "7?y=2"] {
                    let path = RelativePath::parse(path).unwrap();
                    assert_eq!(
                        place.url(Some(&path)),
                        relative.join(&path).below(place.base()),
                        "{base} + {relative:?} + {path:?}"
                    );
                }
                assert_eq!(place.url(None), relative.below(place.base()));
            }
        }
    }
}
