//! Reads the section of an API as it is written. What it says is checked when the API is built.

use entra_abstractions::{
    Claims, CorrelationId, Faults, FmiPath, ManagedIdentityId, Misconfigured, Parameter, Place, PopKey,
    Scheme, Section, SessionKey, TenantId,
    section::known::{ACQUIRE_TOKEN_OPTIONS, DOWNSTREAM_API, MANAGED_IDENTITY},
};
use http::Method;

use crate::{
    ApiBuilder,
    builder::{Protocol, TokenOptions},
};

/// Takes what is written; what is not written leaves the builder as it is.
pub(crate) fn read(section: &Section, api: &mut ApiBuilder) {
    let faults = &mut api.faults;
    section.path().clone_into(&mut api.path);
    if section.is_absent() {
        faults.add(Misconfigured::new("no API is configured here").at(section.path()));
    }
    section.check_keys(DOWNSTREAM_API, faults);
    api.base_url = section.text("BaseUrl", faults).or(api.base_url.take());
    api.relative_path = section.text("RelativePath", faults).or(api.relative_path.take());
    if let Some(words) = section.words("Scopes", faults) {
        api.scopes = Ok(words);
    }
    api.is_anonymous |= section.flag("Anonymous", faults).unwrap_or_default();
    api.as_app |= section.flag("RequestAppToken", faults).unwrap_or_default();
    api.accept = section.text_or_blank("AcceptHeader", faults).or(api.accept.take());
    api.content_type = section.text("ContentType", faults).or(api.content_type.take());
    api.headers.extend(section.pairs("ExtraHeaderParameters", faults));
    api.query.extend(section.pairs("ExtraQueryParameters", faults));
    if let Some(text) = section.text("HttpMethod", faults) {
        match METHODS.iter().find(|method| method.as_str().eq_ignore_ascii_case(text.trim())) {
            Some(method) => api.method = method.clone(),
            None => faults.add(
                Misconfigured::new("unknown HTTP method")
                    .at(section.path_of("HttpMethod"))
                    .hint("one of Get, Post, Put, Patch, Delete, Head, Options"),
            ),
        }
    }
    api.timeout = section.duration("Timeout", faults).or(api.timeout);
    if let Some(text) = section.text("ProtocolScheme", faults) {
        let protocol = protocol(text.trim()).map_err(|fault| fault.at(section.path_of("ProtocolScheme")));
        api.protocol = faults.take(protocol).unwrap_or(api.protocol);
    }
    read_token_options(&section.section("AcquireTokenOptions"), api);
}

fn read_token_options(section: &Section, api: &mut ApiBuilder) {
    let ApiBuilder { faults, token, .. } = api;
    section.check_keys(ACQUIRE_TOKEN_OPTIONS, faults);
    for (key, hint) in NOT_HERE {
        if !section.section(key).is_absent() {
            faults.add(Misconfigured::new("not supported here").at(section.path_of(key)).hint(*hint));
        }
    }
    token.tenant = value(section, "Tenant", TenantId::new, faults).or(token.tenant.take());
    token.claims = value(section, "Claims", |text| Claims::new(&text), faults).or(token.claims.take());
    token.correlation_id =
        value(section, "CorrelationId", |text| CorrelationId::parse(&text), faults).or(token.correlation_id);
    token.fmi_path = value(section, "FmiPath", FmiPath::new, faults).or(token.fmi_path.take());
    token.managed_identity =
        managed_identity(&section.section("ManagedIdentity"), faults).or(token.managed_identity.take());
    token.session =
        value(section, "LongRunningWebApiSessionKey", SessionKey::new, faults).or(token.session.take());
    token.force_refresh |= section.flag("ForceRefresh", faults).unwrap_or_default();
    let query = section.pairs("ExtraQueryParameters", faults);
    // As in .NET, they are part of the cache key.
    token.parameters.extend(query.iter().map(|(name, value)| Parameter::shaping(Place::Query, name, value)));
    let headers = section.pairs("ExtraHeadersParameters", faults);
    token
        .parameters
        .extend(headers.iter().map(|(name, value)| Parameter::passing(Place::Header, name, value)));
    read_extra(&section.section("ExtraParameters"), token, faults);
    read_key(section, token, faults);
}

/// What .NET hands from one package to the next under names of its own; those of them that a
/// configuration can hold.
fn read_extra(section: &Section, token: &mut TokenOptions, faults: &mut Faults) {
    const BODY: &str = "EXTRA_BODY_PARAMETERS";
    const CLIENT_CLAIMS: &str = "IDWEB_CLIENT_ASSERTION_CLAIMS";
    if section.is_absent() {
        return;
    }
    section.check_keys(&[BODY, CLIENT_CLAIMS], faults);
    let body = section.pairs(BODY, faults);
    token.parameters.extend(body.iter().map(|(name, value)| Parameter::shaping(Place::Body, name, value)));
    token.client_claims =
        value(section, CLIENT_CLAIMS, |text| Claims::new(&text), faults).or(token.client_claims.take());
}

/// A key of the caller's. Beside a public key its claim has no effect, as in .NET.
fn read_key(section: &Section, token: &mut TokenOptions, faults: &mut Faults) {
    let key = value(section, "PopPublicKey", PopKey::new, faults);
    let claim = value(section, "PopClaim", PopKey::of_claim, faults);
    if key.is_some() && claim.is_some() {
        tracing::warn!(at = section.path_of("PopClaim"), "PopClaim has no effect beside PopPublicKey");
    }
    token.scheme = key.or(claim).map(Scheme::Pop).or(token.scheme.take());
}

/// The section alone, without a client id, means the system-assigned identity.
fn managed_identity(section: &Section, faults: &mut Faults) -> Option<ManagedIdentityId> {
    if section.is_absent() {
        return None;
    }
    section.check_keys(MANAGED_IDENTITY, faults);
    let id = value(section, "UserAssignedClientId", ManagedIdentityId::client_id, faults);
    Some(id.unwrap_or(ManagedIdentityId::System))
}

fn value<T>(
    section: &Section,
    key: &str,
    parse: impl Fn(String) -> Result<T, Misconfigured>,
    faults: &mut Faults,
) -> Option<T> {
    let text = section.text(key, faults)?;
    faults.take(parse(text).map_err(|fault| fault.at(section.path_of(key))))
}

/// Options of .NET that have another place, or none yet. Passing over one would call with another
/// token than the one that was configured.
const NOT_HERE: &[(&str, &str)] = &[
    ("AuthenticationOptionsName", "give the API the acquirer of that application"),
    ("UserFlow", "give the API the acquirer of an application with that flow as SignUpSignInPolicyId"),
];

fn protocol(text: &str) -> Result<Protocol, Misconfigured> {
    let known = PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((_, protocol)) = known {
        return Ok(*protocol);
    }
    Err(if text.eq_ignore_ascii_case("PoP") {
        Misconfigured::new("requests are not signed here")
            .hint("MTLS_POP binds tokens to the connection; with PopPublicKey the caller signs itself")
    } else {
        Misconfigured::new("unknown scheme").hint("one of Bearer, MTLS_POP, MTLS")
    })
}

const PROTOCOLS: [(&str, Protocol); 3] =
    [("Bearer", Protocol::Token), ("MTLS_POP", Protocol::BoundToken), ("MTLS", Protocol::Certificate)];

const METHODS: &[Method] =
    &[Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        assert_eq!(protocol("bearer").unwrap(), Protocol::Token);
        assert_eq!(protocol("mtls_pop").unwrap(), Protocol::BoundToken);
        assert_eq!(protocol("Mtls").unwrap(), Protocol::Certificate);
        for (text, told) in [("pop", "requests are not signed here"), ("Saml", "unknown scheme")] {
            assert!(protocol(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
