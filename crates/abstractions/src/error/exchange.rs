//! One request to a token endpoint and what came back: the part of an error that on-call people
//! hand to Microsoft's support.

use std::{fmt, sync::Arc, time::Duration};

use super::{ClockSkew, Diagnosis};
use crate::{ClientId, CorrelationId};

/// What was asked of which endpoint, and what it answered; without any secret, user name or
/// free text of the answer.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    pub(crate) leg: Option<String>,
    pub(crate) proves: Option<Arc<str>>,
    grant: &'static str,
    host: String,
    client: Option<ClientId>,
    credential: Option<Arc<str>>,
    correlation_id: Option<CorrelationId>,
    status: Option<u16>,
    error: Option<String>,
    suberror: Option<String>,
    aadsts: Vec<u32>,
    trace_id: Option<String>,
    timestamp: Option<String>,
    explanation: Option<&'static str>,
    diagnosis: Option<Diagnosis>,
    retry_after: Option<Duration>,
    clock_skew: Option<ClockSkew>,
}

impl Exchange {
    /// Begins the record with what is known before anything is sent.
    pub fn new(grant: &'static str, host: impl Into<String>) -> Self {
        Self { grant, host: host.into(), ..Self::default() }
    }

    /// With the client that asked.
    #[must_use]
    pub fn with_client(mut self, client: ClientId) -> Self {
        self.client = Some(client);
        self
    }

    /// With the place in the configuration of the credential that was sent.
    #[must_use]
    pub fn with_credential(mut self, at: impl Into<Arc<str>>) -> Self {
        self.credential = Some(at.into());
        self
    }

    /// With the id that both sides log.
    #[must_use]
    pub fn with_correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// With the HTTP status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the OAuth error code and Entra's sub-error (RFC 6749 section 5.2). Anything that is
    /// not a code is dropped: the other side's free text has no place in a log.
    #[must_use]
    pub fn with_error(mut self, error: Option<&str>, suberror: Option<&str>) -> Self {
        self.error = error.and_then(code);
        self.suberror = suberror.and_then(code);
        self
    }

    /// With the AADSTS numbers of the answer.
    #[must_use]
    pub fn with_aadsts(mut self, numbers: Vec<u32>) -> Self {
        self.aadsts = numbers;
        self
    }

    /// With Entra's trace id and timestamp, which its support asks for.
    #[must_use]
    pub fn with_trace(mut self, trace_id: Option<&str>, timestamp: Option<&str>) -> Self {
        self.trace_id = trace_id.and_then(code);
        self.timestamp = timestamp.and_then(code);
        self
    }

    /// With what the numbers mean, where one is known.
    #[must_use]
    pub fn with_diagnosis(mut self, diagnosis: Option<Diagnosis>) -> Self {
        self.diagnosis = diagnosis;
        self
    }

    /// With cause and next step in this program's own words, where no number tells them.
    #[must_use]
    pub fn with_explanation(mut self, explanation: Option<&'static str>) -> Self {
        self.explanation = explanation;
        self
    }

    /// With what the answer's `Retry-After` says: an hour at the most, for nobody is stopped longer
    /// by what a server says.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        const LONGEST: Duration = Duration::from_secs(3_600);
        self.retry_after = retry_after.map(|wait| wait.min(LONGEST));
        self
    }

    /// With how far this machine's clock is off, where that may be what went wrong.
    #[must_use]
    pub fn with_clock_skew(mut self, skew: Option<ClockSkew>) -> Self {
        self.clock_skew = skew;
        self
    }

    /// The grant, such as `client_credentials` or `on_behalf_of`.
    pub fn grant(&self) -> &'static str {
        self.grant
    }

    /// The host that was asked.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The client that asked.
    pub fn client(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    /// Which of the application's credentials was sent: its place in the configuration, such as
    /// `AzureAd.ClientCredentials[0]`.
    pub fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }

    /// Which leg of a longer exchange this was, and for whom.
    pub fn leg(&self) -> Option<&str> {
        self.leg.as_deref()
    }

    /// The id that both sides log.
    pub fn correlation_id(&self) -> Option<CorrelationId> {
        self.correlation_id
    }

    /// The HTTP status of the answer, where one came.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The OAuth error code, such as `invalid_grant`.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Entra's sub-error, such as `consent_required`.
    pub fn suberror(&self) -> Option<&str> {
        self.suberror.as_deref()
    }

    /// The AADSTS numbers. They explain; branch on [`error`](Self::error) instead, as Microsoft
    /// advises: the numbers may change.
    /// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
    pub fn aadsts(&self) -> &[u32] {
        &self.aadsts
    }

    /// Whether it is consent that is missing (`suberror` `consent_required`, AADSTS65001).
    pub fn is_about_consent(&self) -> bool {
        self.suberror().is_some_and(|suberror| suberror.eq_ignore_ascii_case("consent_required"))
            || self.aadsts.contains(&65001)
    }

    /// How long the other side asked to wait, where it did: whatever it refused.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// How far this machine's clock is off, where that may be what went wrong.
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.clock_skew
    }

    /// Cause, next step and who takes it, where the numbers tell.
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_ref()
    }

    /// Cause and next step in this program's own words, where no number tells them.
    pub fn explanation(&self) -> Option<&'static str> {
        self.explanation
    }
}

impl Exchange {
    /// Entra's codes in brackets, where there are any.
    pub(super) fn write_codes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.aadsts.iter().map(|number| format!("AADSTS{number}"));
        let codes: Vec<String> = self.error.iter().cloned().chain(numbers).collect();
        match (codes.is_empty(), self.status) {
            (false, _) => write!(f, " ({})", codes.join(" ")),
            (true, Some(status)) => write!(f, " ({status})"),
            (true, None) => Ok(()),
        }
    }
}

/// Codes, ids and timestamps are short and plain; what is not is somebody's text.
fn code(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.: ".contains(c);
    (!text.is_empty() && text.len() <= 64 && text.chars().all(plain)).then(|| text.to_owned())
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.grant, self.host)?;
        if let Some(client) = &self.client {
            write!(f, " as client {client}")?;
        }
        if let Some(leg) = &self.leg {
            write!(f, " ({leg})")?;
        }
        if let Some(credential) = &self.proves {
            write!(f, " to prove the application by {credential}")?;
        }
        if let Some(status) = self.status {
            write!(f, " answered {status}")?;
        }
        if let Some(error) = &self.error {
            write!(f, " {error}")?;
        }
        if let Some(suberror) = &self.suberror {
            write!(f, "/{suberror}")?;
        }
        for number in &self.aadsts {
            write!(f, " AADSTS{number}")?;
        }
        // Where it was not the credential that was refused, its name would only mislead.
        if let (Some(credential), Some("invalid_client")) = (&self.credential, self.error.as_deref()) {
            write!(f, " (sent {credential})")?;
        }
        if let Some(diagnosis) = &self.diagnosis {
            write!(f, ", {diagnosis}")?;
        }
        if let Some(explanation) = self.explanation {
            write!(f, ", {explanation}")?;
        }
        if let Some(skew) = self.clock_skew {
            write!(f, ", this machine's clock is {skew}, by that host's")?;
        }
        if let Some(id) = self.correlation_id {
            write!(f, ", correlation id {id}")?;
        }
        if let Some(id) = &self.trace_id {
            write!(f, ", trace id {id}")?;
        }
        if let Some(timestamp) = &self.timestamp {
            write!(f, ", at {timestamp}")?;
        }
        Ok(())
    }
}
