//! The acquirers that credentials need: of managed identities, and of other applications of the same
//! configuration. They are reached as this one is.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, ManagedIdentityId, Misconfigured};

use super::TokenAcquirerBuilder;
use crate::{application::Application, credential::FindAcquirers, managed_identity::ManagedIdentity};

impl FindAcquirers for TokenAcquirerBuilder {
    fn managed_identity(&self, client_id: Option<&str>) -> Result<Arc<dyn AcquireToken>, Misconfigured> {
        let id = client_id.map_or(Ok(ManagedIdentityId::System), ManagedIdentityId::client_id)?;
        let mut identity = ManagedIdentity::builder(id)
            .http(self.http.clone())
            .clock(Arc::clone(&self.clock))
            .environment(self.environment.clone())
            .retry_delay(self.retry_delay);
        if let Some(folder) = &self.arc_keys {
            identity = identity.arc_keys(folder);
        }
        for capability in self.application.capabilities() {
            identity = identity.capability(capability);
        }
        Ok(Arc::new(identity.build()?))
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
        let builder = Self {
            http: self.http.clone(),
            clock: Arc::clone(&self.clock),
            environment: self.environment.clone(),
            providers: self.providers.clone(),
            vault_tokens: self.vault_tokens.clone(),
            configuration: self.configuration.clone(),
            vouching_for,
            retry_delay: self.retry_delay,
            arc_keys: self.arc_keys.clone(),
            ..Self::new(application)
        };
        Ok((Arc::new(builder.build()?), Some(host)))
    }
}
