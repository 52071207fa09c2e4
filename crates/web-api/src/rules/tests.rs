//! Claims that pass and claims that do not.

use std::time::SystemTime;

use entra_abstractions::ClientId;
use serde_json::{Value, json};

use super::*;
use crate::{
    issuer::Tenancy,
    keys::{JwkSet, Keys},
};

const NOW: i64 = 1_800_000_000;
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

fn rules() -> Rules {
    Rules {
        audience: Audience::of_client(&ClientId::new(CLIENT).unwrap()),
        issuers: Issuers::of(Tenancy::Single),
        is_open_to_acl: false,
        maps_claims: true,
    }
}

fn metadata() -> Metadata {
    let set: JwkSet = serde_json::from_value(json!({"keys": []})).unwrap();
    Metadata {
        issuer: format!("https://login.example/{TENANT}/v2.0"),
        issuer_v1: None,
        keys: Keys::new(set, &[]),
        fetched_at: SystemTime::UNIX_EPOCH,
    }
}

fn good() -> Value {
    json!({
        "aud": CLIENT, "iss": format!("https://login.example/{TENANT}/v2.0"), "tid": TENANT, "ver": "2.0",
        "nbf": NOW, "exp": NOW + 3600, "scp": "access_as_user",
    })
}

/// The good claims with these changes; null removes.
fn check_by(rules: &Rules, changes: &Value) -> Result<Granted, Flaw> {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let text = claims.to_string();
    let claims = Members::read(&text).unwrap();
    rules.check(&claims, None, &metadata(), NOW).map(|(_, granted)| granted)
}

fn check(changes: &Value, expected: Result<(), Flaw>) {
    let found = check_by(&rules(), changes);
    assert_eq!(found.map(drop), expected, "{changes}");
}

#[test]
fn audiences() {
    let api = format!("api://{CLIENT}");
    check(&json!({}), Ok(()));
    check(&json!({"aud": [OTHER, CLIENT]}), Ok(()));
    check(&json!({"aud": format!("{CLIENT}/")}), Ok(()));
    check(&json!({"ver": "1.0", "aud": api}), Ok(()));
    for changes in [
        json!({"aud": api}),
        json!({"aud": CLIENT.to_uppercase()}),
        json!({"aud": [CLIENT, 5]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"ver": null}),
        json!({"ver": 2.0}),
        json!({"ver": "3.0"}),
        json!({"ver": ["2.0"]}),
        json!({"ver": "1.0"}),
    ] {
        check(&changes, Err(Flaw::Audience));
    }
}

#[test]
fn configured_audiences_take_the_place_of_the_client_id() {
    let mut rules = rules();
    rules.audience.add("api://orders/".into());
    rules.audience.add("api://stock".into());
    let found = |audience: &str| check_by(&rules, &json!({"aud": audience, "ver": null})).is_ok();
    assert!(found("api://orders") && found("api://orders/") && found("api://stock/"));
    assert!(
        !found(CLIENT)
            && !found("api://stock//")
            && !found("api://Orders")
            && !found("api://orders api://stock")
    );
}

#[test]
fn a_user_flow_is_for_the_client_id_whatever_the_version() {
    let rules = Rules { audience: Audience::Client(CLIENT.into()), ..rules() };
    let found = |changes: Value| check_by(&rules, &changes).is_ok();
    for version in [json!("1.0"), json!("2.0"), json!("3.0"), Value::Null] {
        assert!(found(json!({ "ver": version })), "{version}");
        assert!(!found(json!({"ver": version, "aud": format!("api://{CLIENT}")})), "{version}");
        assert!(!found(json!({"ver": version, "aud": OTHER})), "{version}");
    }
    let mut listed = Rules { audience: Audience::Client(CLIENT.into()), ..self::rules() };
    listed.audience.add("api://orders".into());
    assert!(check_by(&listed, &json!({"aud": "api://orders"})).is_ok());
    assert!(check_by(&listed, &json!({})).is_err());
}

#[test]
fn lifetimes() {
    check(&json!({"exp": NOW - 300, "nbf": null}), Ok(()));
    check(&json!({"exp": NOW - 301, "nbf": null}), Err(Flaw::Expired));
    check(&json!({"nbf": NOW + 300}), Ok(()));
    check(&json!({"nbf": NOW + 301}), Err(Flaw::NotYetValid));
    check(&json!({"exp": (NOW + 60).to_string(), "nbf": NOW.to_string(), "iat": "5"}), Ok(()));
    check(&json!({"exp": i64::MAX, "nbf": i64::MIN}), Ok(()));
    for changes in [
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"exp": true}),
        json!({"exp": 1e19}),
        json!({"nbf": NOW + 200, "exp": NOW + 100}),
        json!({"iat": "a word"}),
    ] {
        check(&changes, Err(Flaw::Lifetime));
    }
}

#[test]
fn something_must_be_granted() {
    for nothing in [json!(""), json!(" "), json!([]), json!([""]), json!({}), json!([null]), json!({"a": 1})]
    {
        check(&json!({"scp": nothing}), Err(Flaw::NoPermission));
        check(&json!({"scp": null, "roles": nothing}), Err(Flaw::NoPermission));
    }
    check(&json!({"scp": null, "roles": ["Data.Read.All"]}), Ok(()));
    check(&json!({"scp": null, "groups": ["Admin"]}), Err(Flaw::NoPermission));
    let open = Rules { is_open_to_acl: true, ..rules() };
    assert!(check_by(&open, &json!({"scp": null})).is_ok());
    for sign in ["nonce", "at_hash", "c_hash"] {
        let found = check_by(&open, &json!({"scp": null, sign: "x"}));
        assert_eq!(found.map(drop), Err(Flaw::IdToken));
    }
}

#[test]
fn unmapped_claims_have_no_identity_roles() {
    let rules = Rules { maps_claims: false, ..rules() };
    let granted = check_by(&rules, &json!({"roles": ["Admin"], "role": "x", ROLE: "Reader"})).unwrap();
    assert_eq!(granted.roles, ["Admin", "Reader"]);
    assert_eq!(granted.identity_roles.unwrap(), ["Reader"]);
}
