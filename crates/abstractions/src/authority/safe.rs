//! Which URLs secrets may be sent to.

use url::Url;

use crate::{Misconfigured, section::is_placeholder};

/// Reads the URL of a server that secrets are sent to.
///
/// # Errors
/// [`Misconfigured`] when it is a placeholder, not absolute, not [safe](is_safe), or holds a user name
/// or password. `example` is what the hint shows.
pub fn safe_url(text: &str, example: &str) -> Result<Url, Misconfigured> {
    if is_placeholder(text) {
        return Err(Misconfigured::new("a placeholder, not a URL").hint(format!("such as {example}")));
    }
    let url = Url::parse(text.trim()).map_err(|error| {
        Misconfigured::new("not an absolute URL").hint(format!("such as {example}")).with_source(error)
    })?;
    if !is_safe(&url) {
        return Err(Misconfigured::new("not an https URL").hint("secrets and tokens travel over https only"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Misconfigured::new("the URL holds a user name or password"));
    }
    Ok(url)
}

/// Whether secrets may be sent there: over `https`, or to this machine itself.
pub fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_this_machine(url),
        _ => false,
    }
}

/// Whether a URL leads back to this machine.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(host)) => host.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
