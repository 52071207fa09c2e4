//! Reads which account is meant: `AccountEndpoint=..;AccountKey=..`, or the URL alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::{ConnectionString, Faults, Misconfigured, Secret};
use url::{Host, Url};

/// An account, and its key where one logs in with that.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) endpoint: Url,
    pub(crate) key: Option<Secret>,
    /// Only ever on this machine: the emulator signs its own certificate.
    pub(crate) is_any_certificate_trusted: bool,
}

impl Account {
    pub(crate) fn read(connection: &ConnectionString) -> Result<Self, Misconfigured> {
        if connection.is_url() {
            let endpoint = endpoint(connection.text().expose());
            let endpoint =
                endpoint.map_err(|what| Misconfigured::new(what).at(connection.path()).hint(EXAMPLE))?;
            return Ok(Self { endpoint, key: None, is_any_certificate_trusted: false });
        }
        let mut faults = Faults::default();
        let mut parts = connection.parts()?;
        let address = parts.text(&["AccountEndpoint"]);
        let key = parts.take(&["AccountKey"]);
        let is_any_certificate_trusted =
            parts.flag(&["DisableServerCertificateValidation"], &mut faults).unwrap_or(false);
        let endpoint = match address.as_deref().map_or(Err("missing"), endpoint) {
            Ok(endpoint) => Some(endpoint),
            Err(what) => {
                faults.add(parts.fault(&["AccountEndpoint"], what).hint(EXAMPLE));
                None
            }
        };
        if key.as_ref().is_some_and(|key| STANDARD.decode(key.expose()).is_err()) {
            faults.add(
                parts
                    .fault(&["AccountKey"], "not base64")
                    .hint("the primary or secondary key of the account"),
            );
        }
        if is_any_certificate_trusted && endpoint.as_ref().is_some_and(|endpoint| !is_loopback(endpoint)) {
            faults.add(
                parts
                    .fault(&["DisableServerCertificateValidation"], "only for an emulator on this machine")
                    .hint("leave it out"),
            );
        }
        parts.finish(&mut faults);
        match endpoint {
            Some(endpoint) => faults.into_result(Self { endpoint, key, is_any_certificate_trusted }),
            None => Err(faults.into_error()),
        }
    }

    /// As errors name it.
    pub(crate) fn name(&self) -> String {
        format!("Cosmos DB {}", self.endpoint.host_str().unwrap_or_default())
    }
}

const EXAMPLE: &str = "https://contoso.documents.azure.com:443/";

fn endpoint(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).ok().filter(Url::has_host).ok_or("not the URL of an account")?;
    match url.scheme() {
        _ if url.password().is_some() || !url.username().is_empty() => {
            Err("a URL without a user is expected")
        }
        "https" => Ok(url),
        // The driver itself lets no other host do so.
        "http" if is_loopback(&url) => Ok(url),
        _ => Err("https is expected"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use entra_abstractions::Section;

    use super::*;

    fn read(text: &str) -> Result<Account, String> {
        let root = Section::new("", serde_json::json!({}));
        let connection = ConnectionString::of(&root, text).unwrap().at("ConnectionStrings.Cosmos");
        Account::read(&connection).map_err(|error| error.to_string())
    }

    #[test]
    fn the_strings_of_the_portal_are_read() {
        let account =
            read("AccountEndpoint=https://contoso.documents.azure.com:443/;AccountKey=czNjcmV0PyVHJj0=;")
                .unwrap();
        assert_eq!(account.endpoint.as_str(), "https://contoso.documents.azure.com/");
        assert_eq!(account.key.as_ref().unwrap().expose(), "czNjcmV0PyVHJj0=");
        assert!(!format!("{account:?}").contains("czNj"));
        assert_eq!(account.name(), "Cosmos DB contoso.documents.azure.com");
        assert!(read("https://contoso.documents.azure.com:443/").unwrap().key.is_none());
        let text =
            "AccountEndpoint=https://localhost:8081/;AccountKey=eA==;DisableServerCertificateValidation=True";
        assert!(read(text).unwrap().is_any_certificate_trusted);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{expected} in: {error}");
        };
        check("AccountKey=hunter2;Acountendpoint=x", "AccountEndpoint: missing");
        check("AccountKey=hunter2;Acountendpoint=x", "AccountKey: not base64");
        check("AccountKey=hunter2;Acountendpoint=x", "did you mean AccountEndpoint?");
        check("http://contoso.documents.azure.com/", "https is expected");
        check("https://a:hunter2@contoso.documents.azure.com/", "without a user");
        check(
            "AccountEndpoint=https://contoso.example/;AccountKey=eA==;DisableServerCertificateValidation=True",
            "only for an emulator on this machine",
        );
    }
}
