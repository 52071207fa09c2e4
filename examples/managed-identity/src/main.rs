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
    use entra_abstractions::Environment;
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
}
