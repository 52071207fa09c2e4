//! Names of schemas and tables, which the user chooses: looked at once, quoted ever after.

use entra_abstractions::Misconfigured;

/// The name of a schema or a table, which can be quoted without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identifier(String);

/// What is left to a name, so that the one of its index fits into PostgreSQL's 63 bytes.
const MAX_LENGTH: usize = 48;

impl Identifier {
    /// Takes letters, digits, `_`, `-` and `$`. All databases could quote more; whoever writes more
    /// has most likely written two names into one, or is nobody's friend.
    ///
    /// # Errors
    /// [`Misconfigured`], which names the path and what was expected, never the name itself.
    pub(crate) fn new(name: &str, path: &str) -> Result<Self, Misconfigured> {
        let is_fit = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
        let fault = if name.is_empty() {
            "a name is expected here"
        } else if name.len() > MAX_LENGTH {
            "this name is too long: 48 bytes at most"
        } else if name.contains('.') {
            return Err(Misconfigured::new("a name without a dot is expected here")
                .at(path)
                .hint("SchemaName and TableName are two keys"));
        } else if !name.chars().all(is_fit) {
            "a name of letters, digits, '_', '-' and '$' is expected here"
        } else if name.to_ascii_lowercase().starts_with("sqlite_") {
            "names that begin with sqlite_ belong to SQLite"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(Misconfigured::new(fault).at(path))
    }

    /// The name itself, for a parameter of a statement.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a part of a statement, upper and lower case told apart. Unlike .NET: there the
    /// name is a part of the statement as it was written, and PostgreSQL folds it.
    pub(crate) fn quoted(&self, quote: char) -> String {
        // No quote is in it, so there is none to double.
        format!("{quote}{}{quote}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        for name in ["token_cache", "TokenCache", "select", "größe-1$", &"t".repeat(48)] {
            let identifier = Identifier::new(name, "TokenCache.TableName").unwrap();
            assert_eq!(identifier.quoted('"'), format!("\"{name}\""));
            assert_eq!(identifier.as_str(), name);
        }
    }

    #[test]
    fn hostile_names_are_refused_at_their_path() {
        for name in [
            "",
            "a\"; DROP TABLE users; --",
            "a`b",
            "a b",
            "a\0b",
            "dbo.TokenCache",
            "sqlite_master",
            "a'b",
            "a]b",
            &"t".repeat(49),
        ] {
            let error = Identifier::new(name, "TokenCache.TableName").unwrap_err();
            assert_eq!(error.faults()[0].at(), Some("TokenCache.TableName"));
            assert!(name.is_empty() || !error.to_string().contains(name), "{error}");
        }
    }
}
