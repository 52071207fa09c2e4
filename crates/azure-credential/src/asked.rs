//! The scopes that clients asked for, each list with its request: a client asks for the same ones
//! again and again, and making a request of them costs more than the cached token.

use std::{array, sync::OnceLock};

use entra_abstractions::TokenRequest;

/// A few requests, by the scopes as they were written. None of them ever leaves, so that whoever reads
/// them writes nothing that another thread reads.
#[derive(Debug)]
pub(crate) struct Asked([OnceLock<Box<Known>>; MOST]);

#[derive(Debug)]
struct Known {
    scopes: Box<[Box<str>]>,
    request: TokenRequest,
}

/// A credential serves a handful of services. One that is asked for more kinds of scopes makes
/// their requests anew.
const MOST: usize = 16;

impl Asked {
    /// The request for these scopes.
    pub(crate) fn find(&self, scopes: &[&str]) -> Option<&TokenRequest> {
        let mut known = self.0.iter().map_while(OnceLock::get);
        known.find(|known| known.is_for(scopes)).map(|known| &known.request)
    }

    /// Keeps a request.
    pub(crate) fn remember(&self, scopes: &[&str], request: &TokenRequest) {
        let scopes = scopes.iter().map(|scope| Box::from(*scope)).collect();
        let mut new = Box::new(Known { scopes, request: request.clone() });
        for place in &self.0 {
            match place.set(new) {
                Ok(()) => return,
                Err(taken) => new = taken,
            }
        }
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self(array::from_fn(|_| OnceLock::new()))
    }
}

impl Known {
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
