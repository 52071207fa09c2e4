//! The environment variables of the process, as a value that can be handed in.

use std::collections::BTreeMap;

use crate::Secret;

/// Environment variables by name. Values may be secrets, so they never show in `Debug`.
///
/// ```
/// use entra_abstractions::Environment;
///
/// let environment = Environment::from_pairs([("AzureAd__ClientSecret", "s3cret?%G&=")]);
/// assert_eq!(environment.get("AzureAd__ClientSecret"), Some("s3cret?%G&="));
/// assert!(!format!("{environment:?}").contains("s3cret"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Secret>,
}

impl Environment {
    /// The environment this process was started with. Variables that are not UTF-8 are left out.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the process's environment")]
    pub fn of_process() -> Self {
        let pairs = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_pairs(pairs)
    }

    /// No variables at all.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Exactly these variables.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), Secret::new(value))).collect();
        Self { variables }
    }

    /// The value of a variable; names are exact.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(Secret::expose)
    }

    /// All variables, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}
