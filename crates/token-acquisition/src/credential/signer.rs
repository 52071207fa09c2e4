//! Proves the application by a certificate: which of those that are at hand, by which signature.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use entra_abstractions::{AssertionContext, Binding, Clock, Misconfigured, Secret, TokenError};

use super::{
    certificate::{Algorithm, SigningCertificate},
    report::CertificateFacts,
    reuse::{Reuse, Statement},
    source::CertificateSource,
};
use crate::client_assertion::ClientAssertion;

/// How the server that is asked wants its assertions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) algorithm: Algorithm,
    /// Whether an assertion may be shown more than once. Entra takes it again within its life; other
    /// servers refuse a `jti` that comes again.
    pub(crate) reusable: bool,
    pub(crate) send_x5c: bool,
}

pub(super) struct CertificateSigner {
    source: CertificateSource,
    manner: Manner,
    /// Instead of the token endpoint.
    audience: Option<String>,
    /// Whether the connection is made with the certificate, too.
    uses_binding: bool,
    clock: Arc<dyn Clock>,
    reuse: Reuse,
    /// The thumbprints that were refused, of those at hand.
    refused: Mutex<Vec<String>>,
    /// Which certificate connections show now: its clients are kept with it, and those of one that was
    /// shown before are not.
    shown: Mutex<Option<Binding>>,
}

/// How a certificate proves.
pub(super) enum Signed {
    /// By an assertion that it signed.
    Assertion {
        assertion: Secret,
        thumbprint: String,
        /// Whether it may be shown once only.
        once: bool,
        /// The certificate of the connection, where that is made with one.
        over: Option<Binding>,
    },
    /// By being that of the connection.
    Shown(Binding),
}

impl CertificateSigner {
    pub(super) fn new(source: CertificateSource, manner: Manner, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            manner,
            audience: None,
            uses_binding: false,
            clock,
            reuse: Reuse::default(),
            refused: Mutex::default(),
            shown: Mutex::default(),
        }
    }

    /// For another audience than the token endpoint.
    pub(super) fn with_audience(self, audience: Option<String>) -> Self {
        Self { audience, ..self }
    }

    /// Over connections with the certificate.
    pub(super) fn bound(self, uses_binding: bool) -> Self {
        Self { uses_binding, ..self }
    }

    /// Signs with the newest certificate that is valid now and was not refused.
    pub(super) async fn sign(&self, context: &AssertionContext) -> Result<Signed, TokenError> {
        let now = self.clock.now();
        let usable = usable(self.source.held(now).await?, now)?;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What is gone need not be remembered; and where all were refused, each has its chance again.
        refused.retain(|thumbprint| usable.iter().any(|certificate| certificate.thumbprint() == thumbprint));
        if refused.len() >= usable.len() {
            refused.clear();
        }
        let certificate =
            usable.iter().find(|certificate| !refused.iter().any(|r| r == certificate.thumbprint()));
        let certificate = certificate.cloned();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        match certificate {
            Some(certificate) => self.sign_with(&certificate, context).await,
            None => Err(Misconfigured::new("there is no certificate").into()),
        }
    }

    /// After a refusal of this certificate: one that has come meanwhile, or another one that is at
    /// hand. Where it was looked for and there is none, the same again: a certificate that has just
    /// been registered takes a moment to be known everywhere.
    pub(super) async fn sign_again(
        &self,
        context: &AssertionContext,
        refused: &str,
        reload: bool,
    ) -> Option<Result<Signed, TokenError>> {
        let now = self.clock.now();
        if reload {
            self.source.reload(now).await;
        }
        let usable = usable(self.source.held(now).await.ok()?, now).ok()?;
        let known = {
            let mut known = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            if !known.iter().any(|thumbprint| thumbprint == refused) {
                known.push(refused.to_owned());
            }
            known.clone()
        };
        let other = usable.iter().find(|certificate| !known.iter().any(|k| k == certificate.thumbprint()));
        let same = || usable.iter().find(|certificate| reload && certificate.thumbprint() == refused);
        let certificate = Arc::clone(other.or_else(same)?);
        Some(self.sign_with(&certificate, context).await)
    }

    /// Does not show an assertion again that was refused.
    pub(super) fn forget(&self, context: &AssertionContext) {
        self.reuse.forget(context.client.as_str(), self.audience(context));
    }

    /// The certificate that would sign now, as far as it has been read.
    pub(super) fn facts(&self) -> Option<CertificateFacts> {
        let held = self.source.known();
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |certificate: &&Arc<SigningCertificate>| {
            !refused.iter().any(|thumbprint| thumbprint == certificate.thumbprint())
        };
        let certificate = held.iter().find(is_good).or_else(|| held.first())?;
        Some(CertificateFacts {
            thumbprint: certificate.sha1_hex().to_owned(),
            valid_from: certificate.valid_from(),
            expires_at: certificate.expires_at(),
        })
    }

    async fn sign_with(
        &self,
        certificate: &Arc<SigningCertificate>,
        context: &AssertionContext,
    ) -> Result<Signed, TokenError> {
        if context.is_bound {
            return Ok(Signed::Shown(self.show(certificate)?));
        }
        let over = if self.uses_binding { Some(self.show_beside(certificate, context)?) } else { None };
        let (audience, now) = (self.audience(context), self.clock.now());
        let Manner { algorithm, reusable, send_x5c } = self.manner;
        // What is shown in the handshake is named in full, as .NET does.
        let send_x5c = send_x5c || over.is_some();
        let further = context.client_claims.as_ref();
        let assertion =
            ClientAssertion { client: &context.client, audience, send_x5c, algorithm, further, now };
        let sign = assertion.sign(certificate);
        let assertion = if reusable {
            let statement = Statement {
                thumbprint: certificate.thumbprint().to_owned(),
                client: context.client.to_string(),
                audience: audience.to_owned(),
                further: further.map(|claims| claims.as_str().to_owned()),
            };
            self.reuse.or_sign(statement, now, sign).await?
        } else {
            sign.await?
        };
        let thumbprint = certificate.thumbprint().to_owned();
        Ok(Signed::Assertion { assertion, thumbprint, once: !reusable, over })
    }

    fn show(&self, certificate: &SigningCertificate) -> Result<Binding, Misconfigured> {
        let binding = certificate.binding()?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(binding.clone());
        Ok(binding)
    }

    /// The certificate of the connection, where there is an endpoint that takes one.
    fn show_beside(
        &self,
        certificate: &SigningCertificate,
        context: &AssertionContext,
    ) -> Result<Binding, Misconfigured> {
        if context.mtls_endpoint.is_none() {
            return Err(Misconfigured::new("this authority has no endpoint that takes certificates")
                .hint("remove UseBoundCredential"));
        }
        self.show(certificate)
    }

    fn audience<'a>(&'a self, context: &'a AssertionContext) -> &'a str {
        let endpoint = context.mtls_endpoint.as_ref().filter(|_| self.uses_binding);
        self.audience.as_deref().unwrap_or(endpoint.unwrap_or(&context.token_endpoint))
    }
}

/// Those that are valid now; where none is, why the newest is not.
fn usable(
    held: Vec<Arc<SigningCertificate>>,
    now: SystemTime,
) -> Result<Vec<Arc<SigningCertificate>>, Misconfigured> {
    let mut fault = None;
    let mut usable = Vec::with_capacity(held.len());
    for certificate in held {
        match certificate.check_time(now) {
            Ok(()) => usable.push(certificate),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    match fault {
        Some(fault) if usable.is_empty() => Err(fault),
        _ => Ok(usable),
    }
}
