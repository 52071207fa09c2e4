//! What all stories share: an embedded Entra over HTTP, another one over TLS for what needs it, and an API
//! that takes certificates.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use entra_abstractions::{Authority, ClientId, HttpSettings, TenantId};
use entra_emulator::{Emulator, VaultCertificate, ids};
use entra_mtls_pop::BoundClients;
use entra_web_api::TokenValidator;
use tempfile::TempDir;

use super::host::Example;
use crate::{bound_api::BoundApi, pki::self_signed};

/// It ends with this value.
pub(crate) struct Stage {
    plain: Emulator,
    pub(crate) secure: Emulator,
    pub(crate) partner: BoundApi,
    /// Trusts the second Entra and the API.
    pub(crate) http: HttpSettings,
    /// What a thief connects with.
    pub(crate) clients: BoundClients,
    /// The version of the vault's key `orders`.
    pub(crate) key_version: String,
    folder: TempDir,
}

impl Stage {
    pub(crate) async fn start() -> Result<Self> {
        let plain = Emulator::start().await?;
        let secure = Emulator::builder().https(true).start().await?;
        let entra = secure.ca_pem().context("the emulator speaks HTTP only")?;

        let authority = Authority::new(secure.base_url(), TenantId::new(ids::TENANT)?)?;
        let directory = secure.directory();
        let orders = &directory.app("orders").context("the directory has no orders")?.client_id;
        let validator = TokenValidator::for_client(authority, &ClientId::new(orders.as_str())?);
        // Which application may call is the API's own list: here, whoever has a token.
        let validator = validator.allow_access_by_acl().http(HttpSettings::default().trust_pem(entra));
        let partner = BoundApi::start(&validator.build()?).await?;
        let http = partner.http().trust_pem(entra);

        let key = VaultCertificate::new(ids::APP_CERTIFICATE, ids::APP_KEY).key_stays();
        let key_version = secure.key_vault().add("orders", key);
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        let stage = Self {
            plain,
            secure,
            partner,
            clients: BoundClients::new(&http, |builder| builder),
            http,
            key_version,
            folder,
        };
        fs::write(stage.certificate(), self_signed())?;
        Ok(stage)
    }

    /// The Entra that an example is configured with.
    pub(crate) fn entra(&self, example: Example) -> &Emulator {
        if example.needs_tls() { &self.secure } else { &self.plain }
    }

    /// The file with the application's certificate and key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("app.pem")
    }

    /// A place for the files of one story.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn described(&self) -> String {
        format!(
            "An embedded Entra listens at {}, and at {} for what needs TLS.\nThe web APIs below are those of examples/; \
             each reads Entra's keys with its first call, which is left out.",
            self.plain.base_url(),
            self.secure.base_url()
        )
    }
}
