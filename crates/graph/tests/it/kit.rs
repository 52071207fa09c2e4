//! An Entra with its Graph, a web API that calls it, and a user who called the web API.

use entra_abstractions::{Section, UserAssertion};
use entra_emulator::{Consent, Emulator, Endpoint, Entry, ids};
use entra_graph::{Graph, GraphCaller};
use entra_token_acquisition::{Application, TokenAcquirer};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) struct Kit {
    pub(crate) emulator: Emulator,
    pub(crate) graph: Graph,
    pub(crate) alice: UserAssertion,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    pub(crate) display_name: String,
}

impl Kit {
    pub(crate) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// With more in the section of the Graph.
    pub(crate) async fn with(more: Value) -> Self {
        let emulator = Emulator::start().await.unwrap();
        emulator.edit(|directory| {
            directory.consents.push(Consent::scopes(
                "shop-api",
                "graph",
                ["User.Read.All", "Files.ReadWrite"],
            ));
            directory.consents.push(Consent::roles("shop-api", "graph", ["Application.Read.All"]));
        });
        let mut section = json!({"BaseUrl": format!("{}/v1.0", emulator.base_url())});
        section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let graph = Graph::from_section(&Section::new("GraphBeta", section), tokens(&emulator)).unwrap();
        let alice = emulator.user_token("alice", &format!("api://{}/access_as_user", ids::API));
        Self { graph, alice: UserAssertion::new(alice).unwrap(), emulator }
    }

    pub(crate) fn me(&self) -> GraphCaller {
        self.graph.on_behalf_of(&self.alice)
    }

    /// What Graph was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Entry> {
        let entries = self.emulator.log().entries();
        entries.into_iter().filter(|entry| entry.endpoint == Endpoint::Graph).collect()
    }
}

pub(crate) fn tokens(emulator: &Emulator) -> TokenAcquirer {
    let application = Application::builder()
        .instance(emulator.base_url())
        .tenant(ids::TENANT)
        .client_id(ids::API)
        .secret(ids::API_SECRET)
        .build()
        .unwrap();
    TokenAcquirer::builder(application).build().unwrap()
}
