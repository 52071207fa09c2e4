//! What a key takes in memory, as an allocator hands it out: the budget counts it where it is kept.

use entra_abstractions::{AgentUser, Claims, FmiPath, ManagedIdentityId, Parameter};

use super::{
    KeyRef, OwnerRef,
    key::{PARAMETER, REST},
};

/// An allocation of so many bytes: most allocators hand out sixteens, thirty-two at least, and keep
/// eight of them for themselves.
pub(super) const fn allocated(bytes: usize) -> usize {
    let taken = (bytes + 8).next_multiple_of(16);
    if taken < 32 { 32 } else { taken }
}

/// So many bytes behind an `Arc`, with its two counts before them.
pub(super) const fn shared(bytes: usize) -> usize {
    allocated(bytes + 2 * size_of::<usize>())
}

impl KeyRef<'_> {
    /// What a key of one's own takes beside itself, as if nobody else had a part of it. That is so
    /// where each request is made anew; of the rest the budget counts some bytes too many. Its identity
    /// is the engine's.
    pub(super) fn size(&self) -> usize {
        let Self { identity: _, owner, tenant, scopes, scheme: _, fmi_path, client_claims, parameters: _ } =
            self;
        let rest = if self.is_plain() {
            0
        } else {
            let parameters = self.shaping().map(|parameter: &Parameter| {
                PARAMETER + shared(parameter.name().len()) + shared(parameter.value().len())
            });
            allocated(REST)
                + fmi_path.map_or(0, |path: &FmiPath| shared(path.as_str().len()))
                + client_claims.map_or(0, |claims: &Claims| shared(claims.as_str().len()))
                + parameters.sum::<usize>()
        };
        owner.size() + shared(tenant.as_str().len()) + scopes.size() + rest
    }
}

impl OwnerRef<'_> {
    fn size(self) -> usize {
        let text = match self {
            Self::App
            | Self::Assertion(_)
            | Self::Keeping { .. }
            | Self::Session(_)
            | Self::ManagedIdentity(ManagedIdentityId::System) => return 0,
            Self::Account(account) => account.as_str(),
            Self::AgentUser(AgentUser::Upn(name)) => name.as_str(),
            Self::ManagedIdentity(ManagedIdentityId::ClientId(id)) => id.as_str(),
            Self::ManagedIdentity(ManagedIdentityId::ResourceId(id)) => id.as_str(),
            Self::AgentUser(AgentUser::ObjectId(id))
            | Self::ManagedIdentity(ManagedIdentityId::ObjectId(id)) => id.as_str(),
        };
        shared(text.len())
    }
}
