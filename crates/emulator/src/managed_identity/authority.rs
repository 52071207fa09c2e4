//! The authority that signs the certificates of managed identities, and which of them it has signed.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::certificate;
use crate::guarded::Guarded;

/// Made when the first certificate is asked for.
pub(super) struct Authority {
    issuer: Guarded<Option<Issuer<'static, KeyPair>>>,
    issued: Guarded<HashMap<Vec<u8>, Issued>>,
}

struct Issued {
    client_id: String,
    ends_at: i64,
}

impl Default for Authority {
    fn default() -> Self {
        Self { issuer: Guarded::new(None), issued: Guarded::new(HashMap::new()) }
    }
}

impl Authority {
    /// Signs a certificate for the key, valid from one time to another.
    pub(super) fn certify(
        &self,
        key: &[u8],
        (client_id, tenant_id): (&str, &str),
        (from, to): (i64, i64),
    ) -> Result<Vec<u8>, String> {
        let mut issuer = self.issuer.lock();
        let issuer = match &*issuer {
            Some(issuer) => issuer,
            None => issuer.insert(new_issuer().map_err(|error| error.to_string())?),
        };
        let mut subject = CertificateParams::default();
        subject.distinguished_name = rcgen::DistinguishedName::new();
        subject.distinguished_name.push(DnType::CustomDnType(DOMAIN_COMPONENT.to_vec()), tenant_id);
        subject.distinguished_name.push(DnType::CommonName, client_id);
        subject.is_ca = IsCa::ExplicitNoCa;
        subject.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        subject.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (subject.not_before, subject.not_after) = (at(from), at(to));
        let certificate = subject.signed_by(&RsaKey::of(key)?, issuer).map_err(|error| error.to_string())?;
        let der = certificate.der().to_vec();
        let issued = Issued { client_id: client_id.to_owned(), ends_at: to };
        self.issued.lock().insert(certificate::sha256(&der), issued);
        Ok(der)
    }

    /// Whether this is a certificate of this client's, and in its time.
    pub(super) fn has_certified(&self, der: &[u8], client_id: &str, now: i64) -> bool {
        let issued = self.issued.lock();
        issued
            .get(&certificate::sha256(der))
            .is_some_and(|issued| issued.client_id.eq_ignore_ascii_case(client_id) && now <= issued.ends_at)
    }

    /// From now on none of the certificates that are out is taken.
    pub(super) fn revoke(&self) {
        self.issued.lock().clear();
    }
}

fn new_issuer() -> Result<Issuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "entra-emulator managed identities");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(Issuer::new(params, KeyPair::generate()?))
}

fn at(seconds: i64) -> time::OffsetDateTime {
    (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or_default())).into()
}

/// The key of a request, as a certificate holds it.
struct RsaKey(Vec<u8>);

impl RsaKey {
    fn of(public_key: &[u8]) -> Result<Self, String> {
        let (_, key) = SubjectPublicKeyInfo::from_der(public_key).map_err(|error| error.to_string())?;
        Ok(Self(key.subject_public_key.data.to_vec()))
    }
}

impl PublicKeyData for RsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

const DOMAIN_COMPONENT: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 25];
