//! Makes what was said about an API into what it is called by, or tells all that is wrong with it.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue};
use entra_abstractions::{
    AcquireToken, Faults, ManagedIdentityId, Misconfigured, Scheme, Scopes, Subject, TokenRequest,
    section::is_placeholder,
};
use url::Url;

use crate::{
    ApiBuilder,
    api::Configured,
    bound,
    builder::{Protocol, TokenOptions},
    header, http,
    options::{self, CallOptions},
    path::RelativePath,
    place::Place,
};

pub(crate) fn checked(
    mut api: ApiBuilder,
    tokens: Arc<dyn AcquireToken>,
) -> Result<Configured, Misconfigured> {
    let mut faults = std::mem::take(&mut api.faults);
    let base = base_of(&api, &mut faults);
    let relative = RelativePath::parse(api.relative_path.as_deref().unwrap_or_default());
    let relative = faults.take(relative.map_err(|fault| fault.at(api.path_of("RelativePath"))));
    let scopes = scopes_of(&api, base.as_ref(), &mut faults);
    let accept = media_type(&api, "AcceptHeader", api.accept.as_deref().unwrap_or(JSON), &mut faults);
    let content_type =
        media_type(&api, "ContentType", api.content_type.as_deref().unwrap_or_default(), &mut faults);
    let headers = headers_of(&api, &mut faults);
    check_session(&api, &mut faults);
    if api.is_anonymous && api.token.managed_identity.is_some() {
        let fault = Misconfigured::new("an anonymous API is called as nobody")
            .hint("remove ManagedIdentity or Anonymous")
            .at(api.path_of("AcquireTokenOptions.ManagedIdentity"));
        faults.add(fault);
    }
    let bound = api.client.is_none().then(|| bound::Connections::new(http::bound(&api.http)));
    let client = match api.client.take() {
        Some(client) => Some(client),
        None => base.as_ref().and_then(|base| faults.take(http::client(&api.http, base))),
    };
    check_protocol(&api, base.as_ref(), bound.is_some(), &mut faults);
    let (Some(base), Some(relative), Some(scopes), Some(client), true) =
        (base, relative, scopes, client, faults.is_empty())
    else {
        return Err(faults.into_error());
    };
    let asked_for_at = api.path_of("ProtocolScheme");
    let TokenOptions {
        tenant,
        claims,
        correlation_id,
        fmi_path,
        managed_identity,
        session,
        force_refresh,
        parameters,
        client_claims,
        scheme,
    } = api.token;
    let request = TokenRequest {
        tenant,
        claims,
        correlation_id,
        fmi_path,
        force_refresh,
        parameters,
        client_claims,
        scheme: match api.protocol {
            Protocol::BoundToken => Scheme::MtlsPop,
            Protocol::Token | Protocol::Certificate => scheme.unwrap_or(Scheme::Bearer),
        },
        ..TokenRequest::new(scopes, Subject::App)
    };
    check_binding(api.protocol, &request, managed_identity.as_ref(), &*tokens)
        .map_err(|fault| bound::asked_for_at(&asked_for_at, fault))?;
    let (method, query, timeout) = (api.method, api.query, api.timeout);
    Ok(Configured {
        name: api.name.into(),
        options: Arc::new(CallOptions {
            place: Place::new(base, relative),
            method,
            accept,
            content_type,
            headers,
            query,
            timeout,
        }),
        request,
        session,
        is_anonymous: api.is_anonymous,
        as_app: api.as_app,
        managed_identity,
        response_limit: api.response_limit,
        client,
        bound,
        protocol: api.protocol,
        tokens,
    })
}

/// What could never be shown as the configuration says is told here, not by the first call.
fn check_protocol(api: &ApiBuilder, base: Option<&Url>, has_clients: bool, faults: &mut Faults) {
    if api.protocol == Protocol::Token {
        return;
    }
    let at = || api.path_of("ProtocolScheme");
    let mut refuse = |what: &str, hint: &str| faults.add(Misconfigured::new(what).hint(hint).at(at()));
    if !has_clients {
        refuse(
            "a client that was made before shows no certificate of the application's",
            "leave the client out, and say http(settings) where the API needs some",
        );
    }
    if base.is_some_and(|base| base.scheme() != "https") {
        refuse("a certificate is shown over https only", "write BaseUrl as https");
    }
    if api.is_anonymous {
        refuse("an anonymous API is shown nothing", "remove Anonymous or ProtocolScheme");
    }
    if api.token.scheme.is_some() {
        refuse("a token has one binding", "remove PopPublicKey and PopClaim, or ProtocolScheme");
    }
    if api.protocol == Protocol::Certificate && api.token.managed_identity.is_some() {
        refuse(
            "the certificate that is shown without a token is the application's",
            "remove ManagedIdentity, or ask for bound tokens by MTLS_POP",
        );
    }
    if api.protocol == Protocol::BoundToken && !api.as_app && api.token.managed_identity.is_none() {
        refuse(
            "a user's token cannot be bound to the application's certificate",
            "set RequestAppToken to true; tokens of users are Bearer",
        );
    }
}

/// What the acquirer could never show is told here, too.
fn check_binding(
    protocol: Protocol,
    request: &TokenRequest,
    managed_identity: Option<&ManagedIdentityId>,
    tokens: &dyn AcquireToken,
) -> Result<(), Misconfigured> {
    match protocol {
        Protocol::Token => Ok(()),
        Protocol::Certificate => bound::check_certificate(tokens),
        Protocol::BoundToken => {
            let mut request = request.clone();
            if let Some(id) = managed_identity {
                request.subject = Subject::ManagedIdentity(id.clone());
            }
            request.scopes = request.scopes.to_default().unwrap_or(request.scopes);
            bound::check(tokens, &request)
        }
    }
}

fn base_of(api: &ApiBuilder, faults: &mut Faults) -> Option<Url> {
    let text = api.base_url.as_deref().unwrap_or_default();
    let base = if text.trim().is_empty() {
        Err(Misconfigured::new("the base URL is missing").hint("write it as https://api.example.com/v1"))
    } else if names_placeholder(text) {
        Err(Misconfigured::new("the base URL is a placeholder").hint("put in the API's own"))
    } else {
        options::base(text)
    };
    faults.take(base.map_err(|fault| fault.at(api.path_of("BaseUrl"))))
}

/// The scopes; for an anonymous API those it would have, so that every request has some.
fn scopes_of(api: &ApiBuilder, base: Option<&Url>, faults: &mut Faults) -> Option<Scopes> {
    let scopes = match &api.scopes {
        Err(fault) => Err(fault.clone()),
        Ok(words) if words.is_empty() && (api.is_anonymous || api.protocol == Protocol::Certificate) => {
            Scopes::new([format!("{}/.default", base?.origin().ascii_serialization())])
        }
        Ok(words) if words.is_empty() => Err(Misconfigured::new("the API has no scopes").hint(
            "name what its tokens are for, such as api://orders/read, or say \"Anonymous\": true if it takes none",
        )),
        Ok(_) if api.is_anonymous => {
            Err(Misconfigured::new("an anonymous API has no scopes").hint("remove Scopes or Anonymous"))
        }
        Ok(words) if words.iter().any(|word| names_placeholder(word)) => {
            Err(Misconfigured::new("a scope is a placeholder").hint("put in the API's own"))
        }
        Ok(words) => Scopes::new(words),
    };
    faults.take(scopes.map_err(|fault| fault.at(api.path_of("Scopes"))))
}

/// A session is a user's: where the configuration says that no user is meant, it contradicts itself.
fn check_session(api: &ApiBuilder, faults: &mut Faults) {
    let others = [
        (api.as_app, "RequestAppToken"),
        (api.is_anonymous, "Anonymous"),
        (api.token.managed_identity.is_some(), "ManagedIdentity"),
    ];
    if api.token.session.is_some()
        && let Some((_, other)) = others.into_iter().find(|(is_said, _)| *is_said)
    {
        faults.add(
            Misconfigured::new(format!("a session is a user's, and the API is called with {other}"))
                .at(api.path_of("AcquireTokenOptions.LongRunningWebApiSessionKey"))
                .hint(format!("remove it, or {other}")),
        );
    }
}

fn headers_of(api: &ApiBuilder, faults: &mut Faults) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &api.headers {
        let added = header::add(&mut headers, name, value);
        faults.take(added.map_err(|fault| fault.at(api.path_of(&format!("ExtraHeaderParameters.{name}")))));
    }
    headers
}

fn media_type(api: &ApiBuilder, key: &str, text: &str, faults: &mut Faults) -> Option<HeaderValue> {
    if text.trim().is_empty() {
        return None;
    }
    faults.take(header::value_of(key, text).map_err(|fault| fault.at(api.path_of(key))))
}

/// Whether a part of a URL or a scope is what documents write where the real one belongs, as in
/// `api://your-api/.default`.
fn names_placeholder(text: &str) -> bool {
    is_placeholder(text) || text.split('/').any(is_placeholder)
}

const JSON: &str = "application/json";
