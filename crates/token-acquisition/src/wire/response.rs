//! What a token endpoint answered: a grant, or an error that says who must act.
//! RFC 6749 sections 5.1 and 5.2, with Entra's members.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use entra_abstractions::{
    AccountId, Binding, Claims, ClockSkew, Diagnosis, Exchange, InteractionRequired, Owner, Rejected, Scheme,
    Secret, TokenError, Unavailable,
};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{Post, aadsts, account::account, excerpt::excerpt, is_throttled};

/// A token that was granted.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) access_token: Secret,
    pub(crate) came_at: SystemTime,
    pub(crate) ends_at: SystemTime,
    pub(crate) refresh_at: Option<SystemTime>,
    pub(crate) scopes: Option<String>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    pub(crate) account: Option<AccountId>,
    /// The certificate to which the token is bound.
    pub(crate) binding: Option<Binding>,
}

pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) skew: Option<ClockSkew>,
    pub(super) content_type: Option<&'a HeaderValue>,
    /// The certificate of the connection.
    pub(super) binding: Option<&'a Binding>,
    pub(super) body: &'a [u8],
}

/// A token that claims to live longer is believed for this long only.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// A `Date` is a whole second and a moment old, so a clock that is less off may well be right.
const TOLD_FROM: Duration = Duration::from_secs(5);

/// Entra allows five minutes.
const TOLD_ALWAYS_FROM: Duration = Duration::from_secs(300);

impl Answer<'_> {
    pub(super) fn read(
        &self,
        exchange: Exchange,
        post: &Post<'_>,
        now: SystemTime,
    ) -> Result<Granted, TokenError> {
        let exchange = exchange.with_status(self.status.as_u16());
        if !self.status.is_success() {
            return Err(self.refusal(exchange, post));
        }
        let Some(success) = parse::<Success>(self.body) else {
            return Err(self.unreadable(exchange, post).into());
        };
        let unusable = |what: &str| Err(Unavailable::new(exchange.clone(), what).into());
        let asked = post.scheme.token_type();
        match success.token_type.as_deref() {
            Some(kind) if kind.eq_ignore_ascii_case(asked) => {}
            // What RFC 8705 calls a bound token, too; at Entra it is one that is not.
            Some(kind) if kind.eq_ignore_ascii_case("Bearer") => {
                return unusable(&format!(
                    "an answer with a token of another type than was asked for (Bearer, not {asked})"
                ));
            }
            Some(_) => return unusable("an answer with a token of another type than was asked for"),
            None => return unusable("an answer without a token type"),
        }
        // RFC 6750 section 2.1: a token is printable ASCII. What is not could break out of its header.
        let is_token =
            |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(access_token) = success.access_token.filter(is_token) else {
            return unusable("an answer without an access token");
        };
        let binding = self.binding.filter(|_| *post.scheme == Scheme::MtlsPop);
        if binding.is_some_and(|binding| confirms_another(&access_token, binding)) {
            return unusable("a token that is bound to another certificate than the connection's");
        }
        let after = |seconds: f64| {
            let wait = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFE);
            now.checked_add(wait.min(LONGEST_LIFE)).unwrap_or(now)
        };
        Ok(Granted {
            access_token: Secret::new(access_token),
            came_at: now,
            // Without a lifetime the token serves this caller and is not kept.
            ends_at: after(success.expires_in.unwrap_or(0.0)),
            refresh_at: success.refresh_in.map(after),
            scopes: success.scope,
            refresh_token: success.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
            account: account(success.client_info.as_deref(), success.id_token.as_deref()),
            id_token: success.id_token.filter(|token| !token.is_empty()).map(Secret::new),
            binding: binding.cloned(),
        })
    }

    /// How far the clock is off, where that is likely to be why: what was sent is said to be outside
    /// its time range, or the clock is so wrong that it should be told whatever else went wrong.
    fn telling_skew(&self, numbers: &[u32]) -> Option<ClockSkew> {
        let is_of_time = numbers.iter().any(|number| aadsts::OF_TIME.contains(number));
        let telling = if is_of_time { TOLD_FROM } else { TOLD_ALWAYS_FROM };
        self.skew.filter(|skew| skew.apart() >= telling)
    }

    /// What to do where the server says no more than that it does not believe the application: only Entra
    /// has numbers.
    fn unexplained(&self, error: Option<&str>, numbers: &[u32]) -> Option<&'static str> {
        match (error, numbers, self.binding) {
            (Some("invalid_client"), [], Some(_)) => Some(
                "the server does not know the application by this certificate: register the certificate of the connection there for this client id, or configure the one that is registered",
            ),
            (Some("invalid_client"), [], None) => Some(
                "the server does not believe the application: register this credential there for this client id, with the method by which it is sent",
            ),
            _ => None,
        }
    }

    fn refusal(&self, exchange: Exchange, post: &Post<'_>) -> TokenError {
        let failure = parse::<Failure>(self.body).unwrap_or_default();
        let numbers = failure.numbers();
        let exchange = exchange
            .with_error(failure.error.as_deref(), failure.suberror.as_deref())
            .with_diagnosis(aadsts::diagnose(&numbers))
            .with_trace(failure.trace_id.as_deref(), failure.timestamp.as_deref())
            .with_explanation(self.unexplained(failure.error.as_deref(), &numbers))
            .with_retry_after(self.retry_after)
            .with_clock_skew(self.telling_skew(&numbers))
            .with_aadsts(numbers);
        let claims = failure.claims.as_deref().and_then(|claims| Claims::new(claims).ok());
        let error = failure.error.as_deref().unwrap_or_default();

        let unavailable = if is_throttled(self.status) {
            Some("throttled")
        } else if self.status.is_server_error() {
            Some("Entra fails")
        } else if self.status == StatusCode::REQUEST_TIMEOUT || error == "temporarily_unavailable" {
            Some("Entra is busy")
        } else if exchange.aadsts().contains(&aadsts::LOOP_DETECTED) {
            Some("throttled, because the same request came too often")
        } else {
            None
        };
        if let Some(what) = unavailable {
            return Unavailable::new(exchange, what).into();
        }
        if error.is_empty() {
            return self.unreadable(exchange, post).into();
        }
        let for_program = ["client_mismatch", "protection_policy_required"];
        let user_must_act = match error {
            "interaction_required" | "login_required" | "consent_required" => true,
            "invalid_grant" => {
                !failure.suberror.as_deref().is_some_and(|suberror| for_program.contains(&suberror))
            }
            _ => false,
        };
        // Where nobody stands behind the request, nobody can be sent to sign in.
        if post.for_user && user_must_act {
            return InteractionRequired::new(exchange, post.scopes.clone(), claims).into();
        }
        Rejected::new(without_a_user(exchange)).with_claims(claims).into()
    }

    /// An answer that is none of a token endpoint: a proxy's page, a cut-off body. Of the body
    /// itself its kind is told, and its first words as far as they are safe.
    fn unreadable(&self, exchange: Exchange, post: &Post<'_>) -> Unavailable {
        let kind = self.content_type.and_then(|kind| kind.to_str().ok()).unwrap_or("no content type");
        let kind: String = kind.chars().take(40).filter(char::is_ascii_graphic).collect();
        let start = self.body.iter().find(|byte| !byte.is_ascii_whitespace());
        let look = match start {
            None => "empty",
            Some(b'<') => "a page",
            Some(b'{') => "JSON that is cut off or not a token answer",
            Some(_) => "a text",
        };
        let words = excerpt(self.body, &post.sent()).map(|words| format!(", saying '{words}'"));
        let what = format!(
            "an answer that Entra does not give ({look}, {kind}, {} bytes{}; a proxy, or a wrong Instance)",
            self.body.len(),
            words.unwrap_or_default(),
        );
        Unavailable::new(exchange, what)
    }
}

/// What a user would be sent to do is an administrator's to settle where there is none.
fn without_a_user(exchange: Exchange) -> Exchange {
    let Some(told) = exchange.diagnosis().filter(|diagnosis| diagnosis.owner() == Owner::User).copied()
    else {
        return exchange;
    };
    let fix = "no user stands behind this request, so an administrator must change the policy, or consent";
    exchange.with_diagnosis(Some(Diagnosis::new(told.number(), Owner::Administrator, told.cause(), fix)))
}

/// Whether a token says that it is bound to another certificate (RFC 8705 section 3.1). One that is no
/// JWT, or says nothing, its API must judge.
fn confirms_another(token: &str, binding: &Binding) -> bool {
    let mut parts = token.split('.');
    let payload =
        parts.nth(1).filter(|_| parts.next().is_some()).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
    let confirmed = claims.as_ref().and_then(|claims| claims.get("cnf")?.get("x5t#S256")?.as_str());
    confirmed.is_some_and(|thumbprint| thumbprint != binding.thumbprint())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

#[derive(Deserialize)]
struct Success {
    access_token: Option<String>,
    token_type: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_in: Option<f64>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    client_info: Option<String>,
    scope: Option<String>,
}

#[derive(Default, Deserialize)]
struct Failure {
    error: Option<String>,
    suberror: Option<String>,
    #[serde(default)]
    error_codes: Value,
    error_description: Option<String>,
    claims: Option<String>,
    trace_id: Option<String>,
    timestamp: Option<String>,
}

impl Failure {
    /// The AADSTS numbers: a list, a number, a text, or only in the description.
    fn numbers(&self) -> Vec<u32> {
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let numbers: Vec<u32> = match &self.error_codes {
            Value::Array(items) => items.iter().filter_map(number).take(8).collect(),
            one => number(one).into_iter().collect(),
        };
        if !numbers.is_empty() {
            return numbers;
        }
        let description = self.error_description.as_deref().unwrap_or_default();
        let digits: String = description
            .strip_prefix("AADSTS")
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).take(9).collect())
            .unwrap_or_default();
        digits.parse().into_iter().collect()
    }
}

/// A number, or a number in quotation marks, as some endpoints write it.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
