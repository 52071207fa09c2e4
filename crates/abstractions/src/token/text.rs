//! The texts of one token in one piece of memory: the line of its header, its id token, whose it is
//! and who asked for it. A cache keeps a million of them, and each allocation has a price.

use std::str::from_utf8;

use uuid::Uuid;
use zeroize::optimization_barrier;

use crate::{AccountId, CorrelationId, TenantId};

/// The line, the id token, and behind them what [`Tail`] says; wiped when it is gone.
#[derive(Clone)]
pub(super) struct Text {
    bytes: Box<[u8]>,
    line: u32,
    id_token: u32,
}

/// What is in a text.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    /// In pieces, so that nobody has to put them together before.
    pub(super) line: [&'a str; 3],
    pub(super) id_token: &'a str,
    pub(super) account: Option<&'a AccountId>,
    pub(super) correlation_id: Option<CorrelationId>,
    /// The tenant that issued the token: a user's home tenant, nearly always, so it is not said twice.
    pub(super) tenant: Option<&'a TenantId>,
}

/// The first byte behind both tokens: the sum of what follows it, in this order.
struct Tail;

impl Tail {
    /// 16 bytes.
    const CORRELATION_ID: u8 = 1;
    /// The user, 16 bytes, at home in the tenant that issued the token.
    const USER: u8 = 2;
    /// The user and their home tenant, 16 bytes each.
    const USER_AND_TENANT: u8 = 4;
    /// The account as text: its ids are no GUIDs.
    const ACCOUNT: u8 = 8;
}

impl Text {
    /// `None` where it is longer than any token.
    pub(super) fn of(parts: &Parts<'_>) -> Option<Self> {
        let account = parts.account.map(|account| Account::of(account, parts.tenant));
        let mut tail = Vec::new();
        if account.is_some() || parts.correlation_id.is_some() {
            tail.reserve(49);
            tail.push(0);
            let mut kind = 0;
            if let Some(id) = parts.correlation_id {
                kind |= Tail::CORRELATION_ID;
                tail.extend_from_slice(id.as_bytes());
            }
            match account {
                Some(Account::User(user)) => {
                    kind |= Tail::USER;
                    tail.extend_from_slice(user.as_bytes());
                }
                Some(Account::UserAndTenant(user, tenant)) => {
                    kind |= Tail::USER_AND_TENANT;
                    tail.extend_from_slice(user.as_bytes());
                    tail.extend_from_slice(tenant.as_bytes());
                }
                Some(Account::Text(text)) => {
                    kind |= Tail::ACCOUNT;
                    tail.extend_from_slice(text.as_bytes());
                }
                None => {}
            }
            if let Some(first) = tail.first_mut() {
                *first = kind;
            }
        }
        let line: usize = parts.line.iter().map(|piece| piece.len()).sum();
        // At its full length from the beginning: what grows leaves copies behind.
        let mut bytes = Vec::with_capacity(line + parts.id_token.len() + tail.len());
        for piece in parts.line {
            bytes.extend_from_slice(piece.as_bytes());
        }
        let (line, id_token) = (u32::try_from(line).ok()?, u32::try_from(parts.id_token.len()).ok()?);
        bytes.extend_from_slice(parts.id_token.as_bytes());
        bytes.extend_from_slice(&tail);
        Some(Self { bytes: bytes.into_boxed_slice(), line, id_token })
    }

    /// The value of the header.
    pub(super) fn line(&self) -> &str {
        text(self.line_bytes())
    }

    /// Whether the line is printable ASCII. It does not stop where it is not, so many bytes are looked
    /// at at once.
    pub(super) fn is_printable(&self) -> bool {
        self.line_bytes().iter().fold(true, |is_so_far, byte| is_so_far & matches!(byte, b' '..=b'~'))
    }

    /// The same, for whoever does not ask for text.
    pub(super) fn line_bytes(&self) -> &[u8] {
        self.bytes.get(..self.line as usize).unwrap_or_default()
    }

    pub(super) fn id_token(&self) -> &str {
        let both = self.line as usize..self.line as usize + self.id_token as usize;
        text(self.bytes.get(both).unwrap_or_default())
    }

    pub(super) fn correlation_id(&self) -> Option<CorrelationId> {
        let (kind, rest) = self.tail()?;
        (kind & Tail::CORRELATION_ID != 0).then_some(())?;
        rest.first_chunk().map(|bytes| CorrelationId::from_bytes(*bytes))
    }

    /// `tenant` is the one that issued the token.
    pub(super) fn account(&self, tenant: Option<&TenantId>) -> Option<AccountId> {
        let (kind, rest) = self.tail()?;
        let rest = rest.get(if kind & Tail::CORRELATION_ID == 0 { 0 } else { 16 }..)?;
        let (user, home) = rest.split_at_checked(16).unwrap_or((rest, &[]));
        let guid = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        match kind & !Tail::CORRELATION_ID {
            Tail::USER => AccountId::new(&guid(user)?.to_string(), tenant?.as_str()).ok(),
            Tail::USER_AND_TENANT => AccountId::new(&guid(user)?.to_string(), &guid(home)?.to_string()).ok(),
            Tail::ACCOUNT => AccountId::parse(text(rest)).ok(),
            _ => None,
        }
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends it as another process reads it: how long both tokens are, and all the bytes.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.line.to_be_bytes());
        to.extend_from_slice(&self.id_token.to_be_bytes());
        to.extend_from_slice(&self.bytes);
    }

    /// What [`write`](Self::write) wrote, its line after this word and a space; nothing where it did
    /// not. Whether the line can be a header is for the caller to look at.
    pub(super) fn read(written: &[u8], word: &str) -> Option<Self> {
        let (line, rest) = written.split_first_chunk()?;
        let (id_token, bytes) = rest.split_first_chunk()?;
        let (line, id_token) = (u32::from_be_bytes(*line), u32::from_be_bytes(*id_token));
        let (line_bytes, rest) = bytes.split_at_checked(usize::try_from(line).ok()?)?;
        let (id_token_bytes, _tail) = rest.split_at_checked(usize::try_from(id_token).ok()?)?;
        let is_line =
            line_bytes.strip_prefix(word.as_bytes()).is_some_and(|rest| matches!(rest, [b' ', _, ..]));
        (is_line && from_utf8(id_token_bytes).is_ok()).then(|| Self { bytes: bytes.into(), line, id_token })
    }

    fn tail(&self) -> Option<(u8, &[u8])> {
        let both = self.line as usize + self.id_token as usize;
        self.bytes.get(both..)?.split_first().map(|(kind, rest)| (*kind, rest))
    }
}

/// An account as it is kept: nearly always of two GUIDs, which are long as texts.
enum Account<'a> {
    User(Uuid),
    UserAndTenant(Uuid, Uuid),
    Text(&'a str),
}

impl<'a> Account<'a> {
    fn of(account: &'a AccountId, tenant: Option<&TenantId>) -> Self {
        let (uid, utid) = account.as_str().rsplit_once('.').unwrap_or_default();
        let (Some(user), Some(home)) = (guid(uid), guid(utid)) else {
            return Self::Text(account.as_str());
        };
        if tenant.is_some_and(|tenant| tenant.as_str() == utid) {
            Self::User(user)
        } else {
            Self::UserAndTenant(user, home)
        }
    }
}

/// A GUID that comes back as the same text.
fn guid(text: &str) -> Option<Uuid> {
    let guid = Uuid::try_parse(text).ok()?;
    (guid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(guid)
}

/// What was a text when it came in.
fn text(bytes: &[u8]) -> &str {
    from_utf8(bytes).unwrap_or_default()
}

impl Drop for Text {
    fn drop(&mut self) {
        self.bytes.fill(0);
        optimization_barrier(&*self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const TENANT: &str = "bbbbbbbb-0000-4000-8000-000000000002";

    #[test]
    fn an_account_comes_back_as_it_was() {
        let correlation_id = CorrelationId::random();
        for (user, home, tenant, most) in [
            (USER, TENANT, Some(TENANT), 16),
            (USER, TENANT, Some("contoso.example"), 32),
            (USER, TENANT, None, 32),
            (USER, "AAAAAAAA-0000-4000-8000-000000000001", Some(TENANT), 73),
            ("b2c_1-flow", TENANT, Some(TENANT), 47),
            ("odd.one", "x", None, 9),
        ] {
            let account = AccountId::new(user, home).unwrap();
            let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
            for correlation_id in [None, Some(correlation_id)] {
                for id_token in ["", "id.to.ken"] {
                    let parts = Parts {
                        line: ["Bearer", " ", "a.b.c"],
                        id_token,
                        account: Some(&account),
                        correlation_id,
                        tenant: tenant.as_ref(),
                    };
                    let text = Text::of(&parts).unwrap();
                    assert_eq!(text.line(), "Bearer a.b.c");
                    assert_eq!(text.id_token(), id_token);
                    assert_eq!(text.account(tenant.as_ref()).as_ref(), Some(&account));
                    assert_eq!(text.correlation_id(), correlation_id);
                    let others = 12 + id_token.len() + 1 + if correlation_id.is_some() { 16 } else { 0 };
                    assert_eq!(text.len() - others, most);
                }
            }
        }
    }

    #[test]
    fn nothing_takes_nothing() {
        let parts = Parts {
            line: ["Bearer", " ", "x"],
            id_token: "",
            account: None,
            correlation_id: None,
            tenant: None,
        };
        let text = Text::of(&parts).unwrap();
        assert_eq!((text.len(), text.account(None), text.correlation_id()), (8, None, None));
    }
}
