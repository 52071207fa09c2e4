//! What stands in `ConnectionStrings`: how a server is reached, password and all, in .NET's syntax
//! or as a URL.

mod parts;

use std::fmt;

use url::Url;

use crate::{
    Faults, Misconfigured, Secret, Section,
    section::{is_placeholder, nearest},
};

pub use parts::ConnectionParts;

/// A connection string that knows where it is written, and does not show.
///
/// ```
/// use entra_abstractions::{ConnectionString, Faults, Section};
///
/// let root = Section::new("", serde_json::json!({
///     "ConnectionStrings": { "TokenCacheDb": "Server=db.example; User ID=app; Password='a;b'; Pooling=true" }
/// }));
/// let mut parts = ConnectionString::of(&root, "TokenCacheDb")?.parts()?;
/// let mut faults = Faults::default();
/// assert_eq!(parts.text(&["Server", "Data Source"]).as_deref(), Some("db.example"));
/// assert_eq!(parts.text(&["User ID", "UID"]).as_deref(), Some("app"));
/// assert_eq!(parts.take(&["Password", "PWD"]).unwrap().expose(), "a;b");
/// assert_eq!(parts.number::<u16>(&["Port"], &mut faults), None);
/// parts.ignore(&["Pooling"]);
/// parts.finish(&mut faults); // notes what nobody took
/// faults.into_result(())?;
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "GetConnectionString")]
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    path: String,
    text: Secret,
}

impl ConnectionString {
    /// What a section's key `ConnectionString` means: the name of an entry of the root's
    /// `ConnectionStrings`, or a connection string itself.
    ///
    /// # Errors
    /// [`Misconfigured`] when there is none, or no entry of the name; the developer must act.
    pub fn from_section(section: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let text = section.text("ConnectionString", &mut faults);
        let path = section.path_of("ConnectionString");
        let text = faults.into_result(text)?.ok_or_else(|| {
            Misconfigured::new("missing: the name of an entry of ConnectionStrings, or a connection string")
                .at(&path)
        })?;
        let found = Self::of(root, &text).map_err(|fault| fault.at(&path))?;
        Ok(if found.path.is_empty() { found.at(path) } else { found })
    }

    /// The entry of this name in the root's `ConnectionStrings`; where there is none, the text is
    /// the connection string.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text can only be a name, and there is no entry of it, or the entry
    /// was not filled in; the developer must act.
    pub fn of(root: &Section, text: &str) -> Result<Self, Misconfigured> {
        let (entries, name) = (root.section("ConnectionStrings"), text.trim());
        let mut faults = Faults::default();
        // A connection string may hold dots, which would lead deeper.
        if entries.names().any(|entry| entry.eq_ignore_ascii_case(name)) {
            let path = entries.path_of(name);
            let text = entries.text(name, &mut faults).map(Secret::new);
            let text = faults.into_result(text)?.filter(|text| !is_placeholder(text.expose()));
            let text =
                text.ok_or_else(|| Misconfigured::new("no connection string was filled in").at(&path))?;
            return Ok(Self { path, text });
        }
        if is_name(name) {
            let fault = Misconfigured::new("no entry of ConnectionStrings has this name");
            let known: Vec<&str> = entries.names().collect();
            return Err(match nearest(name, &known) {
                Some(known) => fault.hint(format!("did you mean {known}?")),
                None => fault.hint("add it to ConnectionStrings; a host is written with its port"),
            });
        }
        Ok(Self { path: String::new(), text: Secret::new(name) })
    }

    /// The same one, said to be written there.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Where it is written, such as `ConnectionStrings.Redis`; empty where nobody said.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As it is written.
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// Whether it begins as a URL does, with a scheme, such as `redis://` or `sqlite:`.
    pub fn is_url(&self) -> bool {
        self.scheme().is_some()
    }

    /// The scheme of a URL, in small letters.
    pub fn scheme(&self) -> Option<String> {
        let text = self.text.expose();
        let (scheme, rest) = text.split_once(':')?;
        let is_scheme = scheme.len() > 1
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let is_url = rest.starts_with("//") || scheme.eq_ignore_ascii_case("sqlite");
        (is_scheme && is_url).then(|| scheme.to_ascii_lowercase())
    }

    /// As a URL. It holds the password, so it must not be printed.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is none; the developer must act.
    pub fn url(&self) -> Result<Url, Misconfigured> {
        let no_url = |error: url::ParseError| {
            Misconfigured::new("this is no URL")
                .at(&self.path)
                .with_source(error)
                .hint("characters of a password such as @ : / ? # % are written as %40 %3A %2F %3F %23 %25")
        };
        Url::parse(self.text.expose()).map_err(no_url)
    }

    /// Its parts, in .NET's syntax: `Server=db.example;Password='a;b'`.
    ///
    /// # Errors
    /// [`Misconfigured`] when it cannot be taken apart; the developer must act.
    #[doc(alias = "DbConnectionStringBuilder")]
    pub fn parts(&self) -> Result<ConnectionParts, Misconfigured> {
        ConnectionParts::parse(self.text.expose(), &self.path)
    }

    /// What a URL of one of these schemes says, as parts: `Host`, `Port`, `Database`, `User ID`,
    /// `Password`, and those behind its `?` by their names, without `-` and `_`.
    ///
    /// ```
    /// use entra_abstractions::{ConnectionString, Section};
    ///
    /// let text = "postgres://app:s3cret%3F@db.example:5433/tokens?ssl-mode=require";
    /// let mut parts = ConnectionString::of(&Section::default(), text)?.url_parts(&["postgres"])?;
    /// assert_eq!(parts.text(&["Server", "Host"]).as_deref(), Some("db.example"));
    /// assert_eq!(parts.take(&["Password"]).unwrap().expose(), "s3cret?");
    /// assert_eq!(parts.text(&["SSL Mode"]).as_deref(), Some("require"));
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no URL, or one of another scheme; the developer must act.
    pub fn url_parts(&self, schemes: &[&str]) -> Result<ConnectionParts, Misconfigured> {
        if !self.scheme().is_some_and(|scheme| schemes.contains(&scheme.as_str())) {
            let begins = schemes.first().copied().unwrap_or_default();
            let fault = format!("a URL that begins with {begins}:// is expected here");
            return Err(Misconfigured::new(fault).at(&self.path));
        }
        ConnectionParts::of_url(&self.url()?, &self.path)
    }
}

/// What no connection string looks like: a word, without a dot or a port. `localhost` is a host to
/// everybody.
fn is_name(text: &str) -> bool {
    !text.eq_ignore_ascii_case("localhost")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' '))
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionString").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
