//! One credential, ready to be used: how it proves the application, and what is known of it.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use entra_abstractions::{
    AssertionContext, Misconfigured, ProvideAssertion, ProviderSettings, Secret, TokenError,
};

use super::{
    Proof, aside, assertion_file,
    report::CertificateFacts,
    signer::{CertificateSigner, Signed},
};

pub(super) struct Link {
    pub(super) at: Arc<str>,
    pub(super) kind: &'static str,
    pub(super) means: Means,
    /// Whether the connection to Entra is made with its certificate, whatever is asked for.
    pub(super) uses_binding: bool,
    standing: Mutex<Standing>,
}

/// A credential's way of proving.
pub(super) enum Means {
    Secret(Secret),
    Certificate(Box<CertificateSigner>),
    AssertionFile(PathBuf),
    Provider(Arc<dyn ProvideAssertion>, ProviderSettings),
    /// Configured, but not usable here, and why.
    Unusable(Misconfigured),
}

#[derive(Default)]
struct Standing {
    was: Was,
    reloaded_at: Option<SystemTime>,
}

/// What came of a credential when it was tried last.
#[derive(Debug, Clone, Default)]
pub(super) enum Was {
    #[default]
    NotTried,
    Used,
    PassedOver(TokenError),
}

/// What Entra refuses is loaded anew once in this time, whatever it refuses meanwhile.
const RELOAD_AGAIN: Duration = Duration::from_secs(60);

impl Link {
    pub(super) fn new(at: Arc<str>, kind: &'static str, means: Means) -> Self {
        Self { at, kind, means, uses_binding: false, standing: Mutex::default() }
    }

    /// Over connections with its certificate.
    pub(super) fn bound(self, uses_binding: bool) -> Self {
        Self { uses_binding, ..self }
    }

    pub(super) async fn prove(&self, context: &AssertionContext) -> Result<Proof, TokenError> {
        let proved = self.means.prove(&self.at, &self.bound_as(context)).await;
        let proved = proved.map_err(|error| error.to_prove(Arc::clone(&self.at)));
        self.note(match &proved {
            Ok(_) => Was::Used,
            Err(error) => Was::PassedOver(error.clone()),
        });
        proved
    }

    /// Another proof by the same credential, after Entra refused this one. Nothing, where it would
    /// only be the same again.
    pub(super) async fn prove_again(
        &self,
        context: &AssertionContext,
        refused: &Proof,
        now: SystemTime,
    ) -> Option<Proof> {
        let proof =
            self.means.prove_again(&self.at, &self.bound_as(context), refused, self.may_reload(now)).await?;
        self.note(Was::Used);
        Some(proof)
    }

    /// Entra refused what this credential proves.
    pub(super) fn refused(&self, error: &TokenError) {
        self.note(Was::PassedOver(error.clone()));
    }

    pub(super) fn was(&self) -> Was {
        self.lock().was.clone()
    }

    pub(super) fn certificate(&self) -> Option<CertificateFacts> {
        match &self.means {
            Means::Certificate(signer) => signer.facts(),
            Means::Secret(_) | Means::AssertionFile(_) | Means::Provider(..) | Means::Unusable(_) => None,
        }
    }

    /// A provider's assertion must be bound where this credential is. A certificate's need not be: it
    /// is shown beside it.
    fn bound_as<'a>(&self, context: &'a AssertionContext) -> Cow<'a, AssertionContext> {
        if context.is_bound || !self.uses_binding || matches!(self.means, Means::Certificate(_)) {
            return Cow::Borrowed(context);
        }
        let mut context = context.clone();
        context.is_bound = true;
        Cow::Owned(context)
    }

    /// Why the tokens that it proves for could never be bound.
    pub(super) fn check_bound(&self) -> Result<(), Misconfigured> {
        match &self.means {
            Means::Certificate(_) => Ok(()),
            Means::Provider(provider, _) => provider.check_bound(),
            Means::Unusable(fault) => Err(fault.clone()),
            Means::Secret(_) | Means::AssertionFile(_) => Err(unbound(self.means.what())),
        }
        .map_err(|fault| fault.at(&*self.at))
    }

    fn may_reload(&self, now: SystemTime) -> bool {
        let mut standing = self.lock();
        let recently =
            standing.reloaded_at.is_some_and(|at| now.duration_since(at).is_ok_and(|ago| ago < RELOAD_AGAIN));
        if !recently {
            standing.reloaded_at = Some(now);
        }
        !recently
    }

    fn note(&self, was: Was) {
        self.lock().was = was;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Means {
    async fn prove(&self, at: &Arc<str>, context: &AssertionContext) -> Result<Proof, TokenError> {
        match self {
            Self::Secret(_) | Self::AssertionFile(_) if context.is_bound => Err(unbound(self.what()).into()),
            Self::Secret(secret) => Ok(Proof::by_secret(at, secret)),
            Self::Certificate(signer) => Ok(by_certificate(at, signer.sign(context).await?)),
            Self::AssertionFile(path) => Ok(Proof::by_assertion(at, read(path).await?)),
            Self::Provider(provider, settings) => provided(at, &**provider, settings, context, false).await,
            Self::Unusable(fault) => Err(fault.clone().into()),
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Secret(_) => "a client secret",
            Self::Certificate(_) => "a certificate",
            Self::AssertionFile(_) => "an assertion from a file",
            Self::Provider(..) => "a provider's assertion",
            Self::Unusable(_) => "a credential that cannot be used",
        }
    }

    async fn prove_again(
        &self,
        at: &Arc<str>,
        context: &AssertionContext,
        refused: &Proof,
        reload: bool,
    ) -> Option<Proof> {
        let proof = match self {
            Self::Secret(_) | Self::Unusable(_) => return None,
            Self::Certificate(signer) => {
                let signed = signer.sign_again(context, refused.thumbprint()?, reload).await?;
                return Some(by_certificate(at, signed.ok()?));
            }
            Self::AssertionFile(_) | Self::Provider(..) if !reload => return None,
            Self::AssertionFile(path) => Proof::by_assertion(at, read(path).await.ok()?),
            Self::Provider(provider, settings) => {
                provided(at, &**provider, settings, context, true).await.ok()?
            }
        };
        (!proof.says_the_same_as(refused)).then_some(proof)
    }

    /// Forgets what is kept for reuse: it was refused.
    pub(super) fn forget(&self, context: &AssertionContext) {
        if let Self::Certificate(signer) = self {
            signer.forget(context);
        }
    }
}

fn by_certificate(at: &Arc<str>, signed: Signed) -> Proof {
    match signed {
        Signed::Shown(binding) => Proof::by_binding(at, binding),
        Signed::Assertion { assertion, thumbprint, once, over } => {
            let proof = Proof::by_assertion(at, assertion).by_certificate(thumbprint, once);
            match over {
                Some(binding) => proof.over(binding),
                None => proof,
            }
        }
    }
}

fn unbound(what: &str) -> Misconfigured {
    Misconfigured::new(format!("{what} cannot be bound to a connection, as bound tokens need it"))
        .hint("prove the application by a certificate, or by a federated identity whose tokens are bound")
}

async fn read(path: &std::path::Path) -> Result<Secret, Misconfigured> {
    let path = path.to_owned();
    aside(move || assertion_file::read(&path)).await
}

async fn provided(
    at: &Arc<str>,
    provider: &dyn ProvideAssertion,
    settings: &ProviderSettings,
    context: &AssertionContext,
    force_refresh: bool,
) -> Result<Proof, TokenError> {
    let mut context = context.clone();
    context.settings = settings.clone();
    context.force_refresh |= force_refresh;
    let assertion = provider.assertion(&context).await?;
    if assertion.token().is_blank() {
        return Err(Misconfigured::new("the provider gave an empty assertion").into());
    }
    let token = assertion.token().clone();
    match assertion.binding() {
        Some(binding) => Ok(Proof::by_bound_assertion(at, token, binding.clone())),
        None if context.is_bound => Err(unbound("this provider's assertion").into()),
        None => Ok(Proof::by_assertion(at, token)),
    }
}
