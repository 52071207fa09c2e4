//! Microsoft's own resources that every tenant has.

use super::App;

/// Graph, the token exchanges, and the Azure resources that SDKs ask for. Any scope name is one of theirs.
pub(super) fn resources() -> Vec<App> {
    [
        ("graph", "00000003-0000-0000-c000-000000000000", 1, &["https://graph.microsoft.com"][..]),
        ("token-exchange", "fb60f99c-7a34-4190-8149-302f77469936", 2, &["api://AzureADTokenExchange"]),
        ("fmi-exchange", "a9dd8a2a-df54-4ae0-84f9-38c8d57e5265", 2, &["api://AzureFMITokenExchange"]),
        (
            "azure-management",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013",
            1,
            &["https://management.azure.com", "https://management.core.windows.net"],
        ),
        ("azure-key-vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093", 1, &["https://vault.azure.net"]),
        ("azure-storage", "e406a681-f3d4-42a8-90b6-c2b029497af1", 1, &["https://storage.azure.com"]),
    ]
    .map(|(name, client_id, version, uris)| App {
        multi_tenant: true,
        id_uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        access_token_version: version,
        ..App::new(name, client_id)
    })
    .into()
}
