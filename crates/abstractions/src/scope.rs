//! What a token is wanted for: a non-empty list of scopes, kept as written for the wire and folded
//! for the cache key.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{
    Misconfigured,
    allocation::{allocated, shared},
};

/// One or more scopes.
///
/// They keep their spelling and order for the wire. Two lists that differ only in case, order or
/// repetition ask for the same token, so they compare and hash as one: the canonical form (lower
/// case, sorted, without repetition) is made once, here.
///
/// ```
/// use entra_abstractions::Scopes;
///
/// let scopes = Scopes::new(["User.Read", "Mail.Read"])?;
/// assert_eq!(scopes.to_string(), "User.Read Mail.Read");
/// assert_eq!(scopes, Scopes::new(["mail.read", "user.read", "User.Read"])?);
/// assert!(Scopes::new(Vec::<String>::new()).is_err());
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[derive(Clone)]
pub struct Scopes(Arc<Forms>);

struct Forms {
    words: Box<[Box<str>]>,
    wire: Box<str>,
    canonical: Box<str>,
    /// Of the canonical form, so that a key need not hash it again.
    hash: u64,
    are_default: bool,
}

impl Scopes {
    /// Collects scopes. An item may itself be a space-separated list, as users write it.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none, one holds a character that RFC 6749 section 3.3 does
    /// not allow in a scope, or an item begins or ends with white space, which is a slip.
    pub fn new<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Result<Self, Misconfigured> {
        let mut words: Vec<Box<str>> = Vec::new();
        for item in scopes {
            let item = item.as_ref();
            if item.trim_ascii() != item && !item.trim_ascii().is_empty() {
                return Err(Misconfigured::new("a scope begins or ends with white space")
                    .hint("write it as it is registered, such as api://my-api/.default"));
            }
            for word in item.split_ascii_whitespace() {
                if !word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
                    return Err(Misconfigured::new("a scope holds characters that no scope has")
                        .hint("scopes are printable ASCII without quotes and backslashes"));
                }
                if !words.iter().any(|known| **known == *word) {
                    words.push(word.into());
                }
            }
        }
        if words.is_empty() {
            return Err(Misconfigured::new("no scope is given")
                .hint("name what the token is for, such as api://my-api/.default or User.Read"));
        }
        let wire = words.join(" ").into_boxed_str();
        let mut folded: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        folded.sort_unstable();
        folded.dedup();
        let canonical = folded.join(" ").into_boxed_str();
        let mut hasher = DefaultHasher::new();
        canonical.hash(&mut hasher);
        let are_default = words.iter().all(|word| is_default(word));
        let hash = hasher.finish();
        Ok(Self(Arc::new(Forms { words: words.into(), wire, canonical, hash, are_default })))
    }

    /// The scopes, as they were written.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.words.iter().map(|word| &**word)
    }

    /// Separated by a space, as they were written: the form on the wire.
    pub fn as_str(&self) -> &str {
        &self.0.wire
    }

    /// Folded: the form that keys compare.
    pub fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// How many bytes of memory they take, however many share them: what a bounded cache counts.
    pub fn size(&self) -> usize {
        let Forms { words, wire, canonical, hash: _, are_default: _ } = &*self.0;
        let texts = words.iter().chain([wire, canonical]).map(|text| allocated(text.len()));
        shared(size_of::<Forms>()) + allocated(size_of_val::<[_]>(words)) + texts.sum::<usize>()
    }

    /// Whether each of them is some resource's `/.default`, as an application's own token needs.
    pub fn are_default(&self) -> bool {
        self.0.are_default
    }

    /// The `/.default` scope of the one resource that these scopes belong to: what an application
    /// asks for where its users ask for these. The identity scopes `openid`, `profile`, `email`
    /// and `offline_access` belong to no resource and are left out; a scope without a resource,
    /// such as `User.Read`, is Microsoft Graph's.
    ///
    /// # Errors
    /// [`Misconfigured`] when the scopes belong to several resources, or to none.
    pub fn to_default(&self) -> Result<Self, Misconfigured> {
        let mut resources: Vec<&str> =
            self.iter().filter(|scope| !is_identity_scope(scope)).map(resource_of).collect();
        resources.sort_unstable();
        resources.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        match resources.as_slice() {
            [resource] => Self::new([format!("{resource}/.default")]),
            [] => Err(Misconfigured::new("the scopes name no resource that an application could ask for")
                .hint("give the resource's /.default scope")),
            _ => Err(Misconfigured::new("the scopes belong to several resources; a token is for one")
                .hint("give the /.default scope of the one resource that is called")),
        }
    }
}

/// `openid`, `profile`, `email` and `offline_access`: they ask about the user, not for a resource.
pub fn is_identity_scope(scope: &str) -> bool {
    ["openid", "profile", "email", "offline_access"].iter().any(|known| known.eq_ignore_ascii_case(scope))
}

fn is_default(scope: &str) -> bool {
    let tail = scope.len().checked_sub("/.default".len()).and_then(|at| scope.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case("/.default")) && scope.len() > "/.default".len()
}

fn resource_of(scope: &str) -> &str {
    if is_default(scope) {
        // Cut the suffix only: `https://vault.azure.net//.default` is for `https://vault.azure.net/`.
        return scope.get(..scope.len() - "/.default".len()).unwrap_or(scope);
    }
    match scope.rsplit_once('/') {
        // `https://host` alone: the slash belongs to the scheme, the whole is the resource.
        Some((before, _)) if before.ends_with('/') => scope,
        Some((resource, _)) if !resource.is_empty() => resource,
        _ => "https://graph.microsoft.com",
    }
}

impl PartialEq for Scopes {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Nearly always the very scopes that the key was made of.
        Arc::ptr_eq(&self.0, &other.0) || self.0.canonical == other.0.canonical
    }
}

impl Eq for Scopes {}

impl Hash for Scopes {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl TryFrom<&str> for Scopes {
    type Error = Misconfigured;

    fn try_from(scopes: &str) -> Result<Self, Misconfigured> {
        Self::new([scopes])
    }
}

impl<const N: usize> TryFrom<[&str; N]> for Scopes {
    type Error = Misconfigured;

    fn try_from(scopes: [&str; N]) -> Result<Self, Misconfigured> {
        Self::new(scopes)
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = Misconfigured;

    fn try_from(scopes: Vec<String>) -> Result<Self, Misconfigured> {
        Self::new(scopes)
    }
}

impl TryFrom<&Scopes> for Scopes {
    type Error = Misconfigured;

    fn try_from(scopes: &Scopes) -> Result<Self, Misconfigured> {
        Ok(scopes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scopes: &str, default: Option<&str>) {
        let found = Scopes::try_from(scopes).unwrap().to_default().ok();
        assert_eq!(found.as_ref().map(Scopes::as_str), default, "{scopes}");
    }

    #[test]
    fn the_default_of_delegated_scopes() {
        check("api://my-api/read api://my-api/write", Some("api://my-api/.default"));
        check("https://graph.microsoft.com/User.Read", Some("https://graph.microsoft.com/.default"));
        check("User.Read Mail.Read", Some("https://graph.microsoft.com/.default"));
        check("api://a/read offline_access", Some("api://a/.default"));
        check("api://a/.default", Some("api://a/.default"));
        check("api://a/read api://b/read", None);
        check("openid profile", None);
        check("https://vault.azure.net//.default", Some("https://vault.azure.net//.default"));
    }

    #[test]
    fn default_is_a_suffix_of_a_resource() {
        assert!(Scopes::try_from("API://x/.Default").unwrap().are_default());
        assert!(!Scopes::try_from("/.default").unwrap().are_default());
        assert!(!Scopes::try_from("api://x/read").unwrap().are_default());
    }

    #[test]
    fn hostile_scopes_are_refused() {
        for hostile in ["", "   ", " a", "a ", "a\"b", "a\\b", "caf\u{e9}", "a\u{0}b"] {
            assert!(Scopes::try_from(hostile).is_err(), "{hostile:?}");
        }
    }
}
