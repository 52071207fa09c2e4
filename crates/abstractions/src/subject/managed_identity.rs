//! Which managed identity of the host is meant: the one that the system assigned to it, or one
//! that a user did.

use std::{fmt, sync::Arc};

use crate::{ClientId, Misconfigured, ObjectId};

/// A managed identity: an identity that Azure gives to what a program runs on, so that the program
/// needs no credential. <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>
///
/// ```
/// use entra_abstractions::ManagedIdentityId;
///
/// let mine = ManagedIdentityId::System;
/// let shared = ManagedIdentityId::client_id("66666666-6666-4666-8666-666666666666")?;
/// assert_ne!(mine, shared);
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "ManagedIdentityOptions")]
#[doc(alias = "UserAssignedClientId")]
#[expect(clippy::exhaustive_enums, reason = "a new way to name one must fail to compile in every source")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ManagedIdentityId {
    /// The one that the system assigned to the host.
    #[doc(alias = "SystemAssigned")]
    System,
    /// One that a user assigned to the host, by its client id.
    #[doc(alias = "WithUserAssignedClientId")]
    ClientId(ClientId),
    /// One that a user assigned to the host, by its resource id.
    #[doc(alias = "WithUserAssignedResourceId")]
    ResourceId(ResourceId),
    /// One that a user assigned to the host, by the object id of its service principal.
    #[doc(alias = "WithUserAssignedObjectId")]
    ObjectId(ObjectId),
}

impl ManagedIdentityId {
    /// The identity with this client id.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty, a placeholder, or holds what no client id holds.
    pub fn client_id(id: impl AsRef<str>) -> Result<Self, Misconfigured> {
        ClientId::new(id).map(Self::ClientId)
    }

    /// The identity with this resource id.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is not of the form that [`ResourceId`] shows.
    pub fn resource_id(id: impl AsRef<str>) -> Result<Self, Misconfigured> {
        ResourceId::new(id).map(Self::ResourceId)
    }

    /// The identity whose service principal has this object id.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is empty, a placeholder, or holds what no object id holds.
    pub fn object_id(id: impl AsRef<str>) -> Result<Self, Misconfigured> {
        ObjectId::new(id).map(Self::ObjectId)
    }
}

/// As it may stand in logs.
impl fmt::Display for ManagedIdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system-assigned identity"),
            Self::ClientId(id) => write!(f, "the identity with client id {id}"),
            Self::ResourceId(id) => write!(f, "the identity {}", id.as_str()),
            Self::ObjectId(id) => write!(f, "the identity with object id {id}"),
        }
    }
}

/// The id of a resource in Azure, such as
/// `/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceId(Arc<str>);

impl ResourceId {
    /// Checks and keeps the id; surrounding white space is dropped.
    ///
    /// # Errors
    /// [`Misconfigured`] when it does not begin with a slash, or holds control characters.
    pub fn new(id: impl AsRef<str>) -> Result<Self, Misconfigured> {
        let id = id.as_ref().trim();
        if !id.starts_with('/') || id.len() > 2048 || id.chars().any(|c| c.is_control() || "?#<>".contains(c))
        {
            return Err(Misconfigured::new("not the resource id of a managed identity").hint(
                "copy it from the identity's properties: /subscriptions/../userAssignedIdentities/..",
            ));
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_checked_and_may_stand_in_a_log() {
        let id = "/subscriptions/1/resourceGroups/rg (x)/providers/Microsoft.ManagedIdentity/userAssignedIdentities/o'hara";
        assert_eq!(
            ManagedIdentityId::resource_id(format!(" {id}\n")).unwrap().to_string(),
            format!("the identity {id}")
        );
        for hostile in ["", "subscriptions/1", "/a\r\nx: y", "/<your-identity>", "/a?client_id=b"] {
            assert!(ManagedIdentityId::resource_id(hostile).is_err(), "{hostile:?}");
        }
        assert!(ManagedIdentityId::client_id("<your-client-id>").is_err());
        assert!(ManagedIdentityId::object_id(" ").is_err());
        assert_eq!(ManagedIdentityId::System.to_string(), "the system-assigned identity");
    }
}
