//! The API that the recording asked, rebuilt with our own: one server for each profile, with every
//! endpoint guarded as it was there.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Result;
use axum::{
    Json, Router,
    routing::{MethodRouter, get},
};
use entra_abstractions::{HttpSettings, Misconfigured, Section};
use entra_web_api::{AuthenticatedUser, Problem, Protect, Require, TokenValidator};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Says who the caller is, on any token that authenticates.
pub(crate) const WHO: &str = "/who";

/// A running API.
pub(crate) struct Api {
    address: SocketAddr,
    /// The endpoints that were refused when the API was built.
    refused: BTreeMap<&'static str, Misconfigured>,
}

impl Api {
    /// Starts the API of a section; the inner error is its refusal to start.
    pub(crate) async fn start(section: &Section, http: HttpSettings) -> Result<Result<Self, Misconfigured>> {
        let validator = TokenValidator::builder(section)
            .http(http)
            .policy("AccessAsUser", Require::scope("access_as_user"))
            .build();
        let validator = match validator {
            Ok(validator) => validator,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut app = Router::new();
        let mut refused = BTreeMap::new();
        for (path, endpoint) in endpoints(&validator, section) {
            match endpoint {
                Ok(endpoint) => app = app.route(path, endpoint),
                Err(fault) => {
                    refused.insert(path, fault);
                }
            }
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Ok(Self { address, refused }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why an endpoint could not be built.
    pub(crate) fn fault_of(&self, endpoint: &str) -> Option<&Misconfigured> {
        self.refused.get(endpoint)
    }
}

type Endpoint = Result<MethodRouter, Misconfigured>;

fn endpoints(validator: &TokenValidator, section: &Section) -> Vec<(&'static str, Endpoint)> {
    let scope = || Require::scope("access_as_user");
    let admin = || Require::role("Admin");
    let require = |requirement: Require| Ok(guarded(validator.require(requirement)));
    let from_configuration = |requirement: Result<Require, Misconfigured>| requirement.and_then(require);
    vec![
        (WHO, Ok(guarded(validator.layer().optional()))),
        ("/open", Ok(guarded(validator.layer().optional()))),
        ("/user", Ok(guarded(validator.layer()))),
        ("/scope", require(scope())),
        ("/scope-attr", require(scope())),
        ("/scope-no-authorize", require(scope())),
        ("/scope-policy", validator.require_policy("AccessAsUser").map(guarded)),
        ("/scope-two", require(Require::any_scope(["access_as_user", "other"]))),
        ("/scope-config", from_configuration(Require::scopes_in(section, "Scopes"))),
        ("/scope-config-missing", from_configuration(Require::scopes_in(section, "NoSuchKey"))),
        ("/role-and-scope", require(admin().and(scope()))),
        ("/scope-or-app", require(scope().or(Require::app_permission("Data.Read.All")))),
        ("/scope-or-app-config", from_configuration(scope_or_app_in(section))),
        ("/app-only", require(Require::app_permission("Data.Read.All"))),
        ("/admin", require(admin())),
        ("/admin-or-reader", require(Require::any_role(["Reader", "Admin"]))),
        ("/verify-scope", Ok(verified(validator, scope()))),
        ("/verify-role", Ok(verified(validator, Require::app_permission("Admin")))),
    ]
}

fn scope_or_app_in(section: &Section) -> Result<Require, Misconfigured> {
    Ok(Require::scopes_in(section, "Scopes")?.or(Require::app_permissions_in(section, "AppPermissions")?))
}

fn guarded(protect: Protect) -> MethodRouter {
    as_recorded(get(who).route_layer(protect))
}

/// There `HEAD` is no `GET`.
fn as_recorded(endpoint: MethodRouter) -> MethodRouter {
    endpoint.head(|| async { StatusCode::METHOD_NOT_ALLOWED })
}

async fn who(user: Option<AuthenticatedUser>) -> Json<Value> {
    Json(json!({ "claims": user.map(|user| user.claims().clone()) }))
}

/// A handler that checks the requirement itself.
fn verified(validator: &TokenValidator, requirement: Require) -> MethodRouter {
    let handler = move |user: AuthenticatedUser| async move {
        user.require(&requirement)?;
        Ok::<_, Problem>(who(Some(user)).await)
    };
    as_recorded(get(handler).route_layer(validator.layer()))
}
