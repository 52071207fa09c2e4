//! Runs an example web API on loopback, with its own `appsettings.json` and the emulator's ids laid
//! over it as environment variables.

use anyhow::Result;
use entra_abstractions::Environment;
use entra_emulator::{Emulator, ids};
use entra_settings::Settings;
use tokio::{net::TcpListener, task::JoinHandle};

/// Which of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Example {
    /// `examples/agent-api`: seeds 000 and 004.
    Agent,
    /// `examples/on-behalf-of`: seed 003.
    WebApi,
}

/// A running web API; it stops when it is dropped.
pub(crate) struct Host {
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl Host {
    pub(crate) async fn start(example: Example, emulator: &Emulator) -> Result<Self> {
        let settings = settings(example, emulator)?;
        let app = match example {
            Example::Agent => example_agent_api::app(&settings)?,
            Example::WebApi => example_on_behalf_of::app(&settings)?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the web API stopped");
            }
        });
        Ok(Self { url, server })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn settings(example: Example, emulator: &Emulator) -> Result<Settings> {
    let base = emulator.base_url();
    let (json, id, secret) = match example {
        Example::Agent => (
            include_str!("../../../../examples/agent-api/appsettings.json"),
            ids::BLUEPRINT,
            ids::BLUEPRINT_SECRET,
        ),
        Example::WebApi => {
            (include_str!("../../../../examples/on-behalf-of/appsettings.json"), ids::API, ids::API_SECRET)
        }
    };
    let mut variables: Vec<(&str, String)> = vec![
        ("AzureAd__Instance", format!("{base}/")),
        ("AzureAd__TenantId", String::from("contoso.example")),
        ("AzureAd__ClientId", id.to_owned()),
        ("AzureAd__ClientCredentials__0__ClientSecret", secret.to_owned()),
    ];
    match example {
        Example::Agent => variables.extend([
            ("DownstreamApis__MyApi__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__MyApi__Scopes__0", String::from("api://orders/read")),
            ("DownstreamApis__MyApi__Scopes__1", String::from("api://orders/write")),
            ("Graph__BaseUrl", format!("{base}/v1.0")),
            ("Graph__Scopes", String::from("https://graph.microsoft.com/.default")),
            ("Agent__Id", ids::AGENT.to_owned()),
            ("Agent__UserUpn", ids::AGENT_USER_UPN.to_owned()),
            ("Agent__UserObjectId", ids::AGENT_USER.to_owned()),
        ]),
        Example::WebApi => variables.extend([
            ("AzureAd__Audience", id.to_owned()),
            ("DownstreamApis__GraphAPI__BaseUrl", format!("{base}/v1.0")),
            ("DownstreamApis__PartnerAPI__BaseUrl", format!("{base}/orders")),
            ("DownstreamApis__PartnerAPI__Scopes__0", String::from("api://orders/read")),
        ]),
    }
    let environment = Environment::from_pairs(variables);
    Ok(Settings::loader().json(json).environment(environment).load()?)
}
