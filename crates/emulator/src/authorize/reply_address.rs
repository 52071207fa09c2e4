//! Where a code may be sent: only to addresses that the application has registered.

use url::Url;

use crate::directory::App;
use crate::refusal::{Reason, Refusal};

pub(super) fn check(client: &App, redirect_uri: &str) -> Result<(), Refusal> {
    if client.redirect_uris.is_empty() {
        return Err(Reason::NoReplyAddress.because("No reply address is registered for the application."));
    }
    if client
        .redirect_uris
        .iter()
        .any(|registered| registered == redirect_uri || is_loopback(registered, redirect_uri))
    {
        return Ok(());
    }
    Err(Reason::ReplyAddress.because(format!(
        "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.",
        client.client_id
    )))
}

/// `http://localhost` stands for every port and path of it, because a test's server has any port.
fn is_loopback(registered: &str, redirect_uri: &str) -> bool {
    registered == "http://localhost"
        && Url::parse(redirect_uri)
            .is_ok_and(|url| url.scheme() == "http" && url.host_str() == Some("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registered_addresses_and_ports_of_localhost_get_codes() {
        let mut app = App::new("a", "c");
        assert_eq!(check(&app, "http://localhost:1/cb").unwrap_err().number(), 500_113);
        app.redirect_uris = vec!["http://localhost".into(), "https://app.example/cb".into()];
        for good in ["http://localhost:1/cb", "http://localhost", "https://app.example/cb"] {
            assert!(check(&app, good).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example/cb/",
            "http://localhost.evil.example/",
            "https://localhost/",
            "javascript:x",
        ] {
            assert_eq!(check(&app, bad).unwrap_err().number(), 50011, "{bad}");
        }
    }
}
