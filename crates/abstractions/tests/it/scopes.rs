//! Lists of scopes that ask for the same token are one, and go out as they were written.

use std::hash::{BuildHasher, RandomState};

use entra_abstractions::Scopes;
use proptest::prelude::*;

fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        prop::sample::select(vec!["User.Read", "openid", "api://x/.default", "https://g.example//a"])
            .prop_map(str::to_owned),
        "[!#-\\[\\]-~]{1,6}",
    ];
    prop::collection::vec(word, 1..6)
}

proptest! {
    #[test]
    fn order_case_and_repetition_do_not_matter(
        (words, shuffled) in words().prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
        again in any::<prop::sample::Index>(),
        upper in any::<bool>(),
    ) {
        let mut other = shuffled;
        other.push(words[again.index(words.len())].clone());
        if upper {
            for word in &mut other {
                word.make_ascii_uppercase();
            }
        }
        let (one, other) = (Scopes::new(&words).unwrap(), Scopes::new(&other).unwrap());
        let hasher = RandomState::new();
        prop_assert_eq!(hasher.hash_one(&one), hasher.hash_one(&other));
        prop_assert_eq!(one.canonical(), other.canonical());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn the_wire_has_them_as_written(words in words()) {
        let scopes = Scopes::new(&words).unwrap();
        let mut once: Vec<&str> = Vec::new();
        for word in &words {
            if !once.contains(&word.as_str()) {
                once.push(word);
            }
        }
        prop_assert_eq!(scopes.as_str(), once.join(" "));
        let again = Scopes::try_from(scopes.as_str()).unwrap();
        prop_assert_eq!(again.as_str(), scopes.as_str());
        let canonical = Scopes::try_from(scopes.canonical()).unwrap();
        prop_assert_eq!(canonical.canonical(), scopes.canonical(), "the canonical form is its own");
    }

    #[test]
    fn another_word_is_another_key(words in words(), word in "[a-z]{7,9}") {
        let scopes = Scopes::new(&words).unwrap();
        let more = Scopes::new(words.iter().chain([&word])).unwrap();
        prop_assert_ne!(scopes, more);
    }

    #[test]
    fn any_text_makes_scopes_or_a_fault(text in ".{0,40}") {
        if let Ok(scopes) = Scopes::try_from(text.as_str()) {
            prop_assert!(scopes.as_str().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
