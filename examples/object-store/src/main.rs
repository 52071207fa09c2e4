//! Lists what is in a container of Azure Storage, and puts something in.

mod provider;

use std::sync::Arc;

use anyhow::{Context, Result};
use entra_abstractions::{Faults, Section};
use entra_settings::Settings;
use entra_token_acquisition::{Application, TokenAcquirer};
use object_store::{
    ObjectStoreExt,
    azure::{MicrosoftAzure, MicrosoftAzureBuilder},
    path::Path,
};

use provider::EntraProvider;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints")]
async fn main() -> Result<()> {
    let settings = Settings::load().context("no settings")?;
    let application = Application::from_section(&settings.section("AzureAd"))?;
    let tokens = TokenAcquirer::builder(application).build()?;
    let store = store(&settings.section("Storage"), tokens)?.build()?;
    println!("the order says: {}", round_trip(&store).await?);
    Ok(())
}

/// A store with our tokens.
fn store(section: &Section, tokens: TokenAcquirer) -> Result<MicrosoftAzureBuilder> {
    let mut faults = Faults::default();
    let account = section.text("Account", &mut faults).context("Storage.Account is missing")?;
    let container = section.text("Container", &mut faults).context("Storage.Container is missing")?;
    faults.into_result(())?;
    Ok(MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_credentials(Arc::new(EntraProvider::as_app(tokens)?)))
}

async fn round_trip(store: &MicrosoftAzure) -> Result<String> {
    let order = Path::from("orders/7.txt");
    store.put(&order, "400 bolts for O'Hara & Sons".into()).await?;
    let kept = store.get(&order).await?.bytes().await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use axum::{
        Router,
        body::Bytes,
        extract::{Path as Place, State},
        http::{HeaderMap, StatusCode},
        response::IntoResponse,
        routing::put,
    };
    use entra_abstractions::{Environment, TokenError};
    use entra_emulator::{Emulator, Endpoint, Fault, ids};

    use super::*;

    /// A container that lets nobody in without a bearer token for Storage.
    #[derive(Clone, Default)]
    struct Double(Arc<Mutex<BTreeMap<String, Bytes>>>);

    impl Double {
        async fn serve() -> Result<String> {
            let router =
                Router::new().route("/{container}/{*path}", put(keep).get(give)).with_state(Self::default());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("http://{}", listener.local_addr()?);
            tokio::spawn(async move { axum::serve(listener, router).await });
            Ok(url)
        }
    }

    fn is_let_in(headers: &HeaderMap) -> bool {
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
        bearer.is_some_and(|value| value.starts_with("Bearer eyJ"))
    }

    async fn keep(
        State(double): State<Double>,
        Place((_, path)): Place<(String, String)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> impl IntoResponse {
        if !is_let_in(&headers) {
            return (StatusCode::UNAUTHORIZED, [("etag", "")]);
        }
        double.0.lock().unwrap().insert(path, body);
        (StatusCode::CREATED, [("etag", "\"1\"")])
    }

    async fn give(
        State(double): State<Double>,
        Place((_, path)): Place<(String, String)>,
        headers: HeaderMap,
    ) -> impl IntoResponse {
        let kept = double.0.lock().unwrap().get(&path).cloned().filter(|_| is_let_in(&headers));
        match kept {
            Some(kept) => {
                let modified = ("last-modified", "Sat, 21 Nov 2026 09:00:00 GMT");
                (StatusCode::OK, [("etag", "\"1\""), modified], kept)
            }
            None => (StatusCode::NOT_FOUND, [("etag", ""), ("last-modified", "")], Bytes::new()),
        }
    }

    fn tokens(emulator: &Emulator) -> Result<(Settings, TokenAcquirer)> {
        let environment = Environment::from_pairs([
            ("AzureAd__Instance", emulator.base_url()),
            ("AzureAd__TenantId", ids::TENANT),
            ("AzureAd__ClientId", ids::DAEMON),
            ("AzureAd__ClientCredentials__0__ClientSecret", ids::DAEMON_SECRET),
        ]);
        let written = include_str!("../appsettings.json");
        let settings = Settings::loader().json(written).environment(environment).load()?;
        let application = Application::from_section(&settings.section("AzureAd"))?;
        Ok((settings, TokenAcquirer::builder(application).build()?))
    }

    #[tokio::test]
    async fn an_object_goes_in_and_comes_out_with_one_token() -> Result<()> {
        let emulator = Emulator::start().await?;
        let (settings, tokens) = tokens(&emulator)?;
        let store = store(&settings.section("Storage"), tokens)?
            .with_endpoint(Double::serve().await?)
            .with_allow_http(true)
            .build()?;
        assert_eq!(round_trip(&store).await?, "400 bolts for O'Hara & Sons");
        assert_eq!(emulator.log().count_tokens(), 1);
        Ok(())
    }

    #[tokio::test]
    async fn who_must_act_is_in_the_chain() -> Result<()> {
        let emulator = Emulator::start().await?;
        emulator.faults().add(Fault::refuse(7_000_215, "invalid_client").at(Endpoint::Token));
        let (settings, tokens) = tokens(&emulator)?;
        let store = store(&settings.section("Storage"), tokens)?.build()?;
        let error = store.head(&Path::from("orders/7.txt")).await.unwrap_err();
        assert!(matches!(TokenError::in_chain(&error), Some(TokenError::Rejected(_))), "{error:?}");
        Ok(())
    }
}
