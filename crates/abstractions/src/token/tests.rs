//! What a header shows of a token, what comes back out of a store, and what is no token.

use super::*;

#[test]
fn the_header_is_sensitive_and_debug_is_blind() {
    let token =
        AccessToken::new(Scheme::Bearer, Secret::new("eyJ.secret.sig"), SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(token.authorization_header(), "Bearer eyJ.secret.sig");
    assert!(token.authorization_header().is_sensitive());
    assert!(!format!("{token:?} {:?}", token.authorization_header()).contains("eyJ"));
}

#[test]
fn apart_it_is_the_same_token() {
    let token = AccessToken::new(Scheme::Bearer, Secret::new("eyJ.secret.sig"), SystemTime::UNIX_EPOCH)
        .unwrap()
        .with_scopes("read");
    let apart = token.apart();
    drop(token);
    assert_eq!(apart.authorization_header(), "Bearer eyJ.secret.sig");
    assert!(apart.authorization_header().is_sensitive());
    assert_eq!(apart.scopes().collect::<Vec<_>>(), ["read"]);
}

#[test]
fn what_was_written_comes_back() {
    let tenant = TenantId::new("contoso.example").unwrap();
    for secret in ["eyJ.s3cret?%G&=.sig", "caf\u{e9}"] {
        let account = AccountId::new("b2c_1-flow", "O'Hara").ok();
        let token = AccessToken::new(Scheme::Bearer, Secret::new(secret), SystemTime::UNIX_EPOCH).unwrap();
        let token = token.with_tenant(Some(tenant.clone())).with_account(account.clone());
        let token = token.with_id_token(Some(Secret::new("id.to.ken")));
        let mut text = Vec::new();
        token.write_text(&mut text);
        assert_eq!(text.len(), token.text_len());
        let terms = TokenTerms::new(Scheme::Bearer, Some(tenant.clone()), "");
        assert!(terms == *token.terms() && terms.are(&Scheme::Bearer, Some("contoso.example"), ""));
        let same = AccessToken::from_text(&text, token.expires_at(), terms).unwrap();
        assert_eq!(same.authorization_header(), token.authorization_header());
        assert_eq!((same.account(), same.tenant()), (account, Some(&tenant)));
        assert_eq!(same.id_token().map(SecretRef::expose), Some("id.to.ken"));
    }
}

#[test]
fn what_was_not_written_is_refused() {
    let read = |line: &str, id_token: &[u8], lengths: [u32; 2]| {
        let lengths = lengths.map(u32::to_be_bytes).concat();
        let text = [&lengths, line.as_bytes(), id_token].concat();
        let terms = TokenTerms::new(Scheme::Bearer, None, "");
        AccessToken::from_text(&text, SystemTime::UNIX_EPOCH, terms)
    };
    assert!(read("Bearer x", b"id", [8, 2]).is_ok());
    for lengths in [[8, 3], [11, 0], [u32::MAX, 2], [8, u32::MAX], [7, 3], [0, 0]] {
        assert!(read("Bearer x", b"id", lengths).is_err(), "{lengths:?}");
    }
    for line in ["bearer x", "Bearerx ", "a\r\nx: ", "Bearer \0", "pop    x"] {
        assert!(read(line, b"id", [8, 2]).is_err(), "{line:?}");
    }
    assert!(read("Bearer x", b"\xff\xff", [8, 2]).is_err());
    assert!(read("Bearer \u{e9}", b"", [8, 0]).is_err(), "half a character");
    assert!(
        AccessToken::from_text(b"", SystemTime::UNIX_EPOCH, TokenTerms::new(Scheme::Bearer, None, ""))
            .is_err()
    );
}

#[test]
fn a_token_that_breaks_out_of_its_line_is_refused() {
    for hostile in ["", " ", "a\r\nx: y"] {
        assert!(AccessToken::new(Scheme::Bearer, Secret::new(hostile), SystemTime::UNIX_EPOCH).is_err());
    }
}
