//! What went wrong with the server, in an operator's words. Never in the server's: its messages
//! name users.

use std::io::ErrorKind;

use tiberius::error::Error;

/// Whether a connection can be used on after this error.
pub(crate) fn spares_the_connection(error: &Error) -> bool {
    // From severity 20 on the server ends the connection.
    matches!(error, Error::Server(token) if token.class() < 20)
}

/// Whether the server takes no writes. After a fail-over the one that is connected to can be the
/// read-only one: the name may lead to the other by now.
pub(crate) fn is_read_only(error: &Error) -> bool {
    error.code().is_some_and(|code| READ_ONLY.contains(&code))
}

/// Whether the table is not there, or is not to be seen.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    error.code() == Some(208)
}

/// Whether the server knows the login not, or another password of it, or has locked it.
pub(crate) fn refuses_login(error: &Error) -> bool {
    error.code().is_some_and(is_login)
}

fn is_login(number: u32) -> bool {
    matches!(number, 18_450..=18_488 | 33_134 | 40_531 | 40_532 | 47_073)
}

/// Whether somebody else has just made the table.
pub(crate) fn is_made_already(error: &Error) -> bool {
    error.code() == Some(2714)
}

const READ_ONLY: [u32; 5] = [976, 978, 3906, 3908, 25740];

/// What the error says of the server.
pub(crate) fn of(error: &Error) -> String {
    match error {
        Error::Io { kind, .. } => of_io(*kind).to_owned(),
        Error::Tls(_) => "its certificate is not trusted, or it does not speak TLS 1.2 (name the \
                          certificate's host by HostNameInCertificate, or its authority's file by CertificateAuthority)"
            .to_owned(),
        Error::Server(token) => {
            let what = of_number(token.code());
            format!("{what} (error {}, severity {}, state {})", token.code(), token.class(), token.state())
        }
        Error::Routing { .. } => "it sends from one address to the next without an end".to_owned(),
        Error::Protocol(_) => {
            "it does not speak the protocol of SQL Server, or refuses encryption".to_owned()
        }
        _ => "it answers what cannot be read".to_owned(),
    }
}

pub(crate) fn of_io(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ConnectionRefused => "cannot be reached: nothing listens there",
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => "cannot be reached: it closed the connection",
        ErrorKind::TimedOut => "cannot be reached: no answer in time",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "cannot be reached: no route to it",
        ErrorKind::InvalidData => "its certificate is not trusted, or it does not speak TLS",
        _ => "cannot be reached, or its name cannot be resolved",
    }
}

/// <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>
/// and <https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues>
fn of_number(number: u32) -> &'static str {
    match number {
        208 => "there is no such table, or this login may not see it",
        229 | 230 | 262 | 297 | 300 | 916 | 10_326 => "refuses: the login has no permission",
        2_760 => "refuses: there is no such schema, or the login may not use it",
        4_060 | 4_063 | 4_064 => "refuses the login: there is no such database, or it may not be opened",
        code if is_login(code) => "refuses the login",
        40_607 | 40_615 | 40_914 => "refuses the login: its firewall does not let this address in",
        code if READ_ONLY.contains(&code) => "is read-only",
        1_101 | 1_105 | 9_002 | 40_544 => "is full",
        1_205 | 1_222 => "is busy: a lock was not to be had",
        921..=927 | 942 | 945 | 952 | 983 | 6_005 | 18_401 | 40_197 | 40_613 => {
            "is away: the database is not online"
        }
        701 | 802 | 8_645 | 8_651 | 10_928 | 10_929 | 17_809 | 40_501 | 40_549..=40_553 | 49_918..=49_920 => {
            "is overloaded"
        }
        _ => "refuses",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_in_words() {
        let check = |number, words| assert_eq!(of_number(number), words, "{number}");
        check(229, "refuses: the login has no permission");
        check(3_906, "is read-only");
        check(9_002, "is full");
        check(18_456, "refuses the login");
        check(40_613, "is away: the database is not online");
        check(99_999, "refuses");
    }
}
