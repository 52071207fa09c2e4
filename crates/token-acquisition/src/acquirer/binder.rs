//! What this acquirer can bind to a certificate, told before it is asked to.

use async_trait::async_trait;
use entra_abstractions::{
    AssertionContext, BindTokens, Binding, CorrelationId, Misconfigured, Scheme, TokenError, TokenRequest,
};

use super::TokenAcquirer;
use crate::{grant::Grant, managed_identity, region};

#[async_trait]
impl BindTokens for TokenAcquirer {
    fn check(&self, request: &TokenRequest) -> Result<(), Misconfigured> {
        let request = TokenRequest { scheme: Scheme::MtlsPop, ..request.clone() };
        let plan = self.plan(&request)?;
        if let Grant::ManagedIdentity(_) = plan.grant {
            return managed_identity::check_bound(self);
        }
        let authority = self.application().authority();
        if let Some(endpoint) = authority.token_endpoint(&plan.tenant) {
            region::mtls(authority, &endpoint, None)?;
        }
        self.credentials().check_bound()
    }

    fn check_certificate(&self) -> Result<(), Misconfigured> {
        self.credentials().check_bound()
    }

    async fn binding(&self) -> Result<Binding, TokenError> {
        if let Some(id) = &self.identity().host {
            return managed_identity::binding(self, id).await;
        }
        let host = self.application().authority_host();
        let client = self.identity().client.clone();
        let mut context = AssertionContext::new(client, host, CorrelationId::random());
        context.is_bound = true;
        let proof = self.credentials().prove(&context).await?;
        let binding = proof.binding().cloned();
        binding.ok_or_else(|| Misconfigured::new("the application has no certificate of its own").into())
    }
}
