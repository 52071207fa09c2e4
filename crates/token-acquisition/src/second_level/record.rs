//! One token as it is kept in a shared store: a version, then JSON. Every instance that shares the
//! store reads what any other wrote, and makes the same token of it.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use entra_abstractions::{
    AccessToken, AccountId, Claims, CorrelationId, Scheme, Secret, SecretRef, StoreKey, StoredEntry,
    TenantId, TokenParts,
};
use serde::{Deserialize, Deserializer, Serialize, de::Visitor};

/// A token, and what else an instance must know to serve it as the one does that fetched it.
#[derive(Debug, Clone)]
pub(crate) struct TokenRecord {
    pub(crate) token: AccessToken,
    /// The challenge that it was fetched to meet.
    pub(crate) claims: Option<Claims>,
    pub(crate) came_at: SystemTime,
    pub(crate) refresh_at: Option<SystemTime>,
    /// How far the clock was off by which these times were noted.
    pub(crate) skew: Duration,
}

/// The version that is written, and the only one there is so far.
const VERSION: u8 = 1;

const NOT_WRITTEN_HERE: &str = "it is not what was written";

#[derive(Serialize)]
struct Written<'a> {
    key: String,
    access_token: &'a str,
    came_at: u64,
    ends_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_at: Option<u64>,
    skew: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    scopes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a str>,
}

/// What is read: members that are not known here are passed over.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    key: Words<'a>,
    #[serde(borrow)]
    access_token: Words<'a>,
    came_at: u64,
    ends_at: u64,
    refresh_at: Option<u64>,
    #[serde(default)]
    skew: u64,
    #[serde(borrow)]
    tenant: Option<Words<'a>>,
    #[serde(borrow, default)]
    scopes: Words<'a>,
    #[serde(borrow)]
    account: Option<Words<'a>>,
    #[serde(borrow)]
    id_token: Option<Words<'a>>,
    #[serde(borrow)]
    correlation_id: Option<Words<'a>>,
    #[serde(borrow)]
    claims: Option<Words<'a>>,
}

/// A text where it lies, in the entry that is wiped; a copy of it where it had to be unescaped.
enum Words<'a> {
    Here(&'a str),
    Copied(Secret),
}

impl TokenRecord {
    /// The entry that is kept under this key: it ends with the token.
    pub(super) fn to_entry(&self, at: &StoreKey) -> StoredEntry {
        let token = &self.token;
        let (secret, id_token, account) = (token.secret(), token.id_token(), token.account());
        let id_token = id_token.as_ref().map(|id_token| id_token.expose());
        let written = Written {
            key: at.to_text(),
            access_token: secret.expose(),
            came_at: millis(self.came_at),
            ends_at: millis(token.expires_at()),
            refresh_at: self.refresh_at.map(millis),
            skew: self.skew.as_secs(),
            tenant: token.tenant().map(TenantId::as_str),
            scopes: token.scopes().collect::<Vec<_>>().join(" "),
            account: account.as_ref().map(AccountId::as_str),
            id_token,
            correlation_id: token.correlation_id().map(|id| id.to_string()),
            claims: self.claims.as_ref().map(Claims::as_str),
        };
        let length = |text: Option<&str>| text.map_or(0, str::len);
        // So large from the start that no copy is left behind unwiped.
        let room = 2 * (written.access_token.len() + length(id_token) + length(written.claims))
            + written.scopes.len();
        let mut bytes = Vec::with_capacity(512 + room);
        bytes.push(VERSION);
        // Writing plain texts and numbers to memory cannot fail; nothing would be read back.
        drop(serde_json::to_writer(&mut bytes, &written));
        StoredEntry::new(bytes, token.expires_at())
    }

    /// Reads what is kept under a key, or says what is wrong with it.
    ///
    /// That it names the key guards against a store that takes two keys for one, such as a database
    /// that does not tell upper from lower case: another user's token would come of that.
    pub(super) fn read(entry: &StoredEntry, at: &StoreKey, scheme: &Scheme) -> Result<Self, &'static str> {
        let (version, json) = entry.bytes().split_first().ok_or("it is empty")?;
        if *version != VERSION {
            return Err("its version is not known here");
        }
        let read: Read<'_> = serde_json::from_slice(json).map_err(|_unquoted| NOT_WRITTEN_HERE)?;
        if read.key.get() != at.to_text() {
            return Err("it was written under another key");
        }
        let ends_at = time(read.ends_at).ok_or(NOT_WRITTEN_HERE)?;
        let mut parts = TokenParts::new(scheme.clone(), SecretRef::new(read.access_token.get()), ends_at);
        parts.tenant = read.tenant.and_then(|tenant| TenantId::new(tenant.get()).ok());
        parts.scopes = read.scopes.get();
        parts.account = read.account.and_then(|account| AccountId::parse(account.get()).ok());
        parts.id_token = read.id_token.as_ref().map(|id_token| SecretRef::new(id_token.get()));
        parts.correlation_id = read.correlation_id.and_then(|id| CorrelationId::parse(id.get()).ok());
        // A challenge that cannot be read was met by nobody knows what.
        let claims = read.claims.map(|claims| Claims::new(claims.get())).transpose();
        Ok(Self {
            token: AccessToken::from_parts(parts).map_err(|_fault| NOT_WRITTEN_HERE)?,
            claims: claims.map_err(|_fault| NOT_WRITTEN_HERE)?,
            came_at: time(read.came_at).ok_or(NOT_WRITTEN_HERE)?,
            refresh_at: read.refresh_at.and_then(time),
            skew: Duration::from_secs(read.skew),
        })
    }
}

impl Words<'_> {
    fn get(&self) -> &str {
        match self {
            Self::Here(text) => text,
            Self::Copied(text) => text.expose(),
        }
    }
}

impl Default for Words<'_> {
    fn default() -> Self {
        Self::Here("")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Words<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Words<'de>, E> {
        Ok(Words::Here(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Words<'de>, E> {
        Ok(Words::Copied(Secret::new(text)))
    }
}

fn millis(at: SystemTime) -> u64 {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests;
