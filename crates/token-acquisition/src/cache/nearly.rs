//! A look for the key that is nearly the one that missed: the answer to "why is it not cached?" is
//! mostly that one part of the key is another one each time.

use entra_abstractions::AccountId;

use super::{Cache, KeyRef, OwnerRef};

/// No more entries than this are looked at: it is only a hint.
const MOST: usize = 10_000;

impl Cache {
    /// The part in which alone a cached key differs from this one. `user` is whose assertion it is:
    /// a token that is cached for another assertion of the same user is worth a word, one for
    /// another user is none.
    pub(crate) fn differs_in(&self, key: &KeyRef<'_>, user: Option<&AccountId>) -> Option<&'static str> {
        let shards = 1 + self.others.len();
        self.shards().find_map(|shard| {
            shard.tokens.pin().iter().take(MOST / shards).find_map(|(cached, kept)| {
                let part = only_difference(key, &cached.as_ref())?;
                (part != ASSERTION || user.is_some() && kept.account().as_ref() == user).then_some(part)
            })
        })
    }
}

const ASSERTION: &str = "assertion";

fn only_difference(wanted: &KeyRef<'_>, cached: &KeyRef<'_>) -> Option<&'static str> {
    if wanted.identity.client != cached.identity.client
        || wanted.identity.instance != cached.identity.instance
    {
        return None;
    }
    let owner = match (&wanted.owner, &cached.owner) {
        (one, other) if one == other => None,
        (OwnerRef::Assertion(_), OwnerRef::Assertion(_)) => Some(ASSERTION),
        _ => return None,
    };
    let shaping = |key: &KeyRef<'_>| key.shaping().cloned().collect::<Vec<_>>();
    let differences = [
        owner,
        (wanted.tenant != cached.tenant).then_some("tenant"),
        (wanted.scopes != cached.scopes).then_some("scopes"),
        (wanted.scheme != cached.scheme).then_some("scheme"),
        (wanted.fmi_path != cached.fmi_path).then_some("fmi_path"),
        (wanted.client_claims != cached.client_claims).then_some("client_claims"),
        (shaping(wanted) != shaping(cached)).then_some("parameters"),
    ];
    let mut found = differences.into_iter().flatten();
    let first = found.next();
    if found.next().is_some() { None } else { first }
}
