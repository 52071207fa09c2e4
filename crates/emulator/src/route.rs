//! Which room answers a path. Entra's paths do not care for case or for a slash at the end.

use std::fmt;

use serde::Deserialize;

use crate::managed_identity::{ManagedIdentityHost, Step};
use crate::user_flow::UserFlow;

/// Where a request goes, with what the path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    InstanceDiscovery,
    Compute,
    Metadata { tenant: String, v2: bool },
    Keys { tenant: String },
    Authorize { tenant: String },
    Token { tenant: String },
    SignOut,
    Graph { resource: Vec<String> },
    Upload { id: String },
    Api { orders: bool },
    ManagedIdentity { host: ManagedIdentityHost },
    Credential { step: Step },
    KeyVault { path: Vec<String> },
    Pipeline,
    Nowhere,
}

/// The kinds of places that a request can go to, to match faults and to filter the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `/common/discovery/instance`
    InstanceDiscovery,
    /// `/metadata/instance/compute`: what a virtual machine knows of itself, its region above all
    Compute,
    /// `/{tenant}/v2.0/.well-known/openid-configuration`, and the same without `v2.0`
    Metadata,
    /// `/{tenant}/discovery/v2.0/keys`
    Keys,
    /// `/{tenant}/oauth2/v2.0/authorize`
    Authorize,
    /// `/{tenant}/oauth2/v2.0/token`
    Token,
    /// `/{tenant}/oauth2/v2.0/logout`
    SignOut,
    /// `/v1.0/..`, `/beta/..` and `/upload/..`: the small Graph
    Graph,
    /// `/orders/..` and `/echo/..`: the downstream API that tells who called
    Api,
    /// The endpoints of the hosts that have managed identities
    ManagedIdentity,
    /// `/certificates/..`, `/secrets/..` and `/keys/..`: the key vault
    KeyVault,
    /// `/pipeline/oidctoken`: the tokens of service connections
    Pipeline,
    /// Anything else: answered with 404
    Unserved,
}

impl Route {
    pub(crate) fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let trimmed = lower.trim_matches('/');
        if let Some(host) = ManagedIdentityHost::of_path(trimmed) {
            return Self::ManagedIdentity { host };
        }
        let mut segments: Vec<&str> = trimmed.split('/').collect();
        // The rest of the path is that of a workforce tenant, whatever kind of authority it belongs to. AD FS has
        // `adfs` in the place of a tenant.
        if UserFlow::take_out(&mut segments).is_none() && segments.first() == Some(&"dstsv2") {
            segments.remove(0);
        }
        let tenant = |t: &&str| (*t).to_owned();
        match segments.as_slice() {
            ["common", "discovery", "instance"] => Self::InstanceDiscovery,
            ["metadata", "instance", "compute"] => Self::Compute,
            ["metadata", "identity", "getplatformmetadata"] => Self::Credential { step: Step::Platform },
            ["metadata", "identity", "issuecredential"] => Self::Credential { step: Step::Issue },
            ["upload", id] => Self::Upload { id: (*id).to_owned() },
            ["v1.0" | "beta", rest @ ..] => {
                Self::Graph { resource: rest.iter().map(|&s| s.to_owned()).collect() }
            }
            ["certificates" | "secrets" | "keys", _, ..] => {
                Self::KeyVault { path: segments.iter().map(|&s| s.to_owned()).collect() }
            }
            ["pipeline", "oidctoken"] => Self::Pipeline,
            ["orders", ..] => Self::Api { orders: true },
            ["echo", ..] => Self::Api { orders: false },
            [t, "v2.0", ".well-known", "openid-configuration"] => {
                Self::Metadata { tenant: tenant(t), v2: true }
            }
            [t, ".well-known", "openid-configuration"] => Self::Metadata { tenant: tenant(t), v2: false },
            [t, "discovery", "keys"] | [t, "discovery", "v2.0", "keys"] => Self::Keys { tenant: tenant(t) },
            [t, "oauth2", "authorize"] | [t, "oauth2", "v2.0", "authorize"] => {
                Self::Authorize { tenant: tenant(t) }
            }
            [t, "oauth2", "token"] | [t, "oauth2", "v2.0", "token"] => Self::Token { tenant: tenant(t) },
            [_, "oauth2", "logout"] | [_, "oauth2", "v2.0", "logout"] => Self::SignOut,
            _ => Self::Nowhere,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::InstanceDiscovery => Endpoint::InstanceDiscovery,
            Self::Compute => Endpoint::Compute,
            Self::Metadata { .. } => Endpoint::Metadata,
            Self::Keys { .. } => Endpoint::Keys,
            Self::Authorize { .. } => Endpoint::Authorize,
            Self::Token { .. } => Endpoint::Token,
            Self::SignOut => Endpoint::SignOut,
            Self::Graph { .. } | Self::Upload { .. } => Endpoint::Graph,
            Self::Api { .. } => Endpoint::Api,
            Self::ManagedIdentity { .. } | Self::Credential { .. } => Endpoint::ManagedIdentity,
            Self::KeyVault { .. } => Endpoint::KeyVault,
            Self::Pipeline => Endpoint::Pipeline,
            Self::Nowhere => Endpoint::Unserved,
        }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Metadata { tenant, .. }
            | Self::Keys { tenant }
            | Self::Authorize { tenant }
            | Self::Token { tenant } => Some(tenant),
            Self::InstanceDiscovery
            | Self::Compute
            | Self::SignOut
            | Self::Graph { .. }
            | Self::Upload { .. }
            | Self::Api { .. }
            | Self::ManagedIdentity { .. }
            | Self::Credential { .. }
            | Self::KeyVault { .. }
            | Self::Pipeline
            | Self::Nowhere => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InstanceDiscovery => "discovery",
            Self::Compute => "compute",
            Self::Metadata => "metadata",
            Self::Keys => "keys",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::SignOut => "sign-out",
            Self::Graph => "graph",
            Self::Api => "api",
            Self::ManagedIdentity => "identity",
            Self::KeyVault => "vault",
            Self::Pipeline => "pipeline",
            Self::Unserved => "unserved",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_rooms_whatever_their_case_or_last_slash() {
        let token = Route::Token { tenant: "t".into() };
        for path in ["/t/oauth2/v2.0/token", "/T/oauth2/v2.0/token/", "/t/oauth2/token"] {
            assert_eq!(Route::of(path), token, "{path}");
        }
        for path in [
            "/tfp/t/B2C_1_susi/oauth2/v2.0/token",
            "/t/b2c_1_susi/oauth2/v2.0/token",
            "/dstsv2/t/oauth2/v2.0/token",
        ] {
            assert_eq!(Route::of(path), token, "{path}");
        }
        assert_eq!(Route::of("/adfs/oauth2/token"), Route::Token { tenant: "adfs".into() });
        assert_eq!(Route::of("/metadata/instance/compute"), Route::Compute);
        assert_eq!(Route::of("/common/discovery/instance"), Route::InstanceDiscovery);
        assert_eq!(Route::of("/common/discovery/keys"), Route::Keys { tenant: "common".into() });
        assert_eq!(Route::of("/v1.0/me"), Route::Graph { resource: vec!["me".into()] });
        assert_eq!(Route::of("/orders"), Route::Api { orders: true });
        let host = ManagedIdentityHost::VirtualMachine;
        assert_eq!(Route::of("/metadata/identity/oauth2/token"), Route::ManagedIdentity { host });
        let step = Step::Issue;
        assert_eq!(Route::of("/metadata/identity/IssueCredential"), Route::Credential { step });
        assert_eq!(Route::of("/favicon.ico"), Route::Nowhere);
    }
}
