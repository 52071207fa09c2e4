//! The id under which both sides log one call.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
};

use uuid::{Builder, Uuid};

use crate::Misconfigured;

/// A correlation id: sent as `client-request-id`, logged, and part of every error.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CorrelationId(Uuid);

impl CorrelationId {
    /// A new random id.
    ///
    /// It is no secret, it only must not come twice. So it is drawn from the keys of hash maps, for
    /// which the system is asked once in each thread, and not each time.
    pub fn random() -> Self {
        let draw = || RandomState::new().hash_one(0_u8).to_ne_bytes();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(draw().into_iter().chain(draw())).for_each(|(byte, drawn)| *byte = drawn);
        Self(Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads a GUID.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is none.
    pub fn parse(text: &str) -> Result<Self, Misconfigured> {
        Uuid::try_parse(text.trim())
            .map(Self)
            .map_err(|error| Misconfigured::new("the correlation id is not a GUID").with_source(error))
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
