//! A daemon without an application: it calls an API as the managed identity of its host.

use anyhow::Context;
use entra_downstream_api::Api;
use entra_settings::Settings;
use entra_token_acquisition::ManagedIdentity;
use serde_json::Value;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints")]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::load().context("no settings")?;
    let identity = ManagedIdentity::system().build()?;
    println!("{:#}", open_orders(&settings, identity).await?);
    Ok(())
}

async fn open_orders(settings: &Settings, identity: ManagedIdentity) -> anyhow::Result<Value> {
    let orders = Api::new("Orders", &settings.section("DownstreamApis"), identity)?;
    Ok(orders.as_app().get("open").json().await?)
}

#[cfg(test)]
mod tests {
    use entra_abstractions::{Environment, HttpSettings, Section};
    use entra_emulator::{Emulator, ManagedIdentityHost as Host, ids};

    use super::*;

    #[tokio::test]
    async fn it_runs_on_every_kind_of_host() -> anyhow::Result<()> {
        for host in [Host::VirtualMachine, Host::AppService, Host::ContainerApps, Host::AzureArc] {
            let emulator = Emulator::start().await?;
            let orders = ("DownstreamApis__Orders__BaseUrl", format!("{}/orders", emulator.base_url()));
            let written = include_str!("../appsettings.json");
            let settings =
                Settings::loader().json(written).environment(Environment::from_pairs([orders])).load()?;
            let environment = Environment::from_pairs(emulator.managed_identity_environment(host));
            let identity =
                ManagedIdentity::system().environment(environment).arc_keys(emulator.arc_keys()).build()?;
            let answer = open_orders(&settings, identity).await?;
            assert!(answer.to_string().contains(ids::HOST), "{host:?}: {answer}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn its_tokens_can_be_bound_to_a_certificate_of_the_host() -> anyhow::Result<()> {
        let emulator = Emulator::builder().https(true).start().await?;
        let http = HttpSettings::default().trust_pem(emulator.ca_pem().context("no HTTPS")?);
        let variables = emulator.managed_identity_environment(Host::VirtualMachine);
        let identity = ManagedIdentity::system()
            .environment(Environment::from_pairs(variables))
            .http(http.clone())
            .key_in_memory()
            .build()?;
        let section = serde_json::json!({
            "BaseUrl": format!("{}/orders", emulator.base_url()), "Scopes": ["api://orders/.default"],
            "RequestAppToken": true, "ProtocolScheme": "MTLS_POP",
        });
        let section = Section::new("Orders", section);
        let orders = Api::builder("Orders").section(&section).http(http).build(identity)?;
        let answer: Value = orders.as_app().get("open").json().await?;
        assert!(answer.to_string().contains(ids::HOST), "{answer}");
        let shown: Vec<_> =
            emulator.log().entries().into_iter().filter_map(|entry| entry.client_certificate).collect();
        // To Entra and to the API, the same.
        assert!(shown.len() == 2 && shown[0] == shown[1], "{shown:?}");
        Ok(())
    }
}
