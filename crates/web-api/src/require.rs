//! What a caller must hold to be let in at a route: scopes, roles, application permissions.

use std::{error::Error, fmt};

use entra_abstractions::{Faults, Misconfigured, Section};

use crate::AuthenticatedUser;

/// A requirement. It implies a validated token; all of it must hold.
///
/// ```
/// use entra_web_api::Require;
///
/// let delegated = Require::any_scope(["Orders.Read", "Orders.ReadWrite"]);
/// let daemon = Require::app_permission("Orders.Read.All");
/// let admin = Require::role("Admin").and(Require::scope("access_as_user"));
/// assert_eq!(delegated.or(daemon).to_string(),
///     "the scope Orders.Read or Orders.ReadWrite, or the app permission Orders.Read.All");
/// # let _ = admin;
/// ```
#[doc(alias = "RequiredScopeAttribute")]
#[doc(alias = "RequiredScopeOrAppPermissionAttribute")]
#[doc(alias = "AuthorizationPolicyBuilder")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Require(Rule);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Scope(Vec<String>),
    Role(Vec<String>),
    AppPermission(Vec<String>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

impl Require {
    /// A delegated scope (`scp`), in exactly this spelling.
    #[doc(alias = "RequireScope")]
    pub fn scope(scope: impl Into<String>) -> Self {
        Self::any_scope([scope.into()])
    }

    /// One of these delegated scopes. Of none at all nobody has one.
    pub fn any_scope(scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Rule::Scope(collect(scopes)))
    }

    /// A role (`roles`) of exactly this value, of a user or of an application.
    #[doc(alias = "Roles")]
    pub fn role(role: impl Into<String>) -> Self {
        Self::any_role([role.into()])
    }

    /// One of these roles.
    pub fn any_role(roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Rule::Role(collect(roles)))
    }

    /// An application permission (`roles`; several may stand in one value, separated by blanks).
    pub fn app_permission(permission: impl Into<String>) -> Self {
        Self::any_app_permission([permission.into()])
    }

    /// One of these application permissions.
    pub fn any_app_permission(permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Rule::AppPermission(collect(permissions)))
    }

    /// One of the scopes that the section lists under this key, `Scopes` for instance.
    ///
    /// # Errors
    /// [`Misconfigured`] when the key is absent or empty.
    // Unlike .NET: there an absent key lets every caller in.
    pub fn scopes_in(section: &Section, key: &str) -> Result<Self, Misconfigured> {
        words_in(section, key).map(Self::any_scope)
    }

    /// One of the application permissions that the section lists under this key, such as
    /// `AppPermissions`.
    ///
    /// # Errors
    /// [`Misconfigured`] when the key is absent or empty.
    pub fn app_permissions_in(section: &Section, key: &str) -> Result<Self, Misconfigured> {
        words_in(section, key).map(Self::any_app_permission)
    }

    /// This and the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self.0 {
            Rule::All(mut rules) => {
                rules.push(other.0);
                Self(Rule::All(rules))
            }
            rule => Self(Rule::All(vec![rule, other.0])),
        }
    }

    /// This or the other.
    #[doc(alias = "RequireScopeOrAppPermission")]
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self.0 {
            Rule::Any(mut rules) => {
                rules.push(other.0);
                Self(Rule::Any(rules))
            }
            rule => Self(Rule::Any(vec![rule, other.0])),
        }
    }

    pub(crate) fn check(&self, user: &AuthenticatedUser) -> Result<(), Forbidden> {
        if self.0.holds(user) { Ok(()) } else { Err(Forbidden { required: self.to_string() }) }
    }
}

impl Rule {
    fn holds(&self, user: &AuthenticatedUser) -> bool {
        match self {
            Self::Scope(scopes) => user.scopes().any(|held| contains(scopes, held)),
            Self::Role(roles) => user.identity_roles().any(|held| contains(roles, held)),
            Self::AppPermission(permissions) => {
                user.roles().flat_map(|held| held.split(' ')).any(|held| contains(permissions, held))
            }
            Self::All(rules) => rules.iter().all(|rule| rule.holds(user)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(user)),
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rules, between) = match self {
            Self::Scope(scopes) => return write!(f, "the scope {}", scopes.join(" or ")),
            Self::Role(roles) => return write!(f, "the role {}", roles.join(" or ")),
            Self::AppPermission(names) => return write!(f, "the app permission {}", names.join(" or ")),
            Self::All(rules) => (rules, ", and "),
            Self::Any(rules) => (rules, ", or "),
        };
        for (index, rule) in rules.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { between })?;
            rule.fmt(f)?;
        }
        Ok(())
    }
}

/// The caller is known, and does not hold what is required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    required: String,
}

impl Forbidden {
    /// What is required, in words.
    pub fn required(&self) -> &str {
        &self.required
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token lacks {}", self.required)
    }
}

impl Error for Forbidden {}

fn collect(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    names.into_iter().map(Into::into).collect()
}

fn contains(known: &[String], held: &str) -> bool {
    known.iter().any(|known| known == held)
}

fn words_in(section: &Section, key: &str) -> Result<Vec<String>, Misconfigured> {
    let mut faults = Faults::default();
    let words = section.words(key, &mut faults).unwrap_or_default();
    if words.is_empty() && faults.is_empty() {
        faults.add(
            Misconfigured::new("a requirement refers to this key, and nothing is written here")
                .at(section.path_of(key))
                .hint("list what is required"),
        );
    }
    faults.into_result(words)
}
