//! One token as it is kept in a shared store: a version, then its parts. Every instance that shares
//! the store reads what any other wrote, and makes the same token of it.
//!
//! It is read for each token that comes out of the store, so it is no JSON: that took a quarter of all
//! the work there is to it.

use std::{
    str::from_utf8,
    time::{Duration, SystemTime},
};

use entra_abstractions::{AccessToken, Claims, Scheme, StoreKey, StoredEntry, TenantId, TokenTerms};
use zeroize::Zeroizing;

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

/// The version that is written, and the only one that is read.
const VERSION: u8 = 3;

const NOT_WRITTEN_HERE: &str = "it is not what was written";

/// What a part is. Times are milliseconds since 1970, in eight bytes; what is no number is text.
struct Part;

impl Part {
    /// The bytes of the key under which it is kept.
    const KEY: u8 = 1;
    /// The token, and what lies beside it, as it writes itself.
    const TOKEN: u8 = 2;
    const CAME_AT: u8 = 3;
    const ENDS_AT: u8 = 4;
    const REFRESH_AT: u8 = 5;
    /// In seconds.
    const SKEW: u8 = 6;
    const TENANT: u8 = 7;
    const SCOPES: u8 = 8;
    const CLAIMS: u8 = 9;

    /// What stands before each.
    const HEAD: usize = 1 + 4;
}

/// The parts where they lie: those that are not known here are passed over.
#[derive(Default)]
struct Read<'a> {
    key: &'a [u8],
    token: &'a [u8],
    came_at: Option<SystemTime>,
    ends_at: Option<SystemTime>,
    refresh_at: Option<SystemTime>,
    skew: Duration,
    tenant: Option<&'a str>,
    scopes: &'a str,
    claims: Option<&'a str>,
}

impl TokenRecord {
    /// The entry that is kept under this key: it ends with the token.
    pub(super) fn to_entry(&self, at: &StoreKey) -> StoredEntry {
        let token = &self.token;
        let mut text = Zeroizing::new(Vec::with_capacity(token.text_len()));
        token.write_text(&mut text);
        let scopes = token.scopes().collect::<Vec<_>>().join(" ");
        let [came_at, ends_at] = [self.came_at, token.expires_at()].map(|time| millis(time).to_be_bytes());
        let refresh_at = self.refresh_at.map(|time| millis(time).to_be_bytes());
        let skew = self.skew.as_secs().to_be_bytes();
        let parts = [
            (Part::KEY, Some(at.as_bytes().as_slice())),
            (Part::TOKEN, Some(text.as_slice())),
            (Part::CAME_AT, Some(came_at.as_slice())),
            (Part::ENDS_AT, Some(ends_at.as_slice())),
            (Part::REFRESH_AT, refresh_at.as_ref().map(<[u8; 8]>::as_slice)),
            (Part::SKEW, Some(skew.as_slice())),
            (Part::TENANT, token.tenant().map(|tenant| tenant.as_str().as_bytes())),
            (Part::SCOPES, Some(scopes.as_bytes())),
            (Part::CLAIMS, self.claims.as_ref().map(|claims| claims.as_str().as_bytes())),
        ];
        let written = || parts.iter().filter_map(|(part, bytes)| Some((*part, (*bytes)?)));
        // So large from the start that no copy is left behind unwiped.
        let room = written().map(|(_, bytes)| Part::HEAD + bytes.len()).sum::<usize>();
        let mut record = Vec::with_capacity(1 + room);
        record.push(VERSION);
        for (part, bytes) in written() {
            record.push(part);
            // None is so long that this is not its length.
            record.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            record.extend_from_slice(bytes);
        }
        StoredEntry::new(record, token.expires_at())
    }

    /// Reads what is kept under a key, or says what is wrong with it. `known` are the terms of another
    /// token of its realm, which are its own nearly always.
    ///
    /// That it names the key guards against a store that takes two keys for one, such as a database
    /// that does not tell upper from lower case: another user's token would come of that.
    pub(super) fn read(
        entry: &StoredEntry,
        at: &StoreKey,
        scheme: &Scheme,
        known: Option<&TokenTerms>,
    ) -> Result<Self, &'static str> {
        let (version, parts) = entry.bytes().split_first().ok_or("it is empty")?;
        if *version != VERSION {
            return Err("its version is not known here");
        }
        let read = Read::of(parts).ok_or(NOT_WRITTEN_HERE)?;
        if read.key != at.as_bytes() {
            return Err("it was written under another key");
        }
        let ends_at = read.ends_at.ok_or(NOT_WRITTEN_HERE)?;
        let terms = match known.filter(|known| known.are(scheme, read.tenant, read.scopes)) {
            Some(known) => known.clone(),
            None => read.terms(scheme),
        };
        // A challenge that cannot be read was met by nobody knows what.
        let claims = read.claims.map(Claims::new).transpose();
        Ok(Self {
            token: AccessToken::from_text(read.token, ends_at, terms).map_err(|_fault| NOT_WRITTEN_HERE)?,
            claims: claims.map_err(|_fault| NOT_WRITTEN_HERE)?,
            came_at: read.came_at.ok_or(NOT_WRITTEN_HERE)?,
            refresh_at: read.refresh_at,
            skew: read.skew,
        })
    }
}

impl<'a> Read<'a> {
    /// Nothing where they are cut, or a text is none.
    fn of(mut parts: &'a [u8]) -> Option<Self> {
        let mut read = Self::default();
        while let Some((part, rest)) = parts.split_first() {
            let (length, rest) = rest.split_first_chunk()?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            let text = || from_utf8(bytes).ok();
            let number = || bytes.try_into().ok().map(u64::from_be_bytes);
            match *part {
                Part::KEY => read.key = bytes,
                Part::TOKEN => read.token = bytes,
                Part::CAME_AT => read.came_at = Some(time(number()?)?),
                Part::ENDS_AT => read.ends_at = Some(time(number()?)?),
                Part::REFRESH_AT => read.refresh_at = time(number()?),
                Part::SKEW => read.skew = Duration::from_secs(number()?),
                Part::TENANT => read.tenant = Some(text()?),
                Part::SCOPES => read.scopes = text()?,
                Part::CLAIMS => read.claims = Some(text()?),
                _ => {}
            }
            parts = rest;
        }
        Some(read)
    }

    #[cold]
    fn terms(&self, scheme: &Scheme) -> TokenTerms {
        let tenant = self.tenant.and_then(|tenant| TenantId::new(tenant).ok());
        TokenTerms::new(scheme.clone(), tenant, self.scopes)
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
