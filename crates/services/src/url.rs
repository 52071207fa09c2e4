//! URLs as clients take them, with a password that needs escaping.

use std::net::Ipv4Addr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The password of every server that has one; hostile to those who paste it into a URL as it is.
pub const PASSWORD: &str = "s3cret?%G&=";

/// The user and the database of the SQL servers.
pub(crate) const USER: &str = "app";
pub(crate) const DATABASE: &str = "tokens";

/// A URL with user, password and database.
pub(crate) fn of_database(scheme: &str, port: u16) -> String {
    let password = utf8_percent_encode(PASSWORD, NON_ALPHANUMERIC);
    format!("{scheme}://{USER}:{password}@{}:{port}/{DATABASE}", Ipv4Addr::LOCALHOST)
}

/// A URL of Redis; it has no user.
pub(crate) fn of_redis(password: Option<&str>, is_tls: bool, port: u16) -> String {
    let scheme = if is_tls { "rediss" } else { "redis" };
    let password = password.map(|text| format!(":{}@", utf8_percent_encode(text, NON_ALPHANUMERIC)));
    format!("{scheme}://{}{}:{port}", password.unwrap_or_default(), Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_escaped() {
        assert_eq!(of_database("mysql", 15_001), "mysql://app:s3cret%3F%25G%26%3D@127.0.0.1:15001/tokens");
        assert_eq!(of_redis(Some("a b"), true, 1), "rediss://:a%20b@127.0.0.1:1");
        assert_eq!(of_redis(None, false, 1), "redis://127.0.0.1:1");
    }
}
