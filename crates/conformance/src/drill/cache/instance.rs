//! An instance of an application: an acquirer of its own, with a connection of its own to the store
//! that it shares with the others, or without a store.

use std::sync::Arc;

use anyhow::Result;
use entra_abstractions::{
    AcquireToken, EncryptionKeys, Parameter, Place, Scopes, SessionKey, SharedStore, StoreTokens, TokenError,
    TokenRequest, UserAssertion,
};
use entra_emulator::{Emulator, ids};
use entra_token_acquisition::{Application, TokenAcquirer};

use super::watched::Watched;

/// Base64 of 32 bytes: test material.
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The header that makes a key of its own.
pub(super) const MARK: &str = "x-drill";

const ORDERS: &str = "api://orders/.default";

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) tokens: TokenAcquirer,
    store: Option<Arc<Watched>>,
}

impl Instance {
    /// One that shares a store.
    pub(super) fn sharing(
        emulator: &Emulator,
        store: Arc<dyn StoreTokens>,
        wish: impl FnOnce(SharedStore) -> SharedStore,
    ) -> Result<Self> {
        let store = Arc::new(Watched::new(store));
        let shared = SharedStore::encrypted(store.clone(), EncryptionKeys::new(KEY)?);
        let tokens = TokenAcquirer::builder(application(emulator)?).store(wish(shared)).build()?;
        Ok(Self { tokens, store: Some(store) })
    }

    /// One without.
    pub(super) fn alone(emulator: &Emulator) -> Result<Self> {
        Ok(Self { tokens: TokenAcquirer::builder(application(emulator)?).build()?, store: None })
    }

    /// Asks for a token of its own; another name is another token.
    pub(super) async fn ask(&self, name: &str) -> Result<(), TokenError> {
        self.tokens.acquire(&request(name)?).await.map(drop)
    }

    /// Begins a long-running session.
    pub(super) async fn begin(&self, user: &UserAssertion, key: &SessionKey) -> Result<(), TokenError> {
        let request = TokenRequest::on_behalf_of(scopes()?, user).keep_as(key.clone());
        self.tokens.acquire(&request).await.map(drop)
    }

    /// Goes on with one: not from memory, so that its record is read and written.
    pub(super) async fn go_on(&self, key: &SessionKey) -> Result<(), TokenError> {
        let request = TokenRequest::for_session(scopes()?, key).force_refresh();
        self.tokens.acquire(&request).await.map(drop)
    }

    /// How often its store had what it was asked for.
    pub(super) fn hits(&self) -> u64 {
        self.store.as_ref().map_or(0, |store| store.hits())
    }

    /// Whether it takes its store for away.
    pub(super) fn has_given_up(&self) -> bool {
        request("x")
            .is_ok_and(|request| self.tokens.explain(&request).store.is_some_and(|store| store.is_away))
    }
}

fn application(emulator: &Emulator) -> Result<Application> {
    let builder = Application::builder().instance(emulator.base_url()).tenant(ids::TENANT);
    Ok(builder.client_id(ids::API).secret(ids::API_SECRET).build()?)
}

fn scopes() -> Result<Scopes, TokenError> {
    Ok(Scopes::try_from(ORDERS)?)
}

/// Entra ignores the header; the cache does not, and the log of the emulator tells by it which key was meant.
pub(super) fn request(name: &str) -> Result<TokenRequest, TokenError> {
    Ok(TokenRequest::as_app(scopes()?).parameter(Parameter::shaping(Place::Header, MARK, name)))
}
