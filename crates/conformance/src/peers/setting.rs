//! What a probe is told: where the emulator is, who is registered there, and by which proofs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use entra_emulator::{Emulator, ids};
use serde::Serialize;

/// The setting of all probes; they read it as JSON. All of it is public test material.
#[derive(Serialize)]
pub(super) struct Setting {
    pub(super) authority_host: String,
    pub(super) tenant: &'static str,
    /// The certificate authority of the emulator, PEM.
    pub(super) ca: PathBuf,
    pub(super) daemon: &'static str,
    pub(super) daemon_secret: &'static str,
    pub(super) api: &'static str,
    pub(super) api_secret: &'static str,
    pub(super) blueprint: &'static str,
    pub(super) blueprint_secret: &'static str,
    pub(super) agent: &'static str,
    user: &'static str,
    user_id: &'static str,
    agent_user: &'static str,
    agent_user_id: &'static str,
    /// The registered certificate and its key, PEM.
    certificate: PathBuf,
    pub(super) key: PathBuf,
    key_and_certificate: PathBuf,
    /// A certificate of the same subject that is registered nowhere.
    renewed_certificate: PathBuf,
    renewed_key: PathBuf,
    /// What a platform writes for the daemon.
    pub(super) workload_assertion: PathBuf,
    /// With which a user's client calls the API.
    pub(super) user_token: PathBuf,
    /// This setting itself.
    #[serde(skip)]
    pub(super) path: PathBuf,
}

impl Setting {
    /// Writes it, and every file that it names, into a folder.
    pub(super) fn write(emulator: &Emulator, folder: &Path) -> Result<Self> {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
            Ok::<_, anyhow::Error>(path)
        };
        let scope = format!("api://{}/access_as_user", ids::API);
        let setting = Self {
            authority_host: emulator.base_url().to_owned(),
            tenant: ids::TENANT,
            ca: write("ca.pem", emulator.ca_pem().context("the emulator speaks HTTP only")?)?,
            daemon: ids::DAEMON,
            daemon_secret: ids::DAEMON_SECRET,
            api: ids::API,
            api_secret: ids::API_SECRET,
            blueprint: ids::BLUEPRINT,
            blueprint_secret: ids::BLUEPRINT_SECRET,
            agent: ids::AGENT,
            // Her name has an apostrophe.
            user: ids::MAEVE_UPN,
            user_id: ids::MAEVE,
            agent_user: ids::AGENT_USER_UPN,
            agent_user_id: ids::AGENT_USER,
            certificate: write("app.pem", ids::APP_CERTIFICATE)?,
            key: write("app.key", ids::APP_KEY)?,
            key_and_certificate: write("app.both.pem", &format!("{}{}", ids::APP_KEY, ids::APP_CERTIFICATE))?,
            renewed_certificate: write("renewed.pem", ids::RENEWED_CERTIFICATE)?,
            renewed_key: write("renewed.key", ids::RENEWED_KEY)?,
            workload_assertion: write("workload.jwt", &emulator.workload_assertion(ids::WORKLOAD_SUBJECT))?,
            user_token: write("user.jwt", &emulator.user_token(ids::MAEVE_UPN, &scope))?,
            path: folder.join("setting.json"),
        };
        write("setting.json", &serde_json::to_string(&setting)?)?;
        Ok(setting)
    }
}
