//! The ids and secrets of the ready-made directory, for tests to name.
//!
//! All of them are public test material: nothing here protects anything.

/// The tenant `contoso.example`.
pub const TENANT: &str = "5c0a7e11-3b1d-4c57-9e0f-7a1b2c3d4e01";
/// A second tenant, `fabrikam.example`.
pub const OTHER_TENANT: &str = "5c0a7e11-3b1d-4c57-9e0f-7a1b2c3d4e02";

/// `shop-api`: a web API that calls other APIs on behalf of its users. Its URI is `api://` and this id, its scope `access_as_user`.
pub const API: &str = "a1b7c3d2-0c4e-4f11-8a6b-1d2e3f4a5b01";
/// The secret of [`API`].
pub const API_SECRET: &str = "shop s3cret?%G&=+/~";
/// `assistant-blueprint`: the blueprint of both agents; also a web API with the scope `access_agent`.
pub const BLUEPRINT: &str = "b2c8d4e3-1d5f-4a22-9b7c-2e3f4a5b6c02";
/// The secret of [`BLUEPRINT`].
pub const BLUEPRINT_SECRET: &str = "blueprint s3cret?%G&=+/~";
/// `agent-one`, an agent identity of [`BLUEPRINT`].
pub const AGENT: &str = "c3d9e5f4-2e6a-4b33-8c8d-3f4a5b6c7d03";
/// `agent-two`, another one.
pub const OTHER_AGENT: &str = "c3d9e5f4-2e6a-4b33-8c8d-3f4a5b6c7d04";
/// `night-job`: a daemon with a secret, a certificate and a federated credential.
pub const DAEMON: &str = "d4eaf6a5-3f7b-4c44-9d9e-4a5b6c7d8e05";
/// The secret of [`DAEMON`].
pub const DAEMON_SECRET: &str = "daemon s3cret?%G&=+/~";
/// `browser`: the public client that users sign in with.
pub const BROWSER: &str = "e5fba7b6-4a8c-4d55-8eaf-5b6c7d8e9f06";

/// `host`: the system-assigned identity of every host. It may stand for [`DAEMON`], too.
pub const HOST: &str = "3a40fc0b-9fd1-4cad-8df4-0a1b2c3d4e10";
/// The object id of [`HOST`].
pub const HOST_OBJECT: &str = "3a40fc0b-9fd1-4cad-8df4-0a1b2c3d4e11";
/// `shared-identity`: a user-assigned identity of every host. It may stand for [`DAEMON`], too.
pub const SHARED_IDENTITY: &str = "4b510d1c-a0e2-4dbe-9e05-1b2c3d4e5f12";
/// The object id of [`SHARED_IDENTITY`].
pub const SHARED_IDENTITY_OBJECT: &str = "4b510d1c-a0e2-4dbe-9e05-1b2c3d4e5f13";
/// The resource id of [`SHARED_IDENTITY`].
pub const SHARED_IDENTITY_RESOURCE: &str = "/subscriptions/5c621e2d-b1f3-4ecf-8f16-2c3d4e5f6014/resourceGroups/jobs (west)/providers/Microsoft.ManagedIdentity/userAssignedIdentities/shared-identity";
/// The secret that hosts put into the environment of their programs.
pub const HOST_SECRET: &str = "host s3cret?%G&=+/~";

/// `orders`, an API at `api://orders` with v2 tokens; [`API`], [`DAEMON`] and the agents may call it.
pub const ORDERS: &str = "f60cb8c7-5b9d-4e66-9fb0-6c7d8e9f0a07";
/// `partner`, an API at `api://partner` with v1 tokens.
pub const PARTNER: &str = "071dc9d8-6cae-4f77-8ac1-7d8e9f0a1b08";
/// `payroll`, an API at `api://payroll` to which nobody has consented.
pub const PAYROLL: &str = "182edae9-7dbf-4a88-9bd2-8e9f0a1b2c09";
/// `safe`, an API at `api://safe` for which conditional access asks for the authentication context `c1`.
pub const SAFE: &str = "293febfa-8ec0-4b99-8ce3-9f0a1b2c3d0a";

/// Alice's object id.
pub const ALICE: &str = "3a40fc0b-9fd1-4caa-9df4-0a1b2c3d4e0b";
/// Alice's user principal name.
pub const ALICE_UPN: &str = "alice@contoso.example";
/// Bob's object id.
pub const BOB: &str = "4b510d1c-a0e2-4dbb-8e05-1b2c3d4e5f0c";
/// Bob's user principal name.
pub const BOB_UPN: &str = "bob@contoso.example";
/// Maeve's object id.
pub const MAEVE: &str = "5c621e2d-b1f3-4ecc-9f16-2c3d4e5f600d";
/// Maeve's user principal name, which has an apostrophe.
pub const MAEVE_UPN: &str = "maeve.o'brien@contoso.example";
/// The object id of the agent user of [`AGENT`].
pub const AGENT_USER: &str = "6d732f3e-c204-4fdd-8a27-3d4e5f60710e";
/// The user principal name of the agent user.
pub const AGENT_USER_UPN: &str = "agent-one.user@contoso.example";

/// The issuer of federated credentials that the ready-made directory trusts; its subject for [`DAEMON`] is [`WORKLOAD_SUBJECT`].
pub const WORKLOAD_ISSUER: &str = "https://workload.example/cluster-one";
/// The subject that [`DAEMON`] accepts from [`WORKLOAD_ISSUER`].
pub const WORKLOAD_SUBJECT: &str = "system:serviceaccount:jobs:night-job";

/// The token by which a step of a pipeline asks for the tokens of its service connections.
pub const PIPELINE_TOKEN: &str = "pipeline s3cret-~+/";
/// A service connection of the pipeline.
pub const SERVICE_CONNECTION: &str = "7e84302f-d315-4aee-9b38-4e5f60718212";

/// The certificate registered for [`API`], [`BLUEPRINT`] and [`DAEMON`], PEM.
pub const APP_CERTIFICATE: &str = include_str!("../../keys/app.cert.pem");
/// Its private key, PKCS#8 PEM.
pub const APP_KEY: &str = include_str!("../../keys/app.key.pem");
/// A renewed certificate of the same subject, registered nowhere, that [`DAEMON`] trusts by subject and issuer, PEM.
pub const RENEWED_CERTIFICATE: &str = include_str!("../../keys/app-renewed.cert.pem");
/// Its private key, PKCS#8 PEM.
pub const RENEWED_KEY: &str = include_str!("../../keys/app-renewed.key.pem");
