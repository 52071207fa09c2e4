//! The key of a cached token: whose token, for what, shown how. Exact, and never the secret itself.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem, ptr,
    sync::Arc,
};

use entra_abstractions::{
    AccountId, AgentUser, Claims, ClientId, FmiPath, ManagedIdentityId, Parameter, Scheme, Scopes, TenantId,
};

/// Which application asks, and whom: what all requests of one engine have in common.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Scheme, host and port of the cloud.
    pub(crate) instance: String,
    pub(crate) client: ClientId,
    /// The tenant that is asked for a user's token where the request names none.
    pub(crate) tenant: TenantId,
    /// The tenant that is asked for the application's own.
    pub(crate) app_tenant: TenantId,
    /// Where the tenant is configured, for errors.
    pub(crate) tenant_at: String,
    /// Where there is no application: the identity of the host that asks in its place.
    pub(crate) host: Option<ManagedIdentityId>,
    /// Of the client, so that a look-up need not hash it again.
    hash: u64,
}

impl Identity {
    pub(crate) fn new(
        instance: String,
        client: ClientId,
        tenant: TenantId,
        app_tenant: TenantId,
        tenant_at: String,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        client.hash(&mut hasher);
        Self { instance, client, tenant, app_tenant, tenant_at, host: None, hash: hasher.finish() }
    }

    /// The same, where the host asks in the place of an application.
    pub(crate) fn of_host(self, host: Option<ManagedIdentityId>) -> Self {
        Self { host, ..self }
    }
}

/// A key of one's own.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    identity: Arc<Identity>,
    owner: Owner,
    tenant: TenantId,
    scopes: Scopes,
    /// Nothing in nearly all keys: they are for a bearer token, and for nothing more.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Clone)]
struct Rest {
    scheme: Scheme,
    fmi_path: Option<FmiPath>,
    client_claims: Option<Claims>,
    parameters: Box<[Parameter]>,
}

/// What a rest takes, and each parameter of it beside its texts.
pub(super) const REST: usize = size_of::<Rest>();
pub(super) const PARAMETER: usize = size_of::<Parameter>();

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    App,
    Assertion([u8; 32]),
    Keeping { session: [u8; 32], assertion: [u8; 32] },
    Session([u8; 32]),
    Account(AccountId),
    AgentUser(AgentUser),
    ManagedIdentity(ManagedIdentityId),
}

/// A key that is looked up: borrowed from the request, so that a hit allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRef<'a> {
    pub(crate) identity: &'a Arc<Identity>,
    pub(crate) owner: OwnerRef<'a>,
    pub(crate) tenant: &'a TenantId,
    pub(crate) scopes: &'a Scopes,
    pub(crate) scheme: &'a Scheme,
    pub(crate) fmi_path: Option<&'a FmiPath>,
    pub(crate) client_claims: Option<&'a Claims>,
    pub(crate) parameters: &'a [Parameter],
}

/// Whose token is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OwnerRef<'a> {
    App,
    /// Of a user who called with the token of this digest.
    Assertion(&'a [u8; 32]),
    /// Of a user who called, and whose session begins.
    Keeping {
        session: &'a [u8; 32],
        assertion: &'a [u8; 32],
    },
    /// Of the user whose session it is, by the digest of its key.
    Session(&'a [u8; 32]),
    Account(&'a AccountId),
    AgentUser(&'a AgentUser),
    ManagedIdentity(&'a ManagedIdentityId),
}

impl Owner {
    pub(super) fn as_ref(&self) -> OwnerRef<'_> {
        match self {
            Self::App => OwnerRef::App,
            Self::Assertion(sha256) => OwnerRef::Assertion(sha256),
            Self::Keeping { session, assertion } => OwnerRef::Keeping { session, assertion },
            Self::Session(sha256) => OwnerRef::Session(sha256),
            Self::Account(account) => OwnerRef::Account(account),
            Self::AgentUser(user) => OwnerRef::AgentUser(user),
            Self::ManagedIdentity(id) => OwnerRef::ManagedIdentity(id),
        }
    }
}

impl Key {
    pub(crate) fn as_ref(&self) -> KeyRef<'_> {
        static BEARER: Scheme = Scheme::Bearer;
        let rest = self.rest.as_deref();
        KeyRef {
            identity: &self.identity,
            owner: self.owner.as_ref(),
            tenant: &self.tenant,
            scopes: &self.scopes,
            scheme: rest.map_or(&BEARER, |rest| &rest.scheme),
            fmi_path: rest.and_then(|rest| rest.fmi_path.as_ref()),
            client_claims: rest.and_then(|rest| rest.client_claims.as_ref()),
            parameters: rest.map_or(&[], |rest| &rest.parameters),
        }
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The same for whoever holds this session.
    pub(crate) fn of_session(&self, session: &[u8; 32]) -> Self {
        Self { owner: Owner::Session(*session), ..self.clone() }
    }

    /// What it has in common with those of other users.
    pub(super) fn without_digest(self) -> Self {
        let owner = match self.owner {
            Owner::Assertion(_) => Owner::Assertion([0; 32]),
            Owner::Session(_) => Owner::Session([0; 32]),
            owner => owner,
        };
        Self { owner, ..self }
    }
}

impl KeyRef<'_> {
    pub(crate) fn to_key(self) -> Key {
        Key {
            identity: Arc::clone(self.identity),
            owner: match self.owner {
                OwnerRef::App => Owner::App,
                OwnerRef::Assertion(sha256) => Owner::Assertion(*sha256),
                OwnerRef::Keeping { session, assertion } => {
                    Owner::Keeping { session: *session, assertion: *assertion }
                }
                OwnerRef::Session(sha256) => Owner::Session(*sha256),
                OwnerRef::Account(account) => Owner::Account(account.clone()),
                OwnerRef::AgentUser(user) => Owner::AgentUser(user.clone()),
                OwnerRef::ManagedIdentity(id) => Owner::ManagedIdentity(id.clone()),
            },
            tenant: self.tenant.clone(),
            scopes: self.scopes.clone(),
            rest: (!self.is_plain()).then(|| {
                Box::new(Rest {
                    scheme: self.scheme.clone(),
                    fmi_path: self.fmi_path.cloned(),
                    client_claims: self.client_claims.cloned(),
                    parameters: self.shaping().cloned().collect(),
                })
            }),
        }
    }

    pub(super) fn is_of_session(&self, identity: &Identity, session: &[u8; 32]) -> bool {
        matches!(self.owner, OwnerRef::Session(own) if own == session) && **self.identity == *identity
    }

    /// Nearly all requests ask for a bearer token, and for nothing more.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        // Whole, so that a new field does not compile before it is compared: plain keys are not.
        let Self { identity: _, owner: _, tenant: _, scopes: _, scheme, fmi_path, client_claims, parameters } =
            self;
        matches!(scheme, Scheme::Bearer)
            && fmi_path.is_none()
            && client_claims.is_none()
            && (parameters.is_empty() || self.shaping().next().is_none())
    }

    pub(super) fn shaping(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.shapes_token())
    }

    /// Whether the same parameters shape both, in whatever order they were said.
    fn is_shaped_as(&self, other: &Self) -> bool {
        let within =
            |a: &Self, b: &Self| a.shaping().all(|parameter| b.shaping().any(|other| other == parameter));
        self.shaping().count() == other.shaping().count() && within(self, other) && within(other, self)
    }
}

impl KeyRef<'_> {
    /// All but the digests that tell users apart.
    #[inline]
    pub(super) fn hash_realm<H: Hasher>(&self, state: &mut H) {
        let Self { identity, owner, tenant, scopes, scheme: _, fmi_path, client_claims: _, parameters } =
            self;
        // The client and the scopes tell most keys apart; what is left out only costs a comparison.
        state.write_u64(identity.hash);
        match owner {
            OwnerRef::App | OwnerRef::Assertion(_) | OwnerRef::Session(_) => {
                mem::discriminant(owner).hash(state);
            }
            owner => owner.hash(state),
        }
        // Most requests name no tenant, or the configured one.
        if !ptr::eq(*tenant, &raw const identity.app_tenant) && **tenant != identity.app_tenant {
            tenant.hash(state);
        }
        scopes.hash(state);
        if let Some(path) = fmi_path {
            path.hash(state);
        }
        if parameters.is_empty() {
            return;
        }
        // Summed up, so that their order does not matter.
        let mut sum = 0_u64;
        for parameter in self.shaping() {
            let mut hasher = DefaultHasher::new();
            parameter.hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
        }
        if sum != 0 {
            state.write_u64(sum);
        }
    }

    /// Whether it is the same but for whose token it is.
    #[inline]
    pub(super) fn agrees_with(&self, key: &Key) -> bool {
        let Key { identity, owner: _, tenant, scopes, rest } = key;
        // One engine has one identity, so the pointers are equal nearly always.
        (Arc::ptr_eq(self.identity, identity) || *self.identity == *identity)
            && *self.scopes == *scopes
            && *self.tenant == *tenant
            && match rest {
                None => self.is_plain(),
                Some(rest) => {
                    let Rest { scheme, fmi_path, client_claims, parameters } = &**rest;
                    *self.scheme == *scheme
                        && self.fmi_path == fmi_path.as_ref()
                        && self.client_claims == client_claims.as_ref()
                        && (self.parameters.is_empty() && parameters.is_empty()
                            || self.is_shaped_as(&key.as_ref()))
                }
            }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.owner == other.owner && self.as_ref().agrees_with(other)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash_realm(state);
        self.owner.hash(state);
    }
}
