//! The identifiers of Entra, one type each, so that two of them cannot be swapped.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{Misconfigured, section::is_placeholder};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and keeps the identifier; surrounding white space is dropped.
            ///
            /// # Errors
            /// [`Misconfigured`] when it is empty, a placeholder such as `<your-id>`, or holds
            /// white space or control characters: the developer must put in the real one.
            pub fn new(value: impl AsRef<str>) -> Result<Self, Misconfigured> {
                check($what, value.as_ref()).map(|value| Self(value.into()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                // Cache keys compare an id with a clone of itself nearly always.
                Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
            }
        }

        impl Hash for $name {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Misconfigured;

            fn try_from(value: &str) -> Result<Self, Misconfigured> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Misconfigured;

            fn try_from(value: String) -> Result<Self, Misconfigured> {
                Self::new(value)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = Misconfigured;

            fn try_from(value: &$name) -> Result<Self, Misconfigured> {
                Ok(value.clone())
            }
        }
    };
}

identifier! {
    /// The application (client) id of an app registration.
    ///
    /// ```
    /// use entra_abstractions::ClientId;
    ///
    /// assert!(ClientId::new("22222222-2222-4222-8222-222222222222").is_ok());
    /// assert!(ClientId::new("your-client-id").is_err());
    /// ```
    ClientId, "client id"
}

identifier! {
    /// The client id of an agent identity: a child of the blueprint application, without
    /// credentials of its own. <https://learn.microsoft.com/entra/agent-id/>
    AgentId, "agent id"
}

identifier! {
    /// The directory object id (`oid`) of a user.
    ObjectId, "object id"
}

identifier! {
    /// A tenant: its id (a GUID), one of its domain names, or one of the meta names `common`,
    /// `organizations` and `consumers`.
    ///
    /// ```
    /// use entra_abstractions::TenantId;
    ///
    /// assert!(TenantId::new("contoso.onmicrosoft.com")?.is_real());
    /// assert!(!TenantId::new("common")?.is_real());
    /// assert!(TenantId::new("your-tenant-id").is_err());
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    TenantId, "tenant id"
}

impl TenantId {
    /// Whether this names one tenant. `common` and `organizations` name none: an application
    /// cannot get a token of its own there. `consumers` is a real tenant.
    pub fn is_real(&self) -> bool {
        !(self.0.eq_ignore_ascii_case("common") || self.0.eq_ignore_ascii_case("organizations"))
    }
}

/// Whether the text has the form of a GUID, as Entra writes object ids (`8-4-4-4-12`).
pub fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn check<'a>(what: &str, value: &'a str) -> Result<&'a str, Misconfigured> {
    let value = value.trim();
    // The usual case, and asked for every token: with a GUID that is not all zeros nothing can be
    // wrong.
    if is_guid(value) && value.bytes().any(|b| !matches!(b, b'0' | b'-')) {
        return Ok(value);
    }
    if value.is_empty() {
        return Err(Misconfigured::new(format!("the {what} is empty"))
            .hint(format!("put in the {what} that the Entra admin center shows")));
    }
    if value.len() > 256 {
        return Err(Misconfigured::new(format!("the {what} is longer than any {what}"))
            .hint("copy it again, without quotes, slashes or blanks"));
    }
    if is_placeholder(value) {
        return Err(Misconfigured::new(format!("\"{value}\" is a placeholder, not a {what}"))
            .hint(format!("put in the {what} that the Entra admin center shows")));
    }
    // A tenant becomes a path segment and a client id a form field: nothing that could leave its
    // place is let in, whatever encodes it later.
    if matches!(value, "." | "..")
        || value.chars().any(|c| c.is_whitespace() || c.is_control() || "/\\?#%<>\"@".contains(c))
    {
        return Err(Misconfigured::new(format!("the {what} holds characters that no {what} has"))
            .hint("copy it again, without quotes, slashes or blanks"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_leave_its_place() {
        for hostile in
            ["", "  ", "a b", ".", "..", "a/../b", "tenant?x=1", "a#b", "your-tenant-id", "<tenant>", "a\nb"]
        {
            assert!(TenantId::new(hostile).is_err(), "{hostile:?} was let in");
        }
        let endless = TenantId::new(format!("your-{}", "x".repeat(1_000))).unwrap_err();
        assert!(endless.to_string().len() < 200, "{endless}");
    }

    #[test]
    fn accepts_guids_domains_and_urns() {
        assert_eq!(TenantId::new(" contoso.example ").unwrap().as_str(), "contoso.example");
        assert!(ClientId::new("urn:microsoft:identity:fmi").is_ok());
        assert!(TenantId::new("consumers").unwrap().is_real());
        assert!(!TenantId::new("Organizations").unwrap().is_real());
    }

    #[test]
    fn a_guid_has_dashes() {
        assert!(is_guid("bbbbbbbb-0000-4000-8000-000000000002"));
        assert!(!is_guid("bbbbbbbb00004000800000000000000 2"));
        assert!(!is_guid("bob@contoso.example"));
    }
}
