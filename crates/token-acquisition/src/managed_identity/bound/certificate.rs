//! A certificate of a managed identity, once it is known to be one: for our key, of the identity that
//! was asked for, and in its time.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use entra_abstractions::{Binding, ClientId, ManagedIdentityId, TokenError};
use url::Url;
use x509_parser::{certificate::X509Certificate, prelude::FromDer, x509::SubjectPublicKeyInfo};

use super::answer::{Issued, PlatformMetadata};

/// A certificate with its key, and where it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    binding: Binding,
    client: ClientId,
    token_endpoint: Url,
    ends_at: SystemTime,
}

/// So long before its end the next one is asked for: tokens that are bound to it live a day.
const LAST: Duration = Duration::from_secs(24 * 3600);

/// As far as clocks may disagree.
const SKEW: Duration = Duration::from_secs(300);

impl Certificate {
    pub(super) fn new(binding: Binding, issued: Issued, ends_at: SystemTime) -> Self {
        Self { binding, client: issued.client, token_endpoint: issued.token_endpoint, ends_at }
    }

    pub(super) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Under which id it is shown.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    pub(super) fn token_endpoint(&self) -> &Url {
        &self.token_endpoint
    }

    pub(super) fn ends_at(&self) -> SystemTime {
        self.ends_at
    }

    /// Whether it is worth another token.
    pub(super) fn serves(&self, now: SystemTime) -> bool {
        self.ends_at.duration_since(now).is_ok_and(|left| left > LAST)
    }

    /// Whether it can be shown at all.
    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        now < self.ends_at
    }
}

/// Checks what was issued against what was asked for, and says when it ends.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(
    issued: &Issued,
    asked: &PlatformMetadata,
    id: &ManagedIdentityId,
    public_key: &[u8],
    now: SystemTime,
) -> Result<SystemTime, &'static str> {
    let is_named = match id {
        ManagedIdentityId::ClientId(id) => issued.client.as_str().eq_ignore_ascii_case(id.as_str()),
        ManagedIdentityId::System | ManagedIdentityId::ResourceId(_) | ManagedIdentityId::ObjectId(_) => true,
    };
    if !is_named || !issued.client.as_str().eq_ignore_ascii_case(asked.client.as_str()) {
        return Err("a certificate of another identity");
    }
    if !issued.tenant.as_str().eq_ignore_ascii_case(asked.tenant.as_str()) {
        return Err("a certificate of another tenant");
    }
    let Ok(([], certificate)) = X509Certificate::from_der(&issued.certificate) else {
        return Err("a certificate that is cut off, or none");
    };
    let ours = SubjectPublicKeyInfo::from_der(public_key);
    let is_ours = ours.is_ok_and(|(_, ours)| {
        ours.algorithm.algorithm == certificate.public_key().algorithm.algorithm
            && ours.subject_public_key == certificate.public_key().subject_public_key
    });
    if !is_ours {
        return Err("a certificate for another key");
    }
    let at = |seconds: i64| {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.try_into().unwrap_or_default()))
    };
    let validity = certificate.validity();
    let ends_at = at(validity.not_after.timestamp()).ok_or("a certificate without an end")?;
    if ends_at <= now {
        return Err("a certificate that has ended, by this machine's clock");
    }
    if at(validity.not_before.timestamp()).is_none_or(|begins| begins > now + SKEW) {
        return Err("a certificate whose time has not come, by this machine's clock");
    }
    Ok(ends_at)
}

/// Whether it is the certificate that Entra does not take: in the handshake, or when it knows who asks.
pub(super) fn is_refused(error: &TokenError) -> bool {
    let by_entra = error.exchange().and_then(|exchange| exchange.error()) == Some("invalid_client");
    by_entra || is_refused_in_handshake(error)
}

fn is_refused_in_handshake(error: &TokenError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // What an I/O error wraps is not its source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let wrapped = wrapped.and_then(|wrapped| wrapped.downcast_ref::<rustls::Error>());
        let alert = wrapped.or_else(|| error.downcast_ref::<rustls::Error>());
        if matches!(alert, Some(rustls::Error::AlertReceived(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use entra_abstractions::{Exchange, KeyForm, Rejected, TenantId, Unavailable};
    use rustls::AlertDescription;
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn its_last_day_is_for_what_it_has_bound_already() {
        let key = KeyForm::Pkcs8(Zeroizing::new(Vec::new()));
        let issued = Issued {
            client: ClientId::new("66666666-6666-4666-8666-666666666666").unwrap(),
            tenant: TenantId::new("55555555-5555-4555-8555-555555555555").unwrap(),
            certificate: Vec::new(),
            token_endpoint: "https://mtlsauth.example".parse().unwrap(),
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let binding = Binding::new(vec![Vec::new()], &key).unwrap();
        let certificate = Certificate::new(binding, issued, at(100_000));
        let served = [13_599, 13_600, 99_999, 100_000].map(|now| certificate.serves(at(now)));
        assert_eq!(served, [true, false, false, false]);
        let valid = [13_600, 99_999, 100_000].map(|now| certificate.is_valid(at(now)));
        assert_eq!(valid, [true, true, false]);
    }

    #[test]
    fn entra_refuses_it_by_an_alert_or_as_a_client() {
        let exchange = || Exchange::new("managed_identity", "mtlsauth.example");
        let broken = |source: rustls::Error| {
            let wrapped = io::Error::new(io::ErrorKind::InvalidData, source);
            TokenError::from(Unavailable::new(exchange(), "the connection broke").with_source(wrapped))
        };
        assert!(is_refused(&broken(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked))));
        assert!(!is_refused(&broken(rustls::Error::HandshakeNotComplete)));
        let rejected = |code| TokenError::from(Rejected::new(exchange().with_error(Some(code), None)));
        assert!(is_refused(&rejected("invalid_client")) && !is_refused(&rejected("invalid_scope")));
    }
}
