//! The scopes that clients asked for, each list with its request: a client asks for the same ones
//! again and again, and making a request of them costs more than the cached token.

use std::sync::Arc;

use arc_swap::ArcSwap;
use entra_abstractions::TokenRequest;

/// A few requests, by the scopes as they were written.
#[derive(Debug, Default)]
pub(crate) struct Asked(ArcSwap<Vec<Arc<Known>>>);

#[derive(Debug)]
pub(crate) struct Known {
    scopes: Box<[Box<str>]>,
    request: TokenRequest,
}

/// A credential serves a handful of services. One that is asked for more kinds of scopes makes
/// their requests anew.
const MOST: usize = 16;

impl Asked {
    /// The request for these scopes.
    pub(crate) fn find(&self, scopes: &[&str]) -> Option<Arc<Known>> {
        self.0.load().iter().find(|known| known.is_for(scopes)).cloned()
    }

    /// Keeps a request. Of two that are kept at the same moment one may be lost, and is made again.
    pub(crate) fn remember(&self, scopes: &[&str], request: &TokenRequest) {
        let known = self.0.load_full();
        if known.len() >= MOST {
            return;
        }
        let scopes = scopes.iter().map(|scope| Box::from(*scope)).collect();
        let new = Arc::new(Known { scopes, request: request.clone() });
        self.0.store(Arc::new(known.iter().cloned().chain([new]).collect()));
    }
}

impl Known {
    pub(crate) fn request(&self) -> &TokenRequest {
        &self.request
    }

    fn is_for(&self, scopes: &[&str]) -> bool {
        self.scopes.len() == scopes.len()
            && self.scopes.iter().zip(scopes).all(|(known, asked)| **known == **asked)
    }
}

#[cfg(test)]
mod tests {
    use entra_abstractions::Scopes;

    use super::*;

    #[test]
    fn a_list_is_found_as_it_was_written_and_they_stay_few() {
        let asked = Asked::default();
        let request = TokenRequest::as_app(Scopes::try_from("api://a/.default").unwrap());
        assert!(asked.find(&["api://a/.default"]).is_none());
        for number in 0..40 {
            asked.remember(&[&format!("api://{number}/.default")], &request);
        }
        assert!(asked.find(&["api://3/.default"]).is_some());
        for other in [&["api://3/.default", "x"][..], &["API://3/.default"], &[], &["api://39/.default"]] {
            assert!(asked.find(other).is_none(), "{other:?}");
        }
    }
}
