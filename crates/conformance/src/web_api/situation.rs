//! What a recorded request is like: the words that `deviations.toml` may use.

use entra_abstractions::{Authority, Faults};
use serde_json::Value;

use super::{
    recording::{Case, Documents, Profile},
    token::{Token, decode},
};

/// A request, the configuration it meets, and the keys of the authority.
pub(crate) struct Situation<'a> {
    case: &'a Case,
    profile: &'a Profile,
    token: Option<Token>,
    /// The keys that the token's `kid` names, letter by letter, out of those of the authority.
    named: Vec<&'a Value>,
}

type Word = (&'static str, fn(&Situation<'_>) -> bool);

const WORDS: &[Word] = &[
    // The configuration.
    ("the client id is missing", |s| s.profile.text("ClientId").is_none()),
    ("the tenant is missing", |s| {
        s.profile.text("TenantId").is_none() && s.profile.text("Authority").is_none()
    }),
    ("the instance is missing", |s| {
        s.profile.text("Instance").is_none() && s.profile.text("Authority").is_none()
    }),
    ("the instance is not https", |s| s.profile.text("Instance").is_some_and(|url| url.starts_with("http:"))),
    ("a user flow is named, and no domain", |s| {
        s.user_flow().is_some() && s.profile.text("Domain").is_none()
    }),
    ("authority and tenant disagree", authority_disagrees),
    ("the scopes of the configuration are required, and empty", |s| {
        s.case.endpoint.ends_with("-config") && s.profile.text("Scopes").is_some_and(str::is_empty)
    }),
    ("a key of the configuration is required, and absent", |s| s.case.endpoint == "/scope-config-missing"),
    ("the metadata is not available", |s| !s.profile.metadata_available),
    // The endpoint.
    ("a scope is required, without authentication, of nobody", |s| {
        is_alone(s) && s.case.authorization.is_empty()
    }),
    ("a scope is required, without authentication, of a bad token", |s| {
        is_alone(s) && !s.case.authorization.is_empty() && s.case.authenticated == Some(false)
    }),
    ("a scope is required, without authentication, of a known caller", |s| {
        is_alone(s) && s.case.authenticated == Some(true)
    }),
    ("a role and a scope are required", |s| s.case.endpoint == "/role-and-scope"),
    // The signature.
    ("the kid names no key", |s| s.token().is_some() && s.named.is_empty()),
    ("the named key did not sign", |s| {
        s.token()
            .is_some_and(|token| !s.named.is_empty() && !s.named.iter().any(|key| token.is_signed_by(key)))
    }),
    ("the named key is no RSA key with its numbers", |s| {
        !s.named.is_empty() && s.named.iter().all(|key| key.get("n").is_none() || key.get("e").is_none())
    }),
    ("the named key is shorter than 2048 bits", |s| {
        !s.named.is_empty() && s.named.iter().all(|key| is_short(key))
    }),
    ("the named key is for another algorithm", |s| {
        let algorithm = s.token().and_then(|token| token.header("alg"));
        s.named
            .iter()
            .any(|key| key.get("alg").and_then(Value::as_str).is_some_and(|alg| Some(alg) != algorithm))
    }),
    ("the algorithm is not RS256", |s| s.token().is_some_and(|token| token.header("alg") != Some("RS256"))),
    // The form.
    ("there is a critical extension", |s| s.has_header("crit")),
    ("it is compressed", |s| s.has_header("zip")),
    ("it is of another type", |s| {
        let is_known = |typ: &str| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt");
        s.has_header("typ") && !s.token().and_then(|token| token.header("typ")).is_some_and(is_known)
    }),
    ("a blank that is not ASCII stands around it", |s| {
        let is_odd = |header: &String| header.trim() != header.trim_ascii();
        s.case.authorization.iter().any(|header| is_odd(header) || header.contains(" \u{a0}"))
    }),
    ("it is shown as bound to a certificate", |s| {
        let is_bound = |header: &String| header.to_ascii_lowercase().starts_with("mtls_pop ");
        s.case.authorization.iter().any(is_bound)
    }),
    ("a member of its header is no text", |s| {
        let names = ["kid", "typ", "cty", "x5t", "x5t#S256", "x5u", "jku", "enc"];
        s.token().is_some_and(|token| names.iter().any(|name| is_other_than_text(token.header.get(*name))))
    }),
    ("it can be read in two ways", |s| s.token().is_some_and(|token| token.is_ambiguous)),
    // The claims.
    ("there is no tenant, or one that is no GUID", |s| {
        s.token().is_some_and(|token| !s.tenant_of(token).is_some_and(is_guid))
    }),
    ("the tenant is written in two spellings", |s| {
        s.token().is_some_and(|token| {
            token.claims.keys().filter(|name| name.eq_ignore_ascii_case("tid")).count() > 1
        })
    }),
    ("the issuer does not name the tenant", |s| {
        s.token().is_some_and(|token| {
            let issuer = token.claim("iss").unwrap_or_default();
            !names(&issuer.replacen("/tfp/", "/", 1), s.tenant_of(token))
        })
    }),
    ("the user flow is another", |s| {
        s.user_flow().zip(s.token()).is_some_and(|(own, token)| {
            token.claims.get("tfp").is_some_and(|flow| !flow.as_str().is_some_and(|flow| is_same(flow, own)))
        })
    }),
    ("a user came through no user flow", |s| {
        s.user_flow().zip(s.token()).is_some_and(|(own, token)| {
            let names = |claim: &str| token.claim(claim).is_some_and(|flow| is_same(flow, own));
            let is_in_issuer = token.claim("iss").is_some_and(|issuer| issuer.contains("/tfp/"));
            token.claims.contains_key("scp")
                && !token.claims.contains_key("tfp")
                && !is_in_issuer
                && !names("acr")
        })
    }),
    ("the tenant is the consumers', at organizations", |s| {
        s.profile.text("TenantId") == Some("organizations")
            && s.token().and_then(|token| token.claim("tid")) == Some("9188040d-6c67-4c5b-b112-36a304b66dad")
    }),
    ("the issuer is not listed", |s| {
        let listed = s.validation("ValidIssuers");
        !listed.is_empty()
            && !s.token().and_then(|token| token.claim("iss")).is_some_and(|iss| listed.contains(&iss))
    }),
    ("there is neither a scope nor a role in it", |s| s.token().is_some_and(grants_nothing)),
    ("it is an ID token", |s| {
        let names = ["nonce", "at_hash", "c_hash"];
        s.token().is_some_and(|token| names.iter().any(|name| token.claims.contains_key(*name)))
    }),
    ("its subject, client or id is no text", |s| {
        let names = ["sub", "azp", "jti"];
        s.token().is_some_and(|token| names.iter().any(|name| is_other_than_text(token.claims.get(*name))))
    }),
    ("an audience is no text", |s| {
        let audiences = s.token().and_then(|token| token.claims.get("aud")?.as_array());
        audiences.is_some_and(|audiences| audiences.iter().any(|audience| !audience.is_string()))
    }),
    ("the version is no text", |s| {
        s.token().is_some_and(|token| token.claims.contains_key("ver") && token.claim("ver").is_none())
    }),
    ("a time is a text that is more than digits", |s| {
        let is_odd = |name: &&str| {
            let time = s.token().and_then(|token| token.claim(name));
            time.is_some_and(|time| !time.bytes().all(|byte| byte.is_ascii_digit()))
        };
        ["exp", "nbf", "iat"].iter().any(is_odd)
    }),
    ("Audiences lists the audience", |s| s.lists_audience() == Some(true)),
    ("Audiences does not list the audience", |s| s.lists_audience() == Some(false)),
];

impl<'a> Situation<'a> {
    /// Looks at a case.
    pub(crate) fn new(case: &'a Case, profile: &'a Profile, documents: &'a Documents) -> Self {
        let token = case.authorization.first().and_then(|header| Token::of(header));
        let kid = token.as_ref().and_then(|token| token.header("kid")).filter(|kid| !kid.is_empty());
        let named = keys(profile, documents)
            .filter(|key| kid.is_some() && key.get("kid").and_then(Value::as_str) == kid)
            .filter(|key| key.get("kty").and_then(Value::as_str) == Some("RSA"))
            .filter(|key| key.get("use").is_none_or(|purpose| purpose == "sig"))
            .collect();
        Self { case, profile, token, named }
    }

    /// Whether it is like that.
    pub(crate) fn is(&self, word: &str) -> bool {
        WORDS.iter().any(|(known, holds)| *known == word && holds(self))
    }

    /// Whether anybody knows what the word means.
    pub(crate) fn knows(word: &str) -> bool {
        WORDS.iter().any(|(known, _)| *known == word)
    }

    fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    fn user_flow(&self) -> Option<&str> {
        self.profile.text("SignUpSignInPolicyId")
    }

    /// The tenant that a token names; one of a user flow may do so in its issuer alone.
    fn tenant_of<'t>(&self, token: &'t Token) -> Option<&'t str> {
        let is_in_issuer = self.user_flow().is_some() && !token.claims.contains_key("tid");
        token.claim(if is_in_issuer { "iss" } else { "tid" }).and_then(|text| {
            if is_in_issuer { text.split('/').nth(3).filter(|tenant| is_guid(tenant)) } else { Some(text) }
        })
    }

    fn has_header(&self, name: &str) -> bool {
        self.token().is_some_and(|token| token.header.contains_key(name))
    }

    fn validation(&self, key: &str) -> Vec<&str> {
        let list = self.profile.section.get("TokenValidationParameters").and_then(|section| section.get(key));
        list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn lists_audience(&self) -> Option<bool> {
        let listed = self.profile.section.get("Audiences")?.as_array()?;
        let audience = self.token()?.claims.get("aud")?;
        let is_listed = |audience: &Value| {
            let trimmed =
                |value: &Value| value.as_str().map(|text| text.strip_suffix('/').unwrap_or(text).to_owned());
            listed.iter().any(|known| trimmed(known) == trimmed(audience))
        };
        Some(match audience {
            Value::Array(audiences) => audiences.iter().any(is_listed),
            one => is_listed(one),
        })
    }
}

/// The keys that the authority of a profile publishes for version 2.0.
fn keys<'a>(profile: &Profile, documents: &'a Documents) -> impl Iterator<Item = &'a Value> {
    let authority = Authority::from_section(&profile.section(), &mut Faults::default());
    let document = authority.map(|authority| authority.metadata_endpoint(authority.tenant()));
    let set = document
        .and_then(|document| documents.get(document.as_str()))
        .and_then(|document| documents.get(document.get("jwks_uri")?.as_str()?));
    set.and_then(|set| set.get("keys")?.as_array()).into_iter().flatten()
}

fn authority_disagrees(s: &Situation<'_>) -> bool {
    let tenant = s.profile.text("TenantId");
    s.profile.text("Authority").zip(tenant).is_some_and(|(authority, tenant)| !names(authority, Some(tenant)))
}

fn is_alone(s: &Situation<'_>) -> bool {
    s.case.endpoint == "/scope-no-authorize"
}

fn is_short(key: &Value) -> bool {
    key.get("n").and_then(Value::as_str).and_then(decode).is_some_and(|modulus| modulus.len() < 256)
}

fn is_other_than_text(member: Option<&Value>) -> bool {
    member.is_some_and(|member| !member.is_string())
}

fn is_same(user_flow: &str, own: &str) -> bool {
    user_flow.eq_ignore_ascii_case(own)
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Whether the first segment of the URL's path is the tenant.
fn names(url: &str, tenant: Option<&str>) -> bool {
    tenant.is_some() && url.split('/').nth(3) == tenant
}

fn grants_nothing(token: &Token) -> bool {
    const NAMES: &[&str] = &[
        "scp",
        "http://schemas.microsoft.com/identity/claims/scope",
        "roles",
        "role",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    ];
    let says = |value: &Value| match value {
        Value::String(text) => !text.trim().is_empty(),
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    let grants = |value: &Value| match value {
        Value::Array(items) => items.iter().any(says),
        one => says(one),
    };
    !NAMES.iter().filter_map(|name| token.claims.get(*name)).any(grants)
}
