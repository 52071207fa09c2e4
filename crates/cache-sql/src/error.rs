//! What a database did instead of what it was asked, in the words of those who run it.
//!
//! Errors of the driver end here: what is told on is chosen, and none of them is a source, because
//! some of them show values of rows.

use std::{fmt, io};

use sqlx::Error;

/// What went wrong, and what it was said to be.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: Kind,
    says: String,
}

/// What kind of trouble it is: what decides whether to ask again, and who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The server is away, or the connection broke.
    Away,
    /// It is there and takes too long.
    Slow,
    /// It has no room for one more connection, or somebody else holds the lock.
    Busy,
    /// Two statements were in each other's way, and this one was undone.
    Conflict,
    /// Its certificate is not trusted, or it speaks no TLS.
    Tls,
    /// It does not know the user, or the password is wrong.
    Login,
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    /// There is no token with which to log in.
    Credential,
    /// The user may not do this.
    Permission,
    /// It takes no writes: a replica, a file that is read only.
    ReadOnly,
    /// There is no room left.
    Full,
    /// There is no such table.
    Missing,
    /// The table, or the file, is not one of ours.
    Foreign,
    /// Something else.
    Other,
}

impl Failure {
    /// A failure of this kind, with what there is to say about it.
    pub(crate) fn new(kind: Kind, says: impl Into<String>) -> Self {
        Self { kind, says: one_line(&says.into()) }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the connection on which it happened is of no use any more, and another one may be:
    /// whoever finds no table looks for it again.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self.kind, Kind::Away | Kind::Slow | Kind::Missing)
    }

    /// Whether the server knows the user not, or another password.
    pub(crate) fn refuses_login(&self) -> bool {
        self.kind == Kind::Login
    }

    /// What the driver says where it is not the database that speaks: the network, TLS, itself.
    pub(crate) fn of_driver(error: &Error) -> Self {
        match error {
            Error::Io(error) if is_certificate(error) => Self::new(Kind::Tls, untrusted(error)),
            // Its kind alone says nothing of a name that cannot be resolved.
            Error::Io(error) => Self::new(Kind::Away, error.to_string()),
            Error::Tls(error) => Self::new(Kind::Tls, error.to_string()),
            Error::Configuration(error) => Self::new(Kind::Other, error.to_string()),
            Error::Protocol(_) | Error::WorkerCrashed => Self::new(Kind::Away, "the connection broke"),
            Error::ColumnDecode { .. } | Error::Decode(_) | Error::ColumnNotFound(_) => {
                Self::new(Kind::Foreign, "a column has another type")
            }
            _ => Self::new(Kind::Other, "the driver failed"),
        }
    }
}

/// What rustls says of a certificate comes as an error of input and output.
fn is_certificate(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("certificate")
}

/// What rustls says, and what to do where it is only that nobody here knows who signed.
fn untrusted(error: &io::Error) -> String {
    let says = error.to_string();
    let next = if says.contains("UnknownIssuer") {
        "; name its authority's file in CertificateAuthority"
    } else {
        ""
    };
    format!("{says}{next}")
}

/// What a server says, without the name of the user in it: who logs in by Entra may have an address for
/// one.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn unnamed(says: &str, user: &str) -> String {
    ['"', '\''].into_iter().fold(says.to_owned(), |says, quote| {
        says.replace(&format!("{quote}{user}{quote}"), &format!("{quote}..{quote}"))
    })
}

/// The first 600 characters, on one line: it is somebody else's text.
fn one_line(text: &str) -> String {
    text.chars().take(600).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Away => "cannot be reached",
            Kind::Slow => "did not answer in time",
            Kind::Busy => "is busy",
            Kind::Conflict => "undid the statement because of another one",
            Kind::Tls => "cannot be trusted",
            Kind::Login => "refuses the login, check the user and the password",
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Kind::Credential => "cannot be logged in to without a token",
            Kind::Permission => "does not permit this to the user, grant SELECT, INSERT, UPDATE and DELETE",
            Kind::ReadOnly => "is read-only",
            Kind::Full => "is full",
            Kind::Missing => "has no table for tokens",
            Kind::Foreign => "has something else where the table for tokens should be",
            Kind::Other => "failed",
        };
        if self.says.is_empty() { f.write_str(what) } else { write!(f, "{what}: {}", self.says) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_to_operators_on_one_line() {
        let failure = Failure::of_driver(&Error::Io(io::ErrorKind::ConnectionRefused.into()));
        assert_eq!(failure.to_string(), "cannot be reached: connection refused");
        assert!(failure.ends_connection());
        let unresolved = io::Error::other("failed to lookup address information: Name or service not known");
        let failure = Failure::of_driver(&Error::Io(unresolved));
        assert!(failure.to_string().ends_with("lookup address information: Name or service not known"));
        let failure = Failure::new(Kind::Full, "disk\nfull");
        assert_eq!(failure.to_string(), "is full: disk full");
        assert!(!failure.ends_connection());
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    #[test]
    fn it_names_no_user() {
        let of = |says| unnamed(says, "o'brien@contoso.example");
        let postgres = "password authentication failed for user \"o'brien@contoso.example\"";
        assert_eq!(of(postgres), "password authentication failed for user \"..\"");
        let mysql = "Access denied for user 'o'brien@contoso.example'@'10.0.0.4' (using password: YES)";
        assert_eq!(of(mysql), "Access denied for user '..'@'10.0.0.4' (using password: YES)");
    }

    #[test]
    fn a_certificate_is_no_outage() {
        let error = io::Error::new(io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
        let failure = Failure::of_driver(&Error::Io(error));
        assert_eq!(failure.kind(), Kind::Tls);
        assert_eq!(
            failure.to_string(),
            "cannot be trusted: invalid peer certificate: UnknownIssuer; name its authority's file in CertificateAuthority"
        );
    }
}
