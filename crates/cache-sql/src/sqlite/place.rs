//! Where the file is: a path, Microsoft.Data.Sqlite's syntax, or a URL.

use std::path::PathBuf;

use entra_abstractions::{ConnectionString, Faults, Misconfigured};

/// A file, and whether it may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) may_create: bool,
}

const SOURCE: &[&str] = &["Data Source", "Filename"];

impl Place {
    /// Reads `tokens.db`, `Data Source=tokens.db;Mode=ReadWrite` or `sqlite:tokens.db?mode=rw`.
    ///
    /// # Errors
    /// [`Misconfigured`] when no file is named, or one that could not be shared or written.
    pub(crate) fn new(connection: &ConnectionString) -> Result<Self, Misconfigured> {
        let (file, mode) = if connection.is_url() {
            of_url(connection)?
        } else if connection.text().expose().contains('=') {
            of_parts(connection)?
        } else {
            (connection.text().expose().to_owned(), None)
        };
        let fault = |what: &str| Misconfigured::new(what).at(connection.path());
        let mode = mode.unwrap_or_default().to_ascii_lowercase();
        let may_create = match mode.as_str() {
            "" | "readwritecreate" | "rwc" => true,
            "readwrite" | "rw" => false,
            "readonly" | "ro" => return Err(fault("Mode: tokens are written, too").hint("Mode=ReadWrite")),
            "memory" => return Err(fault(IN_MEMORY).hint(LEAVE_OUT)),
            _ => return Err(fault("Mode: not understood").hint("ReadWriteCreate or ReadWrite")),
        };
        if file.is_empty() {
            return Err(fault("Data Source: missing").hint("the path of a file"));
        }
        if file == ":memory:" || file.starts_with("file:") {
            return Err(fault(IN_MEMORY).hint(LEAVE_OUT));
        }
        Ok(Self { file: PathBuf::from(file), may_create })
    }
}

const IN_MEMORY: &str = "Data Source: the path of a file is expected, because memory is shared with nobody";
const LEAVE_OUT: &str = "without a TokenCache tokens are kept in memory";

fn of_parts(connection: &ConnectionString) -> Result<(String, Option<String>), Misconfigured> {
    let mut faults = Faults::default();
    let mut parts = connection.parts()?;
    let file = parts.text(SOURCE).unwrap_or_default();
    let mode = parts.text(&["Mode"]);
    parts.ignore(&[
        "Cache",
        "Command Timeout",
        "Default Timeout",
        "Foreign Keys",
        "Pooling",
        "Recursive Triggers",
    ]);
    parts.finish(&mut faults);
    faults.into_result((file, mode))
}

/// `sqlite:tokens.db` and `sqlite://tokens.db` are the same file; a third slash begins a path.
fn of_url(connection: &ConnectionString) -> Result<(String, Option<String>), Misconfigured> {
    let fault = |what: String| Misconfigured::new(what).at(connection.path());
    let text = connection.text().expose();
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sqlite") => rest,
        _ => return Err(fault("a URL that begins with sqlite: is expected here".to_owned())),
    };
    let (path, query) = rest
        .strip_prefix("//")
        .unwrap_or(rest)
        .split_once('?')
        .unwrap_or_else(|| (rest.strip_prefix("//").unwrap_or(rest), ""));
    let mut mode = None;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("mode", value)) => mode = Some(value.to_owned()),
            _ => return Err(fault("only mode is understood behind the ? of this URL".to_owned())),
        }
    }
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    Ok((path, mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::connection;

    #[test]
    fn a_file_is_said_in_three_ways() {
        let check = |text: &str, file: &str, may_create: bool| {
            let place = Place::new(&connection(text).unwrap()).unwrap();
            assert_eq!(place, Place { file: file.into(), may_create }, "{text}");
        };
        check("/var/lib/shop/tokens.db", "/var/lib/shop/tokens.db", true);
        check("Data Source=tokens.db;Cache=Shared;Pooling=False", "tokens.db", true);
        check("DataSource='a;b.db';Mode=ReadWrite", "a;b.db", false);
        check("sqlite:tokens.db", "tokens.db", true);
        check("sqlite://tokens.db?mode=rw", "tokens.db", false);
        check("sqlite:///var/lib/my%20shop/tokens.db", "/var/lib/my shop/tokens.db", true);
    }

    #[test]
    fn what_could_not_work_is_refused() {
        for (text, told) in [
            ("Data Source=:memory:", "memory is shared with nobody"),
            ("Data Source=x;Mode=Memory", "memory is shared with nobody"),
            ("sqlite::memory:", "memory is shared with nobody"),
            ("Data Source=tokens.db;Mode=ReadOnly", "Mode: tokens are written"),
            ("Data Source=tokens.db;Password=s3cret?", "Password: not understood here"),
            ("Mode=ReadWrite", "Data Source: missing"),
            ("sqlite:tokens.db?s3cret?=1", "only mode is understood"),
            ("postgres://app:s3cret?@db/x", "sqlite: is expected"),
        ] {
            let error = Place::new(&connection(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("s3cret"), "{text}: {error}");
        }
    }
}
