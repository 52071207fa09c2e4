//! The settings of an example: its own `appsettings.json`, and the emulator's ids laid over it as
//! environment variables.

use std::path::Path;

use anyhow::{Context, Result};
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use entra_abstractions::Environment;
use entra_emulator::ids;
use entra_settings::Settings;

use super::{host::Example, stage::Stage};

type Variables = Vec<(&'static str, String)>;

/// `file` is where a store of this story lies.
pub(crate) fn settings(example: Example, stage: &Stage, file: &Path) -> Result<Settings> {
    let base = stage.entra(example).base_url();
    let (id, secret) = if example.is_of_an_agent() {
        (ids::BLUEPRINT, ids::BLUEPRINT_SECRET)
    } else {
        (ids::API, ids::API_SECRET)
    };
    let mut variables: Variables = vec![
        ("AzureAd__Instance", format!("{base}/")),
        ("AzureAd__TenantId", String::from("contoso.example")),
        ("AzureAd__ClientId", id.to_owned()),
    ];
    if !example.is_bound() {
        variables.push(("AzureAd__ClientCredentials__0__ClientSecret", secret.to_owned()));
    }
    if example != Example::Agent {
        variables.push(("AzureAd__Audience", id.to_owned()));
    }
    variables.extend(match example {
        Example::Agent => agent(base),
        Example::Graph => graph(base),
        Example::WebApi => {
            let mut web_api = partner(base);
            web_api.push(("DownstreamApis__GraphAPI__BaseUrl", format!("{base}/v1.0")));
            web_api
        }
        Example::LongRunning => partner(base),
        Example::SharedCache => {
            let mut shared = partner(base);
            let file = file.to_str().context("a folder without a name")?;
            shared.push(("ConnectionStrings__TokenCacheDb", format!("Data Source={file}")));
            shared.push(("TokenCache__EncryptionKeys__0", encryption_key()?));
            shared
        }
        Example::Bound | Example::BoundAgent | Example::BoundMachine => bound(base, stage),
        Example::KeyVault => {
            let version = stage.key_version.clone();
            vec![("KeyVault__Url", base.to_owned()), ("KeyVault__KeyVersion", version)]
        }
    });
    let environment = Environment::from_pairs(variables);
    Ok(Settings::loader().json(json(example)).environment(environment).load()?)
}

/// As `openssl rand -base64 32` makes one.
fn encryption_key() -> Result<String> {
    let mut key = [0; 32];
    rand::fill(&mut key)?;
    Ok(STANDARD.encode(key))
}

fn json(example: Example) -> &'static str {
    match example {
        Example::Agent => include_str!("../../../../examples/agent-api/appsettings.json"),
        Example::WebApi => include_str!("../../../../examples/on-behalf-of/appsettings.json"),
        Example::Graph => include_str!("../../../../examples/graph/appsettings.json"),
        Example::LongRunning => include_str!("../../../../examples/long-running/appsettings.json"),
        Example::SharedCache => include_str!("../../../../examples/shared-cache/appsettings.json"),
        Example::Bound | Example::BoundAgent | Example::BoundMachine => {
            include_str!("../../../../examples/bound-tokens/appsettings.json")
        }
        Example::KeyVault => include_str!("../../../../examples/key-vault/appsettings.json"),
    }
}

fn agent(base: &str) -> Variables {
    vec![
        ("DownstreamApis__MyApi__BaseUrl", format!("{base}/orders")),
        ("DownstreamApis__MyApi__Scopes__0", String::from("api://orders/read")),
        ("DownstreamApis__MyApi__Scopes__1", String::from("api://orders/write")),
        ("Graph__BaseUrl", format!("{base}/v1.0")),
        ("Graph__Scopes", String::from("https://graph.microsoft.com/.default")),
        ("Agent__Id", ids::AGENT.to_owned()),
        ("Agent__UserUpn", ids::AGENT_USER_UPN.to_owned()),
        ("Agent__UserObjectId", ids::AGENT_USER.to_owned()),
    ]
}

fn graph(base: &str) -> Variables {
    vec![("Graph__BaseUrl", format!("{base}/v1.0")), ("GraphBeta__BaseUrl", format!("{base}/beta"))]
}

fn partner(base: &str) -> Variables {
    vec![
        ("DownstreamApis__PartnerAPI__BaseUrl", format!("{base}/orders")),
        ("DownstreamApis__PartnerAPI__Scopes__0", String::from("api://orders/read")),
    ]
}

fn bound(base: &str, stage: &Stage) -> Variables {
    let (partner, certificate) = (stage.partner.origin(), stage.certificate().display().to_string());
    let scope = || String::from("api://orders/.default");
    vec![
        ("AzureAd__ClientCredentials__0__CertificateDiskPath", certificate),
        ("DownstreamApis__Orders__BaseUrl", partner.to_owned()),
        ("DownstreamApis__Orders__Scopes__0", scope()),
        ("DownstreamApis__Invoices__BaseUrl", format!("{base}/orders")),
        ("DownstreamApis__Invoices__Scopes__0", scope()),
        ("DownstreamApis__Archive__BaseUrl", partner.to_owned()),
        ("Agent__Id", ids::AGENT.to_owned()),
    ]
}
