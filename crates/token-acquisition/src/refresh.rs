//! The refresh tokens that are kept: one for each user of an application or agent, bounded in
//! number; and where instances share a store, there too. Read only where a token must be fetched,
//! so a lock is enough.

mod record;
mod shared;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use entra_abstractions::{ClientId, TenantId};

use crate::cache::{Key, Owner};

pub(crate) use record::RefreshRecord;
pub(crate) use shared::{forget, keep, newer, of_account, of_agent_user};

/// Whose refresh token it is: a key without its scopes, because it serves any.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Holder {
    client: ClientId,
    owner: Owner,
    /// An agent's user lives in one tenant; a signed-in user's token opens every tenant that
    /// knows them.
    tenant: Option<TenantId>,
}

impl Holder {
    fn of(key: &Key) -> Self {
        let key = key.as_ref();
        let owner = key.to_key().owner().clone();
        let tenant = matches!(owner, Owner::AgentUser(_)).then(|| key.tenant.clone());
        Self { client: key.identity.client.clone(), owner, tenant }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RefreshTokens(Mutex<Records>);

#[derive(Debug, Default)]
struct Records {
    by_holder: HashMap<Holder, (u64, Arc<RefreshRecord>)>,
    uses: u64,
}

/// About 200 MB of refresh tokens.
const MOST: usize = 100_000;

impl RefreshTokens {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<RefreshRecord>> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.uses += 1;
        let uses = records.uses;
        let (used, record) = records.by_holder.get_mut(&Holder::of(key))?;
        *used = uses;
        Some(Arc::clone(record))
    }

    /// Whether there is one, without counting as a use.
    pub(crate) fn holds(&self, key: &Key) -> bool {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.by_holder.contains_key(&Holder::of(key))
    }

    pub(crate) fn put(&self, key: &Key, record: RefreshRecord) -> Arc<RefreshRecord> {
        let record = Arc::new(record);
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.uses += 1;
        let uses = records.uses;
        records.by_holder.insert(Holder::of(key), (uses, Arc::clone(&record)));
        if records.by_holder.len() > MOST {
            records.let_go(MOST / 10);
        }
        record
    }

    /// Lets a record go, unless a newer one took its place.
    pub(crate) fn remove(&self, key: &Key, refused: &RefreshRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = Holder::of(key);
        if records.by_holder.get(&holder).is_some_and(|(_, record)| record.token() == refused.token()) {
            records.by_holder.remove(&holder);
        }
    }
}

impl Records {
    /// The longest unused go first.
    fn let_go(&mut self, how_many: usize) {
        let mut uses: Vec<u64> = self.by_holder.values().map(|(used, _)| *used).collect();
        uses.sort_unstable();
        if let Some(bound) = uses.get(how_many).copied() {
            self.by_holder.retain(|_, (used, _)| *used >= bound);
        }
    }
}
