//! The developer must act: a program or configuration that cannot work, said all at once.

use std::{error::Error, fmt, sync::Arc};

/// One thing that is wrong: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    at: Option<String>,
    what: String,
    hint: Option<String>,
}

impl Fault {
    /// The path in the configuration, such as `AzureAd.ClientCredentials[1].SourceType`.
    pub fn at(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The next step.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// This program or its configuration cannot work as it stands. Holds every fault that was found,
/// not only the first.
///
/// `{}` prints one line; `{:#}` prints each fault on a line of its own.
#[derive(Debug, Clone)]
pub struct Misconfigured(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    faults: Vec<Fault>,
    leg: Option<String>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Misconfigured {
    /// One fault, without a place yet.
    pub fn new(what: impl Into<String>) -> Self {
        let fault = Fault { at: None, what: one_line(what.into()), hint: None };
        Self(Arc::new(Inner { faults: vec![fault], leg: None, source: None }))
    }

    /// With the place in the configuration, for faults that have none yet.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        let path = one_line(path.into());
        for fault in &mut Arc::make_mut(&mut self.0).faults {
            fault.at.get_or_insert_with(|| path.clone());
        }
        self
    }

    /// With the next step, for faults that have none yet.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = one_line(hint.into());
        for fault in &mut Arc::make_mut(&mut self.0).faults {
            fault.hint.get_or_insert_with(|| hint.clone());
        }
        self
    }

    /// With the error underneath, which must be free of secrets.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    pub(crate) fn in_leg(mut self, leg: String) -> Self {
        Arc::make_mut(&mut self.0).leg.get_or_insert(leg);
        self
    }

    /// Everything that is wrong, in the order in which it was found.
    pub fn faults(&self) -> &[Fault] {
        &self.0.faults
    }
}

/// A key, an id or a path of the configuration may stand in it, and may hold anything: here it
/// neither ends a line of a log nor moves a terminal's cursor.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = &self.0.faults;
        if let [fault] = faults.as_slice() {
            fault.fmt(f)?;
        } else {
            write!(f, "{} faults", faults.len())?;
            for (index, fault) in faults.iter().enumerate() {
                let separator = match (f.alternate(), index) {
                    (true, _) => "\n  - ",
                    (false, 0) => ": ",
                    (false, _) => "; ",
                };
                write!(f, "{separator}{fault}")?;
            }
        }
        match &self.0.leg {
            Some(leg) => write!(f, " ({leg})"),
            None => Ok(()),
        }
    }
}

impl Error for Misconfigured {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Collects faults while something is read, so that all are told at once.
///
/// ```
/// use entra_abstractions::{Faults, Misconfigured};
///
/// let mut faults = Faults::default();
/// faults.add(Misconfigured::new("the client id is missing").at("AzureAd.ClientId"));
/// faults.add(Misconfigured::new("the tenant is missing").at("AzureAd.TenantId"));
/// let error = faults.into_result(()).unwrap_err();
/// assert_eq!(error.faults().len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Faults(Vec<Misconfigured>);

impl Faults {
    /// Notes what is wrong.
    pub fn add(&mut self, fault: Misconfigured) {
        self.0.push(fault);
    }

    /// The value of a result, or `None` with its error noted.
    pub fn take<T>(&mut self, result: Result<T, Misconfigured>) -> Option<T> {
        result.map_err(|fault| self.add(fault)).ok()
    }

    /// Notes everything that others noted.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value if nothing was wrong, else one error with all faults.
    ///
    /// # Errors
    /// [`Misconfigured`] with every fault noted so far.
    pub fn into_result<T>(self, value: T) -> Result<T, Misconfigured> {
        if self.0.is_empty() { Ok(value) } else { Err(self.into_error()) }
    }

    /// All faults as one error, each once, however many looked at the same key. Without any fault
    /// it says just that, so look first.
    pub fn into_error(mut self) -> Misconfigured {
        if self.0.len() == 1 {
            return self.0.remove(0);
        }
        let source = self.0.iter().find_map(|error| error.0.source.clone());
        let mut faults: Vec<Fault> = Vec::new();
        for fault in self.0.iter().flat_map(|error| &error.0.faults) {
            if !faults.contains(fault) {
                faults.push(fault.clone());
            }
        }
        Misconfigured(Arc::new(Inner { faults, leg: None, source }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_line_break_is_one_line() {
        let error = Misconfigured::new("unknown key").at("AzureAd.a\nERROR b\u{1b}[2J");
        assert_eq!(error.to_string(), r"AzureAd.a\nERROR b\u{1b}[2J: unknown key");
    }

    #[test]
    fn one_line_or_a_list() {
        let mut faults = Faults::default();
        faults.add(Misconfigured::new("missing").at("AzureAd.ClientId").hint("put it in"));
        faults.add(Misconfigured::new("unknown key").at("AzureAd.Clientid2"));
        let error = faults.into_error();
        assert_eq!(
            error.to_string(),
            "2 faults: AzureAd.ClientId: missing (put it in); AzureAd.Clientid2: unknown key"
        );
        assert_eq!(format!("{error:#}").lines().count(), 3);
        let mut twice = Faults::default();
        twice.add(error.clone());
        twice.add(error.clone());
        assert_eq!(twice.into_error().faults(), error.faults());
    }
}
