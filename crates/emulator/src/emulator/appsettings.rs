//! Writes the configuration with which an application of the directory meets the emulator.

use serde_json::{Map, json};

use crate::directory::Directory;

pub(super) fn write(directory: &Directory, base_url: &str, client: &str) -> String {
    let app = directory.app(client);
    let tenant = app
        .and_then(|app| directory.tenant(app.tenants.first()?))
        .or_else(|| directory.tenants.first())
        .map_or("", |tenant| &tenant.id);
    let mut entra = Map::new();
    entra.insert("Instance".into(), json!(format!("{base_url}/")));
    entra.insert("TenantId".into(), json!(tenant));
    entra.insert("ClientId".into(), json!(app.map_or(client, |app| &app.client_id)));
    if let Some(secret) = app.and_then(|app| app.secrets.first()) {
        let credential = json!({ "SourceType": "ClientSecret", "ClientSecret": secret.reveal() });
        entra.insert("ClientCredentials".into(), json!([credential]));
    }
    let mut apis = Map::new();
    let graph = json!({
        "BaseUrl": format!("{base_url}/v1.0"),
        "Scopes": ["https://graph.microsoft.com/.default"],
    });
    apis.insert("Graph".into(), graph);
    if let Some(uri) = directory.app("orders").and_then(|orders| orders.id_uris.first()) {
        let orders =
            json!({ "BaseUrl": format!("{base_url}/orders"), "Scopes": [format!("{uri}/.default")] });
        apis.insert("Orders".into(), orders);
    }
    format!("{:#}", json!({ "AzureAd": entra, "DownstreamApis": apis }))
}
