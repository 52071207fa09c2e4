//! A key as a digest: the same on every instance of an application, so that the logs of two of them
//! can be laid side by side, and telling nobody whose token it is.

use std::fmt;

use entra_abstractions::{AgentUser, ManagedIdentityId, Parameter, Place, Scheme, StoreKey};

use super::{KeyRef, OwnerRef, key::Identity};

/// The digest of a cache key: a SHA-256 over the key in its canonical form.
///
/// Prints as the first 12 characters of its text, which is how the events of this crate have it. Two
/// requests have the same digest where the same cached token answers both, whichever process asks.
///
/// # Security
/// It is no secret, and it is a pseudonym at most: whoever knows everything that is in a key, the
/// user among it, can tell whether a digest is its.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest(StoreKey);

impl KeyDigest {
    /// The whole digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, characters: usize) -> fmt::Result {
        f.write_str(self.0.to_text().get(..characters).unwrap_or_default())
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, 12)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose token a key is for: what kind of subject, and the beginning of its digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubjectDigest {
    kind: &'static str,
    /// Nothing where the kind says it all.
    digest: Option<KeyDigest>,
}

impl fmt::Display for SubjectDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        match &self.digest {
            Some(digest) => {
                f.write_str(":")?;
                digest.show(f, 6)
            }
            None => Ok(()),
        }
    }
}

impl KeyRef<'_> {
    /// Everything by which keys are told apart, in an order that never changes: a change here gives
    /// every key another digest, and needs another number in the first line.
    pub(crate) fn digest(&self) -> KeyDigest {
        let Self { identity, owner, tenant, scopes, scheme, fmi_path, client_claims, parameters: _ } = self;
        let Identity { instance, client, .. } = &***identity;
        let (kind, [first, second]) = owner.of(identity).parts();
        let parts = [
            "token key 1".as_bytes(),
            instance.as_bytes(),
            client.as_str().as_bytes(),
            kind.as_bytes(),
            first,
            second,
            tenant.as_str().as_bytes(),
            scopes.canonical().as_bytes(),
            scheme.token_type().as_bytes(),
            fmi_path.map_or("", |path| path.as_str()).as_bytes(),
        ];
        if self.is_plain() {
            return KeyDigest(StoreKey::digest(parts));
        }
        // What few keys have comes by threes, each with a word before it that says what it is.
        let mut parts = parts.to_vec();
        if let Scheme::Pop(key) = scheme {
            parts.extend(["key", scheme.as_str(), key.confirmation()].map(str::as_bytes));
        }
        if let Some(claims) = client_claims {
            parts.extend(["claims", "client", claims.as_str()].map(str::as_bytes));
        }
        let of = |parameter: &Parameter| match parameter.place() {
            Place::Query => "query",
            Place::Body => "body",
            Place::Header => "header",
        };
        let mut shaping: Vec<[&str; 3]> =
            self.shaping().map(|parameter| [of(parameter), parameter.name(), parameter.value()]).collect();
        // In whatever order they were said, the key is the same.
        shaping.sort_unstable();
        parts.extend(shaping.into_iter().flatten().map(str::as_bytes));
        KeyDigest(StoreKey::digest(parts))
    }

    /// Whose token it is, for those who compare two digests that differ.
    pub(crate) fn subject(&self) -> SubjectDigest {
        let (kind, [first, _]) = self.owner.of(self.identity).parts();
        let client = self.identity.client.as_str();
        let parts = || ["token subject 1", client, kind].map(str::as_bytes).into_iter().chain([first]);
        let digest = || KeyDigest(StoreKey::digest(parts()));
        SubjectDigest { kind, digest: (!first.is_empty()).then(digest) }
    }
}

impl<'a> OwnerRef<'a> {
    /// Where there is no application, the host is whose token it is.
    fn of(self, identity: &'a Identity) -> Self {
        match (self, &identity.host) {
            (Self::App, Some(id)) => Self::ManagedIdentity(id),
            (owner, _) => owner,
        }
    }

    /// What kind it is, and up to two texts that tell it from others of its kind.
    fn parts(self) -> (&'static str, [&'a [u8]; 2]) {
        let (kind, first): (_, &'a [u8]) = match self {
            Self::App => ("app", &[]),
            Self::Assertion(sha256) => ("assertion", sha256.as_slice()),
            Self::Keeping { session, assertion } => {
                return ("session", [session.as_slice(), assertion.as_slice()]);
            }
            Self::Session(sha256) => ("session", sha256.as_slice()),
            Self::Account(account) => ("account", account.as_str().as_bytes()),
            Self::AgentUser(AgentUser::Upn(name)) => ("agent_user", name.as_str().as_bytes()),
            Self::AgentUser(AgentUser::ObjectId(id)) => ("agent_user_id", id.as_str().as_bytes()),
            Self::ManagedIdentity(ManagedIdentityId::System) => ("managed_identity", &[]),
            Self::ManagedIdentity(ManagedIdentityId::ClientId(id)) => {
                ("managed_identity_client", id.as_str().as_bytes())
            }
            Self::ManagedIdentity(ManagedIdentityId::ResourceId(id)) => {
                ("managed_identity_resource", id.as_str().as_bytes())
            }
            Self::ManagedIdentity(ManagedIdentityId::ObjectId(id)) => {
                ("managed_identity_object", id.as_str().as_bytes())
            }
        };
        (kind, [first, &[]])
    }
}

#[cfg(test)]
mod tests;
