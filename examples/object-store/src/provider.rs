//! The seam: what `object_store` asks for a credential, answered by any acquirer of tokens.

use std::sync::Arc;

use async_trait::async_trait;
use entra_abstractions::{AcquireToken, Misconfigured, Scopes, TokenRequest};
use object_store::{CredentialProvider, azure::AzureCredential};

/// Gives the token of one request; the acquirer keeps and renews it.
#[derive(Debug)]
pub(crate) struct EntraProvider<T> {
    tokens: T,
    request: TokenRequest,
}

impl<T: AcquireToken> EntraProvider<T> {
    /// The application's own token; for others change the request.
    pub(crate) fn as_app(tokens: T) -> Result<Self, Misconfigured> {
        let scopes = Scopes::try_from("https://storage.azure.com/.default")?;
        Ok(Self { tokens, request: TokenRequest::as_app(scopes) })
    }
}

#[async_trait]
impl<T: AcquireToken> CredentialProvider for EntraProvider<T> {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let token = self.tokens.acquire(&self.request).await.map_err(|error| {
            object_store::Error::Unauthenticated { path: String::new(), source: Box::new(error) }
        })?;
        Ok(Arc::new(AzureCredential::BearerToken(token.secret().expose().to_owned())))
    }
}
