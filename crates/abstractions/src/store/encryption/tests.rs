//! What is sealed opens where it was sealed, by a key that is known, and nowhere else.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Base64 of 32 bytes that differ.
fn key(of: u8) -> String {
    let bytes: Vec<u8> = (of..of + 32).collect();
    STANDARD.encode(bytes)
}

fn keys(current: u8) -> EncryptionKeys {
    EncryptionKeys::new(&key(current)).unwrap()
}

fn at(of: u8) -> StoreKey {
    StoreKey::from_bytes([of; 32])
}

fn open(keys: &EncryptionKeys, at: &StoreKey, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Wiped::from(sealed.to_vec());
    keys.open(at, &mut bytes).map(|()| bytes.to_vec())
}

#[test]
fn the_previous_key_opens_what_it_sealed() {
    let before = keys(1).seal(&at(7), b"s3cret").unwrap();
    let rotated = keys(2).previous(&key(1)).unwrap();
    assert_eq!(open(&rotated, &at(7), &before).unwrap(), b"s3cret");
    let after = rotated.seal(&at(7), b"s3cret").unwrap();
    assert_eq!(open(&keys(2), &at(7), &after).unwrap(), b"s3cret");
    assert_eq!(open(&keys(1), &at(7), &after), Err(Unreadable::UnknownKey));
    assert_ne!(before, keys(1).seal(&at(7), b"s3cret").unwrap(), "no two are sealed alike");
}

#[test]
fn what_cannot_be_opened_is_told_apart() {
    let sealed = keys(1).seal(&at(7), b"s3cret").unwrap();
    for length in 0..sealed.len() {
        assert!(open(&keys(1), &at(7), &sealed[..length]).is_err(), "cut at {length}");
    }
    assert_eq!(open(&keys(1), &at(8), &sealed), Err(Unreadable::Altered), "moved");
    assert_eq!(open(&keys(1), &at(7), b"\0plain"), Err(Unreadable::NotEncrypted));
    assert_eq!(open(&keys(1), &at(7), b"\x02"), Err(Unreadable::UnknownVersion));
    assert_eq!(open(&keys(1), &at(7), b"{\"AccessToken\":{}}"), Err(Unreadable::UnknownVersion));
    assert_eq!(sealed.len(), b"s3cret".len() + HEAD + TAG);
}

#[test]
fn the_section_lists_keys() {
    let read = |json| EncryptionKeys::from_section(&Section::new("TokenCache", json));
    let both = read(json!({"EncryptionKeys": [key(2), key(1)]})).unwrap();
    assert_eq!(format!("{both:?}"), "EncryptionKeys(2)");
    let before = keys(1).seal(&at(7), b"s3cret").unwrap();
    assert!(open(&both, &at(7), &before).is_ok());
    // As the environment writes a list, and a single one.
    assert!(read(json!({"EncryptionKeys": {"0": key(1)}})).is_ok());
    assert!(read(json!({"EncryptionKeys": key(1)})).is_ok());
    let url_safe = STANDARD.encode([0xfb; 31].iter().chain(&[1]).copied().collect::<Vec<u8>>());
    assert!(read(json!({"EncryptionKeys": url_safe.replace('+', "-").replace('/', "_")})).is_ok());
}

#[test]
fn a_key_is_listed_once() {
    let section = Section::new("TokenCache", json!({"EncryptionKeys": [key(2), key(1), key(2)]}));
    let told = EncryptionKeys::from_section(&section).unwrap_err().to_string();
    assert!(
        told.starts_with("TokenCache.EncryptionKeys[2]: this encryption key is there already ("),
        "{told}"
    );
    assert!(keys(2).previous(&key(2)).is_err());
    assert!(keys(2).previous(&key(1)).unwrap().previous(&key(1)).is_err());
}

#[test]
fn a_missing_key_says_how_to_make_one() {
    let told = |json| {
        let error = EncryptionKeys::from_section(&Section::new("TokenCache", json)).unwrap_err();
        error.to_string()
    };
    let missing = told(json!({}));
    for part in [
        "TokenCache.EncryptionKeys: a shared store needs an encryption key (",
        "`openssl rand -base64 32`",
        "TokenCache__EncryptionKeys__0",
        "\"Encryption\": \"None\"",
    ] {
        assert!(missing.contains(part), "{missing}");
    }
    let second = told(json!({"EncryptionKeys": [key(1), "s3cret?%G&="]}));
    assert!(second.starts_with("TokenCache.EncryptionKeys[1]: not an encryption key: 32 bytes"), "{second}");
    assert!(!second.contains("s3cret"), "{second}");
    let zeros = told(json!({"EncryptionKeys": [STANDARD.encode([0; 32])]}));
    assert!(zeros.contains("one byte repeated"), "{zeros}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_where_it_was_sealed(
        bytes in prop::collection::vec(any::<u8>(), 0..400), place in any::<[u8; 32]>(), other in any::<[u8; 32]>(),
    ) {
        let (keys, place, other) = (keys(1), StoreKey::from_bytes(place), StoreKey::from_bytes(other));
        let sealed = keys.seal(&place, &bytes).unwrap();
        prop_assert_eq!(open(&keys, &place, &sealed).unwrap(), bytes);
        prop_assert!(place == other || open(&keys, &other, &sealed).is_err());
    }

    #[test]
    fn no_bit_of_it_can_be_flipped(bytes in prop::collection::vec(any::<u8>(), 0..40), place in any::<[u8; 32]>()) {
        let (keys, place) = (keys(1), StoreKey::from_bytes(place));
        let sealed = keys.seal(&place, &bytes).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&keys, &place, &flipped).is_err(), "bit {}", bit);
        }
        // And the place is as much a part of it as its bytes.
        for bit in 0..256 {
            let mut flipped = *place.as_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&keys, &StoreKey::from_bytes(flipped), &sealed).is_err(), "bit {} of the key", bit);
        }
    }

    #[test]
    fn any_bytes_are_opened_or_told(bytes in prop::collection::vec(any::<u8>(), 0..100), version in 0..3_u8) {
        let mut hostile = vec![version];
        // With a known id, so that the tag is what is looked at.
        hostile.extend_from_slice(&keys(1).current.id);
        hostile.extend_from_slice(&bytes);
        prop_assert!(open(&keys(1), &at(7), &hostile).is_err());
        prop_assert!(open(&keys(1), &at(7), &bytes).is_err());
    }

    #[test]
    fn any_text_is_a_key_or_told(text in "(?s).{0,60}") {
        let told = EncryptionKeys::new(&text).map_err(|error| error.to_string());
        prop_assert!(told.is_ok() || text.len() < 8 || !told.unwrap_err().contains(&text));
    }
}
