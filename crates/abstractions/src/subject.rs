//! Whose token is wanted. Always said by the caller, never guessed from ambience.

mod assertion;
mod managed_identity;
mod on_behalf_of;
mod session_key;

use std::{convert::Infallible, fmt, sync::Arc};

use crate::{AgentId, Misconfigured, ObjectId, id::is_guid};

pub use assertion::UserAssertion;
pub use managed_identity::{ManagedIdentityId, ResourceId};
pub use on_behalf_of::OnBehalfOf;
pub use session_key::SessionKey;

/// Whose token is wanted.
#[expect(clippy::exhaustive_enums, reason = "a new kind of subject must fail to compile in every engine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The application's own (client credentials).
    App,
    /// A user's, delegated to the application.
    User(User),
    /// An agent's, or a user's delegated to an agent.
    Agent(AgentId, AgentSubject),
    /// That of a managed identity of the host: the program needs no credential for it.
    ManagedIdentity(ManagedIdentityId),
}

/// Which user, and how the application is entitled to act for them.
#[expect(clippy::exhaustive_enums, reason = "a new kind of subject must fail to compile in every engine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum User {
    /// The user who called this API: their access token is exchanged (RFC 7523 as profiled in
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>).
    OnBehalfOf(OnBehalfOf),
    /// A user who called this API before, and whose session was kept under this key. Work goes on
    /// by it when nobody is there: after the caller's token has ended, in another process.
    Session(SessionKey),
    /// A user who signed in to this application before; a refresh token is kept for them.
    Account(AccountId),
}

/// Whose token an agent wants.
#[expect(clippy::exhaustive_enums, reason = "a new kind of subject must fail to compile in every engine")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AgentSubject {
    /// The agent's own: an autonomous agent.
    App,
    /// A user's, delegated to the agent: an interactive agent.
    User(User),
    /// The token of the agent's own user account.
    AgentUser(AgentUser),
}

/// The user account that belongs to an agent.
///
/// Made from an untyped string, a GUID is an object id and anything else a user principal name.
/// An explicit [`AgentUser::upn`] is left as it is, even where it looks like a GUID.
///
/// ```
/// use entra_abstractions::AgentUser;
///
/// assert!(matches!(AgentUser::try_from("bob@contoso.example")?, AgentUser::Upn(_)));
/// assert!(matches!(AgentUser::try_from("bbbbbbbb-0000-4000-8000-000000000002")?, AgentUser::ObjectId(_)));
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[expect(clippy::exhaustive_enums, reason = "Entra knows these two names of a user and no third")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AgentUser {
    /// By user principal name.
    Upn(Upn),
    /// By directory object id.
    ObjectId(ObjectId),
}

impl AgentUser {
    /// The agent's user of this name.
    ///
    /// # Errors
    /// [`Misconfigured`] when the name is empty.
    pub fn upn(name: impl AsRef<str>) -> Result<Self, Misconfigured> {
        Upn::new(name).map(Self::Upn)
    }

    /// The agent's user with this object id.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is not a GUID.
    pub fn object_id(id: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let id = ObjectId::new(id)?;
        if is_guid(id.as_str()) {
            return Ok(Self::ObjectId(id));
        }
        Err(Misconfigured::new("the agent user's object id is not a GUID")
            .hint("give a user principal name as AgentUser::upn"))
    }
}

impl TryFrom<&str> for AgentUser {
    type Error = Misconfigured;

    fn try_from(text: &str) -> Result<Self, Misconfigured> {
        if is_guid(text.trim()) { Self::object_id(text) } else { Self::upn(text) }
    }
}

impl TryFrom<String> for AgentUser {
    type Error = Misconfigured;

    fn try_from(text: String) -> Result<Self, Misconfigured> {
        Self::try_from(text.as_str())
    }
}

/// So that a value that cannot be wrong is accepted where one that can be wrong is.
impl From<Infallible> for Misconfigured {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A user principal name. It names a person, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Upn(Arc<str>);

impl Upn {
    /// Takes a user principal name, such as `bob@contoso.example`.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty or holds control characters.
    pub fn new(name: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let name = name.as_ref().trim();
        if name.is_empty() || name.len() > 1024 || name.chars().any(char::is_control) {
            return Err(Misconfigured::new("the user principal name is empty or holds control characters")
                .hint("give the name that the user signs in with, such as agent@contoso.com"));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[upn]")
    }
}

/// A user who signed in to this application: Entra's home account id, `uid.utid`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The account of this user (`uid`) in their home tenant (`utid`).
    ///
    /// # Errors
    /// [`Misconfigured`] when a part is empty, or would not come back the same from a store.
    pub fn new(uid: &str, utid: &str) -> Result<Self, Misconfigured> {
        Self::parse(&format!("{uid}.{utid}"))
    }

    /// Reads `uid.utid`, as [`as_str`](Self::as_str) wrote it.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is not of that form.
    pub fn parse(text: &str) -> Result<Self, Misconfigured> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        match text.rsplit_once('.') {
            // It does not stop where one is not, so many bytes are looked at at once.
            Some((uid, utid))
                if !uid.is_empty()
                    && !utid.is_empty()
                    && text.bytes().fold(true, |so_far, b| so_far & plain(b)) =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(Misconfigured::new("an account id is not of the form uid.utid")
                .hint("keep the id that the sign-in returned")),
        }
    }

    /// The id as text, `uid.utid`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user's object id in their home tenant.
    pub fn uid(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(uid, _)| uid)
    }

    /// The user's home tenant.
    pub fn utid(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, utid)| utid)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
