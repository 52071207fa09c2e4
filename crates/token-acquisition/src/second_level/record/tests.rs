//! What one instance writes, another reads; and whatever else is there, it tells.

use entra_abstractions::{AccountId, CorrelationId, Secret, SecretRef};
use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

fn record(secret: &str) -> TokenRecord {
    let token = AccessToken::new(Scheme::Bearer, Secret::new(secret), at(1_767_229_200)).unwrap();
    TokenRecord {
        token,
        claims: None,
        came_at: at(1_767_225_600),
        refresh_at: None,
        skew: Duration::from_secs(7),
    }
}

fn whole() -> TokenRecord {
    let id = CorrelationId::parse("7c1d3f1e-5f0c-4d2a-9d3a-1c2b3a4d5e6f").unwrap();
    let plain = record("eyJ.s3cret?%G&=\".sig");
    let token = plain
        .token
        .with_tenant(TenantId::new("contoso.example").ok())
        .with_scopes("api://Orders/Read User.Read")
        .with_account(AccountId::parse("uid.utid").ok())
        .with_id_token(Some(Secret::new("eyJ.id.s3cret")))
        .with_correlation_id(id);
    let claims = Claims::new(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#).ok();
    TokenRecord { token, claims, refresh_at: Some(at(1_767_227_400)), ..plain }
}

#[test]
fn what_is_written_is_read() {
    let written = whole();
    let entry = written.to_entry(&key(1));
    assert_eq!(entry.expires_at(), at(1_767_229_200), "it ends with its token");
    assert_eq!(entry.bytes().first(), Some(&VERSION));
    let read = TokenRecord::read(&entry, &key(1), &Scheme::Bearer, None).unwrap();
    let facts = |record: &TokenRecord| {
        let token = &record.token;
        let scopes = token.scopes().map(str::to_owned).collect::<Vec<_>>();
        let whose = (token.tenant().cloned(), token.account(), token.correlation_id());
        let times = (token.expires_at(), record.came_at, record.refresh_at, record.skew);
        let secrets = (token.secret().to_secret(), token.id_token().map(SecretRef::to_secret));
        (scopes, whose, times, secrets, record.claims.clone(), token.authorization_header())
    };
    assert_eq!(facts(&read), facts(&written));
    assert!(!format!("{read:?} {entry:?}").contains("s3cret"));
    assert!(read.token.authorization_header().is_sensitive());
}

#[test]
fn terms_that_are_at_hand_serve_where_they_are_its_own() {
    let written = whole();
    let entry = written.to_entry(&key(1));
    let tenant = |name: &str| TenantId::new(name).ok();
    for (issuer, scopes) in [
        (tenant("contoso.example"), "api://Orders/Read User.Read"),
        (tenant("fabrikam.example"), "api://Orders/Read User.Read"),
        (tenant("contoso.example"), "User.Read"),
        (None, "api://Orders/Read User.Read"),
    ] {
        let known = TokenTerms::new(Scheme::Bearer, issuer, scopes);
        let read = TokenRecord::read(&entry, &key(1), &Scheme::Bearer, Some(&known)).unwrap();
        assert_eq!(read.token.terms(), written.token.terms(), "{known:?}");
        assert_eq!(read.token.account(), written.token.account());
    }
}

#[test]
fn what_is_no_record_is_told() {
    let entry = whole().to_entry(&key(1));
    let check = |bytes: &[u8], under: u8| {
        let entry = StoredEntry::new(bytes, at(2_000_000_000));
        let error = TokenRecord::read(&entry, &key(under), &Scheme::Bearer, None).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
        error
    };
    assert_eq!(check(b"", 1), "it is empty");
    assert_eq!(check(b"\x02{}", 1), "its version is not known here");
    assert_eq!(check(b"\x03{}", 1), NOT_WRITTEN_HERE);
    assert_eq!(check(b"\x03", 1), "it was written under another key", "without one, too");
    assert_eq!(check(&entry.bytes()[..entry.bytes().len() / 2], 1), NOT_WRITTEN_HERE);
    assert_eq!(check(entry.bytes(), 2), "it was written under another key");
    let with = |instead: &[u8], of: &[u8]| {
        let place = entry.bytes().windows(of.len()).position(|bytes| bytes == of).unwrap();
        let mut broken = entry.bytes().to_vec();
        broken[place..place + of.len()].copy_from_slice(instead);
        broken
    };
    for (instead, of) in [("a\r\nx: y???", "eyJ.s3cret"), ("[\"access_token\"", "{\"access_token\"")] {
        assert_eq!(check(&with(instead.as_bytes(), of.as_bytes()), 1), NOT_WRITTEN_HERE);
    }
    assert_eq!(check(&with(b"\xff\xff", b"id"), 1), NOT_WRITTEN_HERE);
}

#[test]
fn a_later_versions_additions_are_passed_over() {
    let entry = record("eyJ.a.b").to_entry(&key(1));
    let richer = [entry.bytes(), b"\xc8\0\0\0\x04mood"].concat();
    let read = TokenRecord::read(&StoredEntry::new(richer, at(1)), &key(1), &Scheme::Bearer, None).unwrap();
    assert_eq!(read.token.secret().expose(), "eyJ.a.b");
}

proptest! {
    #[test]
    fn whatever_the_store_has_is_read_or_told(
        version in 0..4_u8, bytes in prop::collection::vec(prop::num::u8::ANY, 0..200), cut in 0..700_usize,
    ) {
        let entry = whole().to_entry(&key(1));
        let mut hostile = vec![version];
        hostile.extend_from_slice(entry.bytes().get(1..cut).unwrap_or_default());
        hostile.extend_from_slice(&bytes);
        let read = TokenRecord::read(&StoredEntry::new(hostile, at(0)), &key(1), &Scheme::Bearer, None);
        prop_assert!(version == VERSION || read.is_err());
    }

    #[test]
    fn any_token_and_time_survive(token in "[!-~]{1,300}", ends_at in 0..4_102_444_800_u64, skew in 0..900_u64) {
        let secret = AccessToken::new(Scheme::Bearer, Secret::new(token.as_str()), at(ends_at)).unwrap();
        let written = TokenRecord { token: secret, skew: Duration::from_secs(skew), ..record("t") };
        let read = TokenRecord::read(&written.to_entry(&key(9)), &key(9), &Scheme::Bearer, None).unwrap();
        prop_assert_eq!(read.token.secret().expose(), token);
        prop_assert_eq!((read.token.expires_at(), read.skew.as_secs()), (at(ends_at), skew));
    }
}
