//! What this crate tells of its work: every span and event has its name here, and the other rooms
//! tell it through one call each. `docs/observability.md` lists them, and a test compares.
//!
//! Never in them: secrets, tokens, assertions, names of users. There is no switch for that.

mod asked;
#[cfg(feature = "opentelemetry")]
mod metrics;
#[cfg(not(feature = "opentelemetry"))]
#[path = "telemetry/no_metrics.rs"]
mod metrics;
mod store;

use std::time::Duration;

use entra_abstractions::{
    AuthorityKind, CorrelationId, ManagedIdentityId, Misconfigured, StoreError, StoreKey, TokenError,
};
use tokio::time::Instant;
use tracing::{Span, debug, field::Empty, info_span, level_filters::LevelFilter, warn};

use crate::cache::{AnsweredBy, KeyRef, Reason};

pub(crate) use asked::{Asked, differs_in, reason};
pub(crate) use metrics::{Meters, Metrics, observe};
pub(crate) use store::{
    leased, store_is_away, store_is_back, store_is_unreadable, store_was_asked, store_writes_are_dropped,
};

/// Under which all is told, wherever in the crate it stands.
const TARGET: &str = "entra_token_acquisition";

/// Whether anybody may listen at debug level: one relaxed load, for the hot path.
#[inline]
pub(crate) fn is_detailed() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// Whether anybody counts a fetch, or may listen to its span.
#[inline]
pub(crate) fn is_told(metrics: &Metrics) -> bool {
    metrics.are_on() || LevelFilter::current() >= LevelFilter::INFO
}

/// A cached token is served.
#[cold]
pub(crate) fn served(key: &KeyRef<'_>, reason: Reason, left: Duration, is_stale: bool) {
    debug!(
        name: "token.served",
        target: TARGET,
        from = AnsweredBy::Memory.as_str(),
        reason = reason.as_str(),
        key = %key.digest(),
        subject = %key.subject(),
        left_s = left.as_secs(),
        stale = is_stale,
        "a cached token is served"
    );
}

/// A cached token is served, and the next one is asked for behind it.
pub(crate) fn refreshing(key: &KeyRef<'_>) {
    debug!(name: "token.refreshing", target: TARGET, key = %key.digest(), "the next token is fetched behind a good one");
}

/// A flight, from its start to its end: one fetch of one token.
///
/// A caller who waits for it is its parent; a refresh behind a good token only follows from the
/// call that noticed.
#[inline]
pub(crate) fn acquiring(key: &KeyRef<'_>, grant: &'static str, id: CorrelationId, behind: bool) -> Span {
    // What a span holds is made also where nobody listens, if `log` is on: two digests.
    if LevelFilter::current() < LevelFilter::INFO {
        return Span::none();
    }
    acquiring_span(key, grant, id, behind)
}

#[cold]
fn acquiring_span(key: &KeyRef<'_>, grant: &'static str, id: CorrelationId, behind: bool) -> Span {
    macro_rules! span {
        ($($parent:tt)*) => {
            info_span!(
                target: TARGET,
                $($parent)*
                "token.acquire",
                key = %key.digest(),
                subject = %key.subject(),
                grant,
                client = %key.identity.client,
                tenant = %key.tenant,
                scopes = key.scopes.as_str(),
                host = Empty,
                correlation_id = %id,
                behind_a_good_token = behind,
                outcome = Empty,
                otel.status_code = Empty,
            )
        };
    }
    if behind {
        let span = span!(parent: None,);
        span.follows_from(Span::current());
        span
    } else {
        span!()
    }
}

/// A flight asks this host: called within its span.
pub(crate) fn asking(host: &str) {
    Span::current().record("host", host);
}

/// A flight has landed: called within its span.
#[inline]
pub(crate) fn landed(metrics: &Metrics, key: &KeyRef<'_>, behind: bool, error: Option<&TokenError>) {
    if behind {
        metrics.refreshed(outcome(error));
    }
    if LevelFilter::current() >= LevelFilter::INFO {
        tell_landed(key, error);
    }
}

/// Who looked into the store found nothing there, and another's flight in the air.
pub(crate) fn joined(look: &Span) {
    look.record("outcome", "joined");
}

#[cold]
fn tell_landed(key: &KeyRef<'_>, error: Option<&TokenError>) {
    let outcome = outcome(error);
    let span = Span::current();
    span.record("outcome", outcome);
    if let Some(error) = error {
        span.record("otel.status_code", "ERROR");
        debug!(name: "token.failed", target: TARGET, key = %key.digest(), outcome, %error, "no token could be had");
    }
}

/// A token came, and is kept.
pub(crate) fn granted(key: &KeyRef<'_>, lives: Duration) {
    debug!(
        name: "token.granted",
        target: TARGET,
        from = AnsweredBy::Entra.as_str(),
        key = %key.digest(),
        subject = %key.subject(),
        lives_s = lives.as_secs(),
        "a new token is kept"
    );
}

/// A token came that is of no use to the next caller, or already to this one: each call asks again.
pub(crate) fn not_kept(key: &KeyRef<'_>, lives: Duration, skew: Duration) {
    warn!(
        name: "token.not_kept",
        target: TARGET,
        key = %key.digest(),
        lives_s = lives.as_secs(),
        skew_s = skew.as_secs(),
        "a token came whose life is over, or nearly: it is served to who asked, and not kept"
    );
}

/// One HTTP exchange with a token endpoint.
pub(crate) fn requesting(grant: &'static str, host: &str, again: bool) -> Span {
    info_span!(
        target: TARGET,
        "token.request",
        grant,
        otel.kind = "client",
        http.request.method = "POST",
        server.address = host,
        http.response.status_code = Empty,
        again,
    )
}

/// Asks a token endpoint, twice perhaps, and tells what came of it and how long it took.
pub(crate) async fn timed<T>(
    metrics: &Metrics,
    grant: &'static str,
    host: &str,
    asking: impl Future<Output = Result<T, TokenError>>,
) -> Result<T, TokenError> {
    let began = Instant::now();
    let result = asking.await;
    let (took, outcome) = (began.elapsed(), outcome(result.as_ref().err()));
    metrics.requested(grant, host, outcome, took);
    debug!(
        name: "token.answered",
        target: TARGET,
        grant,
        host,
        outcome,
        took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "the token endpoint was asked"
    );
    result
}

/// The status that came, for the span in which it came.
pub(crate) fn answered(status: u16) {
    Span::current().record("http.response.status_code", status);
}

/// A request failed in passing, and is made once more.
pub(crate) fn repeating(grant: &'static str, id: CorrelationId, error: &TokenError) {
    debug!(name: "token.repeating", target: TARGET, grant, correlation_id = %id, %error, "trying once more");
}

/// The next token cannot be had, and the one at hand is good.
pub(crate) fn served_on(key: &KeyRef<'_>, error: &TokenError, left: Duration) {
    warn!(
        name: "token.stale",
        target: TARGET,
        key = %key.digest(),
        outcome = outcome(Some(error)),
        left_s = left.as_secs(),
        %error,
        "the next token cannot be had; the one at hand is served on"
    );
}

/// The token at hand is over, and let go.
pub(crate) fn removed(key: &KeyRef<'_>) {
    debug!(name: "token.removed", target: TARGET, key = %key.digest(), "a token is let go: its grant is over");
}

/// A key waits, because Entra said so or was asked the same too often.
pub(crate) fn paused(key: &KeyRef<'_>, left: Duration) {
    debug!(name: "token.paused", target: TARGET, key = %key.digest(), left_s = left.as_secs(), "Entra is not asked before the pause is over");
}

/// Tokens went before their end.
pub(crate) fn evicted(how_many: u64, budget: usize) {
    debug!(name: "cache.evicted", target: TARGET, entries = how_many, budget, "the cache was full: the longest unused tokens went");
}

/// A refresh token is refused, and there is another way.
pub(crate) fn federating_again(id: CorrelationId) {
    debug!(
        name: "refresh_token.refused",
        target: TARGET,
        correlation_id = %id,
        "the refresh token is refused; federating again"
    );
}

/// A session is kept where no other instance finds it.
pub(crate) fn session_is_alone() {
    warn!(
        name: "session.alone",
        target: TARGET,
        "a long-running session is kept in this process's memory alone: no other instance finds it, \
         and it ends with the process; give the acquirer a store that is shared"
    );
}

/// What is in the store is not what a session's record is.
pub(crate) fn session_is_unreadable(key: &StoreKey, what: &str) {
    warn!(
        name: "session.unreadable",
        target: TARGET,
        key = ?key,
        what,
        "what the store has for a session cannot be read"
    );
}

/// The store did not take what a session's next calls will need.
pub(crate) fn session_is_not_kept(error: &StoreError, id: CorrelationId) {
    warn!(
        name: "session.not_kept",
        target: TARGET,
        %error,
        correlation_id = %id,
        "the session's next refresh token is not kept"
    );
}

/// Where the tokens of managed identities come from on this host.
pub(crate) fn found_source(source: &'static str) {
    debug!(name: "managed_identity.source", target: TARGET, source, "the source of managed identities is known");
}

/// A certificate came, to which tokens of an identity of this host are bound.
pub(crate) fn certificate_issued(id: &ManagedIdentityId, thumbprint: &str) {
    debug!(name: "managed_identity.certificate", target: TARGET, identity = %id, thumbprint, "a certificate is issued for an identity of this host");
}

/// No next certificate can be had.
pub(crate) fn certificate_kept(id: &ManagedIdentityId, error: &TokenError) {
    warn!(name: "managed_identity.certificate_kept", target: TARGET, identity = %id, %error, "the next certificate of an identity cannot be had; the one at hand serves on");
}

/// Which credential proved the application.
pub(crate) fn proven(credential: &str) {
    debug!(name: "credential.used", target: TARGET, credential, "the application is proven");
}

/// A credential is passed over for the next.
pub(crate) fn passed_over(refusal: &TokenError, used: &str) {
    warn!(
        name: "credential.passed_over",
        target: TARGET,
        %refusal,
        used,
        "a credential cannot be used, the next is"
    );
}

/// Entra refused a credential; it was loaded again, or another one has its turn.
pub(crate) fn refused(error: &TokenError, credential: &str, used: &str) {
    warn!(
        name: "credential.refused",
        target: TARGET,
        %error,
        credential,
        used,
        "a credential was refused, it is loaded again or the next is used"
    );
}

/// A new version of a certificate came from its vault.
pub(crate) fn certificate_came(vault: &str, certificate: &str) {
    debug!(name: "credential.read", target: TARGET, vault, certificate, "a certificate was read from its vault");
}

/// A certificate is used on, though its vault cannot be asked.
pub(crate) fn vault_away(error: &str, vault: &str, certificate: &str) {
    warn!(
        name: "credential.vault_away",
        target: TARGET,
        error,
        vault,
        certificate,
        "the key vault cannot be asked; the certificate read before is used"
    );
}

/// A certificate is used on, though its source is gone or broken.
pub(crate) fn kept_certificate(fault: &Misconfigured) {
    warn!(
        name: "credential.kept",
        target: TARGET,
        %fault,
        "the certificate cannot be read again; the one read before is used"
    );
}

/// A region is configured where there are none.
pub(crate) fn no_regions(authority: AuthorityKind) {
    warn!(name: "region.unused", target: TARGET, %authority, "AzureRegion is not used: this authority has no regions");
}

/// In which region this machine runs is not known.
pub(crate) fn region_unknown(why: &str) {
    warn!(
        name: "region.unknown",
        target: TARGET,
        why,
        "the region cannot be detected: tokens come from the global endpoint (name the region as AzureRegion, or in \
         the variable REGION_NAME)"
    );
}

/// Whose a login host is could not be found out.
pub(crate) fn instance_unknown(host: &str, correlation_id: CorrelationId) {
    warn!(
        name: "instance.unknown",
        target: TARGET,
        host,
        %correlation_id,
        "Entra could not be asked whether this login host is its own; it is taken for one"
    );
}

/// Who must act, in a word.
pub(crate) fn outcome(error: Option<&TokenError>) -> &'static str {
    match error {
        None => "granted",
        Some(TokenError::InteractionRequired(_)) => "user",
        Some(TokenError::Unavailable(_)) => "nobody",
        Some(TokenError::Rejected(_)) => "administrator",
        Some(TokenError::Misconfigured(_)) => "developer",
        Some(_) => "other",
    }
}
