//! Session keys go through a queue's row unchanged, and show nowhere.

use entra_abstractions::SessionKey;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_key_is_the_same_when_the_work_is_taken_up(text in "[!-~é][ -~é]{0,60}[!-~é]") {
        prop_assume!(!text.eq_ignore_ascii_case("AllocateForMe"));
        let key = SessionKey::new(text.as_str()).unwrap();
        prop_assert_eq!(key.expose(), text.as_str());
        prop_assert_eq!(&key.expose().parse::<SessionKey>().unwrap(), &key);
        prop_assert_ne!(SessionKey::new(format!("{text}x")).unwrap(), key);
    }

    #[test]
    fn no_key_shows(text in "[!-~]{12,60}") {
        let key = SessionKey::new(text.as_str()).unwrap();
        let shown = format!("{key:?}");
        prop_assert!(!shown.contains(&text), "{shown}");
        if let Err(fault) = SessionKey::new(format!("{text} \n")) {
            let told = format!("{fault} {fault:?}");
            prop_assert!(!told.contains(&text), "{told}");
        }
    }

    #[test]
    fn any_text_makes_a_key_or_a_fault(text in ".{0,40}") {
        if let Ok(key) = SessionKey::new(text.as_str()) {
            prop_assert!(!key.expose().chars().any(char::is_control));
        }
    }
}

#[test]
fn no_key_is_allocated_twice() {
    let mut keys: Vec<String> = (0..1_000).map(|_| SessionKey::allocate().expose().to_owned()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1_000);
}
