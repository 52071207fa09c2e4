//! The documents that need no client: instance discovery, OpenID Connect metadata, signing keys.

use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::directory::Directory;
use crate::exchange::{Exchange, Reply};
use crate::origin::{PUBLIC_CLOUD, issuer_v1};
use crate::realm::Realm;
use crate::refusal::Reason;
use crate::token::{find_tenant, unknown_tenant};

/// `/common/discovery/instance`: which hosts are one cloud. The emulator's host is a cloud of its own.
pub(crate) fn instance(exchange: &Exchange) -> Reply {
    let Some(endpoint) = exchange.query.get("authorization_endpoint") else {
        let refusal = Reason::ParameterMissing
            .because("The request query must contain the following parameter: 'authorization_endpoint'.");
        return Reply::refused(&refusal, exchange);
    };
    let asked = Url::parse(endpoint).ok();
    let authority = asked.as_ref().map(|url| url.authority().to_ascii_lowercase()).unwrap_or_default();
    let own = exchange.origin.host();
    let is_known = authority == own
        || exchange.origin.asked().ends_with(&format!("://{authority}"))
        || PUBLIC_CLOUD.contains(&authority.as_str());
    if !is_known {
        let refusal = Reason::UnknownInstance.because("Unknown or invalid instance.");
        return Reply::refused(&refusal, exchange);
    }
    let tenant =
        asked.as_ref().and_then(|url| url.path_segments()?.next().map(str::to_owned)).unwrap_or_default();
    let scheme = asked.as_ref().map_or("https", Url::scheme);
    let mut metadata = vec![json!({
        "preferred_network": "login.microsoftonline.com",
        "preferred_cache": "login.windows.net",
        "aliases": PUBLIC_CLOUD,
    })];
    if !PUBLIC_CLOUD.contains(&own) {
        metadata.push(json!({ "preferred_network": own, "preferred_cache": own, "aliases": [own] }));
    }
    let body = json!({
        "tenant_discovery_endpoint": format!("{scheme}://{authority}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": metadata,
    });
    Reply::json(StatusCode::OK, &body)
}

/// OpenID Connect metadata of a tenant, for v2 or v1 tokens.
pub(crate) fn metadata(directory: &Directory, exchange: &Exchange, tenant: &str, v2: bool) -> Reply {
    let Ok(found) = find_tenant(directory, tenant) else {
        return tenant_unknown(exchange, tenant);
    };
    // The shared endpoints have a template for an issuer: each token has its own.
    let id = found.map_or("{tenantid}", |tenant| &tenant.id);
    let authority = exchange.origin.authority(found.map_or(tenant, |found| &found.id));
    let (version, issuer) = if v2 { ("/v2.0", exchange.origin.issuer(id)) } else { ("", issuer_v1(id)) };
    Reply::json(StatusCode::OK, &document(exchange, &authority, version, &issuer))
}

fn document(exchange: &Exchange, authority: &str, version: &str, issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{authority}/oauth2{version}/authorize"),
        "token_endpoint": format!("{authority}/oauth2{version}/token"),
        "end_session_endpoint": format!("{authority}/oauth2{version}/logout"),
        "jwks_uri": format!("{authority}/discovery{version}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["S256"],
        "request_uri_parameter_supported": false,
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"
        ],
        "cloud_instance_name": exchange.origin.host(),
        "tenant_region_scope": null,
    })
}

/// The keys that validators need.
pub(crate) fn keys(realm: &Realm, directory: &Directory, exchange: &Exchange, tenant: &str) -> Reply {
    if find_tenant(directory, tenant).is_err() {
        return tenant_unknown(exchange, tenant);
    }
    Reply::json(StatusCode::OK, &realm.keys.lock().jwks())
}

/// The metadata endpoints call the same AADSTS number `invalid_tenant`, the token endpoint `invalid_request`.
fn tenant_unknown(exchange: &Exchange, tenant: &str) -> Reply {
    let refusal = unknown_tenant(tenant);
    let mut body = refusal.body(exchange);
    body.insert("error".into(), json!("invalid_tenant"));
    let mut reply = Reply::json(refusal.status(), &body);
    reply.aadsts = Some(refusal.number());
    reply
}
