//! What is around the application of a story: files, the vault, the host that it runs on, and whom
//! its registration trusts.

use std::{fs, sync::Arc};

use entra_abstractions::Environment;
use entra_emulator::{
    Emulator, FederatedCredential, ManagedIdentityHost, VaultCertificate, VaultOperation, ids,
};
use serde::Deserialize;
use serde_json::json;

use super::Stage;

/// A certificate of the emulator's, with its key.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Known {
    /// The one that is registered when a story begins.
    App,
    /// Its successor, which is trusted by its subject, with `x5c`, or once it is registered.
    Renewed,
}

impl Known {
    fn pem(self) -> (&'static str, &'static str) {
        match self {
            Self::App => (ids::APP_CERTIFICATE, ids::APP_KEY),
            Self::Renewed => (ids::RENEWED_CERTIFICATE, ids::RENEWED_KEY),
        }
    }
}

/// A file of the folder that is replaced at once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    file: String,
    certificate: Known,
}

/// A new version of the vault's certificate `app`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InVault {
    certificate: Known,
    #[serde(default)]
    key_stays: bool,
    #[serde(default)]
    disabled: bool,
}

/// What the vault's caller may be kept from.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    ReadCertificates,
    ReadSecrets,
    Sign,
}

/// Where the process runs.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Host {
    VirtualMachine,
    AppService,
    Pipeline,
    /// Certificate stores lie in the folder `stores`.
    WithStores,
}

/// Registrations trust the identities that the ready-made daemon trusts, and it trusts the API; a
/// blueprint gets no plain token of its own, as Entra has it.
pub(super) fn trust(emulator: &Emulator) {
    emulator.edit(|directory| {
        let subject = directory.app(ids::API).unwrap().object_id();
        let of_api: FederatedCredential =
            serde_json::from_value(json!({ "issuer": "entra", "subject": subject })).unwrap();
        let trusted = directory.app(ids::DAEMON).unwrap().federated.clone();
        directory.app_mut(ids::DAEMON).unwrap().federated.push(of_api);
        for client in [ids::API, ids::BLUEPRINT] {
            directory.app_mut(client).unwrap().federated.clone_from(&trusted);
        }
        directory.app_mut(ids::BLUEPRINT).unwrap().app_tokens = false;
    });
}

impl Stage {
    pub(super) fn put(&self, put: &Put) {
        let path = self.folder.path().join(&put.file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let (certificate, key) = put.certificate.pem();
        let beside = path.with_extension("new");
        fs::write(&beside, format!("{certificate}{key}")).unwrap();
        fs::rename(beside, path).unwrap();
    }

    pub(super) fn put_in_vault(&self, put: &InVault) {
        let (certificate, key) = put.certificate.pem();
        let certificate = VaultCertificate::new(certificate, key);
        let certificate = if put.key_stays { certificate.key_stays() } else { certificate };
        let certificate = if put.disabled { certificate.disabled() } else { certificate };
        self.kit.emulator.key_vault().add("app", certificate);
    }

    /// Only this may not be done.
    pub(super) fn vault_forbids(&self, forbidden: &[Operation]) {
        let vault = self.kit.emulator.key_vault();
        for operation in [VaultOperation::ReadCertificates, VaultOperation::ReadSecrets, VaultOperation::Sign]
        {
            vault.allow(operation);
        }
        for operation in forbidden {
            vault.forbid(match operation {
                Operation::ReadCertificates => VaultOperation::ReadCertificates,
                Operation::ReadSecrets => VaultOperation::ReadSecrets,
                Operation::Sign => VaultOperation::Sign,
            });
        }
    }

    /// Each application of the story trusts this certificate, and no other.
    pub(super) fn register(&self, certificate: Known) {
        let (certificate, _) = certificate.pem();
        self.kit.emulator.edit(|directory| {
            for client in [ids::API, ids::BLUEPRINT, ids::DAEMON] {
                directory.app_mut(client).unwrap().certificates = vec![certificate.to_owned()];
            }
        });
    }

    /// The process ends, and begins there.
    pub(super) fn runs_on(&self, hosts: &[Host]) {
        let emulator = &self.kit.emulator;
        let variables = hosts.iter().flat_map(|host| match host {
            Host::VirtualMachine => {
                emulator.managed_identity_environment(ManagedIdentityHost::VirtualMachine)
            }
            Host::AppService => emulator.managed_identity_environment(ManagedIdentityHost::AppService),
            Host::Pipeline => emulator.pipeline_environment(),
            Host::WithStores => {
                let stores = self.folder.path().join("stores");
                vec![("ENTRA_CERTIFICATE_STORES", stores.to_str().unwrap().to_owned())]
            }
        });
        *self.environment.lock().unwrap() = Environment::from_pairs(variables);
        self.restart();
    }

    /// What a workload's issuer gives from now on.
    pub(super) fn new_assertion(&self, file: &str) {
        let assertion = self.kit.emulator.workload_assertion(ids::WORKLOAD_SUBJECT);
        self.watch.secret(&assertion);
        fs::write(self.folder.path().join(file), &assertion).unwrap();
        *Arc::clone(&self.provider).0.lock().unwrap() = Some(assertion);
    }
}
