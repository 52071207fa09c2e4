//! A challenge's claims reach Entra whole, whatever the capabilities that join them.

use entra_abstractions::Claims;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![
        prop::sample::select(vec!["access_token", "id_token", "xms_cc", "values", "nbf", "acrs"])
            .prop_map(str::to_owned),
        "[a-z\"\\\\]{0,3}",
    ];
    prop::collection::btree_map(name, value, 0..5).prop_map(|members| members.into_iter().collect())
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("cp[0-9]", 1..4)
}

fn read(claims: &Claims) -> Value {
    serde_json::from_str(claims.as_str()).unwrap()
}

/// Whether everything of one tree is in the other, and lists have at least what they had.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => part.iter().all(|item| whole.contains(item)),
        (whole, part) => whole == part,
    }
}

proptest! {
    #[test]
    fn nothing_that_was_asked_is_lost(asked in members(json()), capabilities in names()) {
        let asked = Value::Object(asked);
        let claims = Claims::new(&asked.to_string()).unwrap();
        let merged = read(&Claims::with_capabilities(Some(&claims), &capabilities).unwrap());
        prop_assert!(holds(&merged, &asked), "{asked} became {merged}");
    }

    #[test]
    fn capabilities_are_told_once(capabilities in names(), known in names()) {
        let asked = json!({"access_token": {"xms_cc": {"values": known}, "nbf": {"essential": true}}});
        let claims = Claims::new(&asked.to_string()).unwrap();
        let merged = Claims::with_capabilities(Some(&claims), &capabilities).unwrap();
        let values = read(&merged)["access_token"]["xms_cc"]["values"].clone();
        let values: Vec<String> = serde_json::from_value(values).unwrap();
        for name in capabilities.iter().chain(&known) {
            prop_assert!(values.contains(name), "{name} is not in {values:?}");
        }
        let again = Claims::with_capabilities(Some(&merged), &capabilities).unwrap();
        prop_assert_eq!(read(&again), read(&merged), "merged twice");
    }

    #[test]
    fn they_are_passed_on_as_they_came(asked in members(json())) {
        let claims = Claims::new(&Value::Object(asked).to_string()).unwrap();
        prop_assert_eq!(Claims::new(&claims.to_base64()).unwrap(), claims);
    }

    #[test]
    fn any_text_makes_claims_or_a_fault(text in ".{0,60}") {
        if let Ok(claims) = Claims::new(&text) {
            prop_assert!(read(&claims).is_object());
        }
    }
}
