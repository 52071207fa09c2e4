//! Who called this API: the claims of a validated token, and the token itself to call further on
//! their behalf.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use entra_abstractions::{ClientId, ObjectId, TenantId, UserAssertion};
use serde_json::{Map, Value};

use crate::{Denial, Require, json::Members, rules::Granted};

/// The caller of this API, be it a user or an application: only a validated token makes one.
///
/// It is in the request's extensions once the validator's layer let the request in; in axum it is
/// an extractor. Pass it to `on_behalf_of` to call another API for the same user. Cloning is cheap.
#[doc(alias = "ClaimsPrincipal")]
#[derive(Clone)]
pub struct AuthenticatedUser(Arc<Inner>);

struct Inner {
    assertion: UserAssertion,
    payload: String,
    claims: OnceLock<Map<String, Value>>,
    tenant: TenantId,
    object: Option<ObjectId>,
    client: Option<ClientId>,
    granted: Granted,
}

impl AuthenticatedUser {
    /// From the claims of a token that was validated.
    pub(crate) fn new(
        assertion: UserAssertion,
        claims: &Members<'_>,
        tenant: TenantId,
        granted: Granted,
    ) -> impl FnOnce(String) -> Self + use<> {
        let client = claims.text("azp").or_else(|| claims.text("appid"));
        let client = client.and_then(|client| ClientId::new(client).ok());
        let object = claims.text("oid").and_then(|oid| ObjectId::new(oid).ok());
        move |payload| {
            let claims = OnceLock::new();
            Self(Arc::new(Inner { assertion, payload, claims, tenant, object, client, granted }))
        }
    }

    /// The tenant of the caller: `tid`, or the one in the issuer where Azure AD B2C leaves `tid` out.
    #[doc(alias = "GetTenantId")]
    pub fn tenant_id(&self) -> &TenantId {
        &self.0.tenant
    }

    /// The caller's directory object (`oid`): a user, or the service principal of an application.
    #[doc(alias = "GetObjectId")]
    pub fn object_id(&self) -> Option<&ObjectId> {
        self.0.object.as_ref()
    }

    /// The client that got the token (`azp`, or `appid` in version 1.0).
    pub fn client_id(&self) -> Option<&ClientId> {
        self.0.client.as_ref()
    }

    /// The name to show (`name`). It is no identity: names change, and may be anything.
    #[doc(alias = "GetDisplayName")]
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// The delegated scopes (`scp`).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0.granted.scopes.split(' ').filter(|scope| !scope.is_empty())
    }

    /// The application permissions, or the app roles of a user (`roles`).
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.granted.roles.iter().map(String::as_str)
    }

    /// The roles that `[Authorize(Roles = "..")]` would see.
    pub(crate) fn identity_roles(&self) -> impl Iterator<Item = &str> {
        let granted = &self.0.granted;
        granted.identity_roles.as_ref().unwrap_or(&granted.roles).iter().map(String::as_str)
    }

    /// Whether an application called for itself, without a user. Where `idtyp` does not say it, a
    /// token without delegated scopes is one.
    pub fn is_app_only(&self) -> bool {
        self.0.granted.is_app
    }

    /// Whether the caller is the user account of an agent (`xms_sub_fct` holds 13).
    #[doc(alias = "IsAgentUserIdentity")]
    pub fn is_agent_user(&self) -> bool {
        const AGENT_USER: u32 = 13;
        let facets = self.text("xms_sub_fct").unwrap_or_default();
        // One that is no number makes the whole list worthless, as in .NET.
        let facets: Result<Vec<u32>, _> = facets.split_whitespace().map(str::parse).collect();
        facets.is_ok_and(|facets| facets.contains(&AGENT_USER))
    }

    /// The blueprint application of the agent that calls (`xms_par_app_azp`).
    #[doc(alias = "GetParentAgentBlueprint")]
    pub fn parent_agent_blueprint(&self) -> Option<&str> {
        self.text("xms_par_app_azp")
    }

    /// Every claim, as it stands in the token.
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.claims.get_or_init(|| serde_json::from_str(&self.0.payload).unwrap_or_default())
    }

    /// Checks a requirement where it depends on more than the route.
    ///
    /// # Errors
    /// [`Denial::Forbidden`], which a handler returns with `?` as a [`Problem`](crate::Problem).
    #[doc(alias = "VerifyUserHasAnyAcceptedScope")]
    #[doc(alias = "ValidateAppRole")]
    pub fn require(&self, requirement: &Require) -> Result<(), Denial> {
        requirement.check(self).map_err(Denial::Forbidden)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims().get(name).and_then(Value::as_str)
    }
}

impl AsRef<UserAssertion> for AuthenticatedUser {
    fn as_ref(&self) -> &UserAssertion {
        &self.0.assertion
    }
}

/// Tenant, object and client are ids; names and addresses of people do not show.
impl fmt::Debug for AuthenticatedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatedUser")
            .field("tenant", &self.0.tenant)
            .field("object", &self.0.object)
            .field("client", &self.0.client)
            .field("is_app_only", &self.0.granted.is_app)
            .finish_non_exhaustive()
    }
}
