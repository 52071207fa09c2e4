//! The acquirers that credentials need: of managed identities, and of other applications of the same
//! configuration. They are reached as this one is.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, ManagedIdentityId, Misconfigured};

use super::TokenAcquirerBuilder;
use crate::{
    application::Application,
    credential::{FEDERATED_TOKEN_FILE, FindAcquirers},
    managed_identity::ManagedIdentity,
};

impl FindAcquirers for TokenAcquirerBuilder {
    fn managed_identity(&self, client_id: Option<&str>) -> Result<Arc<dyn AcquireToken>, Misconfigured> {
        let id = client_id.map_or(Ok(ManagedIdentityId::System), ManagedIdentityId::client_id)?;
        let mut identity = ManagedIdentity::builder(id)
            .http(self.http.clone())
            .clock(Arc::clone(&self.clock))
            .environment(self.environment.clone())
            .retry_delay(self.retry_delay)
            .sharing(Arc::clone(&self.certificates));
        if let Some(folder) = &self.arc_keys {
            identity = identity.arc_keys(folder);
        }
        for capability in self.application.capabilities() {
            identity = identity.capability(capability);
        }
        Ok(Arc::new(identity.build()?))
    }

    fn workload_identity(
        &self,
        client_id: Option<&str>,
    ) -> Result<Option<Arc<dyn AcquireToken>>, Misconfigured> {
        let set = |name| self.environment.get(name).filter(|value| !value.trim().is_empty());
        let client_id = client_id.or_else(|| set(CLIENT_ID));
        let (Some(file), Some(tenant), Some(client_id)) =
            (set(FEDERATED_TOKEN_FILE), set(TENANT_ID), client_id)
        else {
            return Ok(None);
        };
        let mut application = Application::builder().tenant(tenant).client_id(client_id).assertion_file(file);
        if let Some(host) = set(AUTHORITY_HOST) {
            application = application.instance(host);
        }
        let application = application.build().map_err(|fault| {
            Misconfigured::new("the workload identity of this pod is described wrongly")
                .hint(format!("look at {TENANT_ID}, {CLIENT_ID} and {AUTHORITY_HOST}"))
                .with_source(fault)
        })?;
        Ok(Some(Arc::new(self.beside(application).build()?)))
    }

    fn application(&self, section: &str) -> Result<(Arc<dyn AcquireToken>, Option<String>), Misconfigured> {
        let root = self.configuration.as_ref().ok_or_else(|| {
            Misconfigured::new(format!("the section {section:?} cannot be looked up"))
                .hint("give the whole configuration to the acquirer's builder with configuration(root)")
        })?;
        let section = root.section(section);
        let own = self.application.path().to_owned();
        let mut vouching_for = self.vouching_for.clone();
        vouching_for.push(own);
        if vouching_for.iter().any(|path| path.eq_ignore_ascii_case(section.path())) {
            let around = [&*vouching_for.join(", proven by "), section.path()].join(", proven by ");
            return Err(Misconfigured::new(format!("an application cannot vouch for itself: {around}"))
                .hint("let an application come last that has a credential of its own"));
        }
        let application = Application::from_section(&section)?;
        let host = application.authority_host().to_owned();
        let builder = Self { vouching_for, ..self.beside(application) };
        Ok((Arc::new(builder.build()?), Some(host)))
    }
}

impl TokenAcquirerBuilder {
    /// For another application, which is reached as this one is.
    fn beside(&self, application: Application) -> Self {
        Self {
            http: self.http.clone(),
            clock: Arc::clone(&self.clock),
            environment: self.environment.clone(),
            providers: self.providers.clone(),
            vault_tokens: self.vault_tokens.clone(),
            configuration: self.configuration.clone(),
            retry_delay: self.retry_delay,
            arc_keys: self.arc_keys.clone(),
            certificates: Arc::clone(&self.certificates),
            ..Self::new(application)
        }
    }
}

/// What Azure's workload identity sets in each pod, beside the file.
const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
