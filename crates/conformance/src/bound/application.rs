//! An application that proves itself by a certificate in a file, which is replaced now and then; and the
//! Entra that knows all of them.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use entra_abstractions::{AccessToken, AcquireToken, HttpSettings, Scheme, Scopes, TokenRequest};
#[cfg(test)]
use entra_abstractions::{Binding, KeyForm};
use entra_emulator::{Consent, Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, SerialNumber};
#[cfg(test)]
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use tempfile::TempDir;

pub(crate) const ORDERS: &str = "api://orders/.default";

/// A certificate and its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certificate {
    pub(crate) fn both(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }

    /// For a connection that shows it.
    #[cfg(test)]
    pub(crate) fn binding(&self) -> Result<Binding> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(self.key.as_bytes())?;
        let key = KeyForm::Pkcs8(key.secret_pkcs8_der().to_vec().into());
        Ok(Binding::new(vec![self.der()?], &key)?)
    }

    #[cfg(test)]
    pub(crate) fn der(&self) -> Result<Vec<u8>> {
        Ok(CertificateDer::from_pem_slice(self.certificate.as_bytes())?.to_vec())
    }
}

/// So many keys are made; the certificates take turns with them. So most are renewals with another key,
/// and some with a key that was there before.
const KEYS: usize = 3;

/// Certificates of an application, each another one.
pub(crate) fn mint(number: usize) -> Result<Vec<Certificate>> {
    let keys = (0..KEYS.min(number)).map(|_| KeyPair::generate_for(&PKCS_RSA_SHA256));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let one = |(number, key): (usize, &KeyPair)| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "night-job");
        params.serial_number = Some(SerialNumber::from(number as u64 + 1));
        let certificate = params.self_signed(key)?.pem();
        Ok(Certificate { certificate, key: key.serialize_pem() })
    };
    // Each key serves twice before the next has its turn.
    (0..number).map(|number| one((number, keys.get(number / 2 % KEYS).context("no key")?))).collect()
}

/// The daemon of the emulator's directory, at night.
pub(crate) struct Night {
    pub(crate) emulator: Emulator,
    pub(crate) tokens: TokenAcquirer,
    path: PathBuf,
    _folder: TempDir,
}

impl Night {
    /// With this certificate in its file, and all of these known to Entra.
    pub(crate) async fn begin(first: &Certificate, known: &[Certificate]) -> Result<Self> {
        let emulator = Emulator::builder().https(true).start().await?;
        emulator.edit(|directory| {
            directory.consents.push(Consent::roles("night-job", "orders", ["Orders.Read.All"]));
            if let Some(daemon) = directory.app_mut(ids::DAEMON) {
                daemon.certificates.extend(known.iter().map(|one| one.certificate.clone()));
            }
        });
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("night-job.pem");
        fs::write(&path, first.both())?;
        let application = Application::builder()
            .instance(emulator.base_url())
            .tenant(ids::TENANT)
            .client_id(ids::DAEMON)
            .certificate_file(&path)
            .build()?;
        let tokens = TokenAcquirer::builder(application).http(trusting(&emulator)?).build()?;
        Ok(Self { emulator, tokens, path, _folder: folder })
    }

    /// Puts another certificate in its place, and has the next token bound to it.
    pub(crate) async fn renew(&self, certificate: &Certificate) -> Result<AccessToken> {
        fs::write(&self.path, certificate.both())?;
        Ok(self.tokens.acquire(&TokenRequest { force_refresh: true, ..bound()? }).await?)
    }

    /// Where its certificate lies.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The token of now.
    pub(crate) async fn token(&self) -> Result<AccessToken> {
        Ok(self.tokens.acquire(&bound()?).await?)
    }
}

/// A client's settings that trust the emulator.
pub(crate) fn trusting(emulator: &Emulator) -> Result<HttpSettings> {
    Ok(HttpSettings::default().trust_pem(emulator.ca_pem().context("the emulator speaks no TLS")?))
}

fn bound() -> Result<TokenRequest> {
    let scopes = Scopes::try_from(ORDERS)?;
    Ok(TokenRequest { scheme: Scheme::MtlsPop, ..TokenRequest::as_app(scopes) })
}
