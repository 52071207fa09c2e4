//! Every refusal of the emulator in Entra's words: the one table of AADSTS numbers.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::clock::stamp;
use crate::exchange::Exchange;

/// Why Entra refuses. Each has its number, HTTP status and OAuth error in [`Reason::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    UnknownTenant,
    TenantNeeded,
    OnlyPost,
    ParameterMissing,
    ParameterTwice,
    UnsupportedGrant,
    UnsupportedTokenType,
    UnknownApp,
    NotAnAppId,
    CredentialMissing,
    CredentialTwice,
    WrongSecret,
    ExpiredSecret,
    BadAssertionType,
    MalformedAssertion,
    AssertionOfAnotherApp,
    AssertionSignature,
    AssertionTime,
    AssertionAudience,
    AssertionReplayed,
    CertificateTime,
    CertificateUnknown,
    BoundToAnother,
    SubjectNotTrusted,
    FederatedIssuer,
    FederatedAudience,
    FederatedSubject,
    AgentNeedsBlueprint,
    BlueprintAppToken,
    ScopeMalformed,
    ScopeNotDefault,
    SeveralResources,
    UnknownScope,
    UnknownResource,
    ConsentRequired,
    UserAssertionSignature,
    UserAssertionAudience,
    UserAssertionTime,
    UserAssertionOfApp,
    UnknownUser,
    WrongAgentUser,
    DisabledUser,
    ConditionalAccess,
    CodeUnknown,
    CodeExpired,
    CodeRedeemed,
    CodeVerifier,
    ReplyAddress,
    NoReplyAddress,
    RefreshTokenUnknown,
    RefreshTokenExpired,
    SessionRevoked,
    UnknownInstance,
    UnsupportedResponseType,
    Scripted { number: u32, status: u16, error: &'static str },
}

impl Reason {
    /// AADSTS number, HTTP status, OAuth error.
    fn row(self) -> (u32, u16, &'static str) {
        match self {
            Self::UnknownTenant => (90002, 400, "invalid_request"),
            Self::TenantNeeded => (9_001_023, 400, "invalid_request"),
            Self::OnlyPost => (900_561, 400, "invalid_request"),
            Self::ParameterMissing => (900_144, 400, "invalid_request"),
            Self::ParameterTwice => (9_000_411, 400, "invalid_request"),
            Self::UnsupportedGrant => (70003, 400, "unsupported_grant_type"),
            Self::UnsupportedTokenType => (51000, 400, "invalid_request"),
            Self::UnknownApp => (700_016, 400, "unauthorized_client"),
            Self::NotAnAppId => (700_038, 400, "unauthorized_client"),
            Self::CredentialMissing | Self::BadAssertionType => (7_000_218, 401, "invalid_client"),
            Self::CredentialTwice => (9_002_324, 400, "invalid_request"),
            Self::WrongSecret => (7_000_215, 401, "invalid_client"),
            Self::ExpiredSecret => (7_000_222, 401, "invalid_client"),
            Self::MalformedAssertion => (50027, 400, "invalid_request"),
            Self::AssertionOfAnotherApp => (700_021, 401, "invalid_client"),
            Self::AssertionSignature | Self::AssertionReplayed | Self::CertificateUnknown => {
                (700_027, 401, "invalid_client")
            }
            Self::AssertionTime => (700_024, 401, "invalid_client"),
            Self::AssertionAudience => (700_023, 401, "invalid_client"),
            Self::BoundToAnother => (500_181, 401, "invalid_client"),
            Self::CertificateTime => (1_000_502, 401, "invalid_client"),
            Self::SubjectNotTrusted => (700_030, 401, "invalid_client"),
            Self::FederatedIssuer => (700_211, 401, "invalid_client"),
            Self::FederatedAudience => (700_212, 401, "invalid_client"),
            Self::FederatedSubject => (700_213, 401, "invalid_client"),
            Self::AgentNeedsBlueprint => (82008, 400, "invalid_request"),
            Self::BlueprintAppToken => (82001, 400, "unauthorized_client"),
            Self::ScopeMalformed => (70011, 400, "invalid_scope"),
            Self::ScopeNotDefault => (1_002_012, 400, "invalid_scope"),
            Self::SeveralResources => (28000, 400, "invalid_request"),
            Self::UnknownScope => (650_053, 400, "invalid_client"),
            Self::UnknownResource => (500_011, 400, "invalid_resource"),
            Self::ConsentRequired => (65001, 400, "invalid_grant"),
            Self::UserAssertionSignature => (50013, 400, "invalid_grant"),
            Self::UserAssertionAudience => (500_131, 400, "invalid_grant"),
            Self::UserAssertionTime => (500_133, 400, "invalid_grant"),
            Self::UserAssertionOfApp => (7_000_114, 400, "invalid_grant"),
            Self::UnknownUser => (50034, 400, "invalid_grant"),
            Self::WrongAgentUser => (50000, 400, "invalid_grant"),
            Self::DisabledUser => (50057, 400, "invalid_grant"),
            Self::ConditionalAccess => (50076, 400, "interaction_required"),
            Self::CodeUnknown | Self::RefreshTokenUnknown => (70000, 400, "invalid_grant"),
            Self::CodeExpired => (70008, 400, "invalid_grant"),
            Self::CodeRedeemed => (54005, 400, "invalid_grant"),
            Self::CodeVerifier => (501_481, 400, "invalid_grant"),
            Self::ReplyAddress => (50011, 400, "invalid_client"),
            Self::NoReplyAddress => (500_113, 400, "invalid_client"),
            Self::RefreshTokenExpired => (700_082, 400, "invalid_grant"),
            Self::SessionRevoked => (50173, 400, "invalid_grant"),
            Self::UnknownInstance => (50049, 400, "invalid_instance"),
            Self::UnsupportedResponseType => (700_054, 400, "unsupported_response_type"),
            Self::Scripted { number, status, error } => (number, status, error),
        }
    }

    fn suberror(self) -> Option<&'static str> {
        match self {
            Self::ConsentRequired => Some("consent_required"),
            Self::ConditionalAccess => Some("basic_action"),
            Self::SessionRevoked | Self::RefreshTokenExpired | Self::RefreshTokenUnknown => Some("bad_token"),
            _ => None,
        }
    }

    /// Refuses with this text, which must hold no secret.
    pub(crate) fn because(self, text: impl Into<String>) -> Refusal {
        Refusal { reason: self, text: text.into(), claims: None }
    }
}

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    reason: Reason,
    text: String,
    claims: Option<String>,
}

impl Refusal {
    /// What the user's client must ask for next (a claims challenge).
    pub(crate) fn with_claims(mut self, claims: impl Into<String>) -> Self {
        self.claims = Some(claims.into());
        self
    }

    pub(crate) fn number(&self) -> u32 {
        self.reason.row().0
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.row().1).unwrap_or(StatusCode::BAD_REQUEST)
    }

    pub(crate) fn error(&self) -> &'static str {
        self.reason.row().2
    }

    /// `AADSTS90002: Tenant .. Trace ID: .. Correlation ID: .. Timestamp: ..`
    pub(crate) fn description(&self, exchange: &Exchange) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.number(),
            self.text,
            exchange.trace_id,
            exchange.correlation_id,
            stamp(exchange.now)
        )
    }

    /// The body of a token endpoint's error.
    pub(crate) fn body(&self, exchange: &Exchange) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("error", json!(self.error()));
        put("error_description", json!(self.description(exchange)));
        put("error_codes", json!([self.number()]));
        put("timestamp", json!(stamp(exchange.now)));
        put("trace_id", json!(exchange.trace_id));
        put("correlation_id", json!(exchange.correlation_id));
        put("error_uri", json!(format!("{}/error?code={}", exchange.origin.base(), self.number())));
        if let Some(suberror) = self.reason.suberror() {
            put("suberror", json!(suberror));
        }
        if let Some(claims) = &self.claims {
            put("claims", json!(claims));
        }
        body
    }
}
