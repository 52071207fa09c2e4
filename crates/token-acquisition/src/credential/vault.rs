//! A certificate in Azure Key Vault. Its private key is fetched where it may leave the vault; where it
//! may not, the vault signs.

mod client;
mod document;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{Misconfigured, Secret, TokenError};
use tokio::{sync, time::timeout};

use super::{
    aside,
    certificate::{Algorithm, KeyElsewhere, SigningCertificate},
    disk,
};
use crate::{jitter, telemetry};

pub(super) use client::VaultClient;
pub(crate) use client::vault_url;
use document::{CertificateBundle, SecretBundle, Signature};

/// The certificate of a name, in its newest version and the one before it.
pub(super) struct VaultCertificate {
    client: Arc<VaultClient>,
    name: String,
    key: KeyStays,
    held: Mutex<Held>,
    /// Held by the one who looks.
    looking: sync::Mutex<()>,
}

/// Whether the private key may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyStays {
    /// Only where the certificate's policy says that it cannot leave, or its secret may not be read.
    IfItMust,
    Always,
}

#[derive(Default)]
struct Held {
    /// The newest first.
    versions: Vec<Version>,
    look_at: Option<SystemTime>,
}

#[derive(Clone)]
struct Version {
    id: String,
    certificate: Arc<SigningCertificate>,
}

/// How long a vault is trusted to hold nothing new; up to a tenth less, so that instances that were
/// started together do not ask together.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// After a look that failed.
const LOOK_SOON: Duration = Duration::from_secs(300);
/// Whoever needs a token does not wait longer for a vault while a certificate is at hand.
const PATIENCE: Duration = Duration::from_secs(5);

impl VaultCertificate {
    pub(super) fn new(client: Arc<VaultClient>, name: String, key: KeyStays) -> Self {
        Self { client, name, key, held: Mutex::default(), looking: sync::Mutex::default() }
    }

    /// The newest version and the one before it; asks the vault where it was not asked for an hour.
    pub(super) async fn held(&self, now: SystemTime) -> Result<Vec<Arc<SigningCertificate>>, TokenError> {
        if !self.is_due(now) {
            return Ok(self.known());
        }
        if self.known().is_empty() {
            let _one_looks = self.looking.lock().await;
            // Whoever waited finds what the other one brought.
            if self.known().is_empty() {
                self.look(now).await?;
            }
        } else if let Ok(_one_looks) = self.looking.try_lock() {
            self.try_to_look(now).await;
        }
        Ok(self.known())
    }

    /// Looks though it is not due: what is at hand was refused.
    pub(super) async fn reload(&self, now: SystemTime) {
        let _one_looks = self.looking.lock().await;
        self.try_to_look(now).await;
    }

    pub(super) fn known(&self) -> Vec<Arc<SigningCertificate>> {
        self.lock().versions.iter().map(|version| Arc::clone(&version.certificate)).collect()
    }

    fn is_due(&self, now: SystemTime) -> bool {
        self.lock().look_at.is_none_or(|at| at <= now)
    }

    /// A vault that is down takes away nothing that is at hand.
    async fn try_to_look(&self, now: SystemTime) {
        let what = match timeout(PATIENCE, self.look(now)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "no answer in time".to_owned(),
        };
        self.lock().look_at = Some(now + LOOK_SOON);
        telemetry::vault_away(&what, self.client.host(), &self.name);
    }

    async fn look(&self, now: SystemTime) -> Result<(), TokenError> {
        let bundle: CertificateBundle = self.client.get(&format!("certificates/{}", self.name)).await?;
        let is_known = self.lock().versions.first().is_some_and(|known| known.id == bundle.id);
        if !is_known {
            let certificate = Arc::new(self.certificate(&bundle).await?);
            let mut held = self.lock();
            telemetry::certificate_came(self.client.host(), &self.name);
            held.versions.retain(|known| known.id != bundle.id);
            held.versions.truncate(1);
            held.versions.insert(0, Version { id: bundle.id, certificate });
        }
        let early = LOOK_AGAIN.mul_f64(jitter::fraction() / 10.0);
        self.lock().look_at = Some(now + LOOK_AGAIN - early);
        Ok(())
    }

    async fn certificate(&self, bundle: &CertificateBundle) -> Result<SigningCertificate, TokenError> {
        if !bundle.attributes.enabled {
            return Err(self.fault("is disabled in its key vault", "enable it there"));
        }
        if self.key == KeyStays::IfItMust && bundle.key_may_leave() {
            match self.client.get::<SecretBundle>(&self.client.path_of(&bundle.sid)?).await {
                Ok(secret) => return Ok(self.with_key(secret).await?),
                // The role that reads secrets is more than signing needs.
                Err(TokenError::Rejected(error)) if error.exchange().status() == Some(403) => {}
                Err(error) => return Err(error),
            }
        }
        let der =
            bundle.der().ok_or_else(|| self.fault("came damaged from its key vault", "import it again"))?;
        let key = VaultKey { client: Arc::clone(&self.client), path: self.client.path_of(&bundle.kid)? };
        Ok(SigningCertificate::with_key_elsewhere(&der, Arc::new(key))?)
    }

    async fn with_key(&self, secret: SecretBundle) -> Result<SigningCertificate, Misconfigured> {
        let kind = secret.content_type.unwrap_or_default();
        if !["", "application/x-pkcs12", "application/x-pem-file"].contains(&kind.as_str()) {
            return Err(Misconfigured::new(format!("the certificate {:?} is kept as {kind:?}", self.name))
                .hint("make it with the content type application/x-pkcs12 or application/x-pem-file"));
        }
        let value = Secret::new(secret.value);
        aside(move || SigningCertificate::from_content(&disk::decode(&value)?, None)).await
    }

    fn fault(&self, what: &str, hint: &str) -> TokenError {
        Misconfigured::new(format!("the certificate {:?} {what}", self.name)).hint(hint).into()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A private key that does not leave its vault.
struct VaultKey {
    client: Arc<VaultClient>,
    path: String,
}

#[async_trait]
impl KeyElsewhere for VaultKey {
    async fn sign(&self, algorithm: Algorithm, sha256: &[u8]) -> Result<Vec<u8>, TokenError> {
        let asked = serde_json::json!({ "alg": algorithm.name(), "value": URL_SAFE_NO_PAD.encode(sha256) });
        let signature: Signature = self.client.post(&format!("{}/sign", self.path), &asked).await?;
        URL_SAFE_NO_PAD.decode(signature.value.trim_end_matches('=')).map_err(|error| {
            Misconfigured::new("the key vault answered no signature").with_source(error).into()
        })
    }
}
