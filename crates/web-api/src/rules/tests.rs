//! Claims that pass and claims that do not.

use std::time::SystemTime;

use entra_abstractions::ClientId;
use serde_json::{Value, json};

use super::*;
use crate::keys::{JwkSet, Keys};

const NOW: i64 = 1_800_000_000;
const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

fn rules(tenancy: Tenancy) -> Rules {
    Rules {
        audience: Audience::of_client(&ClientId::new(CLIENT).unwrap()),
        tenancy,
        issuers: None,
        checks_issuer: true,
        is_open_to_acl: false,
        maps_claims: true,
    }
}

fn metadata(tenant: &str) -> Metadata {
    let set: JwkSet = serde_json::from_value(json!({"keys": []})).unwrap();
    Metadata {
        issuer: format!("https://login.example/{tenant}/v2.0"),
        issuer_v1: Some(format!("https://sts.example/{tenant}/")),
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
fn check_by(rules: &Rules, tenant: &str, key_issuer: Option<&str>, changes: &Value) -> Result<Granted, Flaw> {
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
    rules.check(&claims, key_issuer, &metadata(tenant), NOW)
}

fn check(changes: &Value, expected: Result<(), Flaw>) {
    let found = check_by(&rules(Tenancy::Single), TENANT, None, changes);
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
    let mut rules = rules(Tenancy::Single);
    rules.audience.add("api://orders/".into());
    rules.audience.add("api://stock".into());
    let found =
        |audience: &str| check_by(&rules, TENANT, None, &json!({"aud": audience, "ver": null})).is_ok();
    assert!(found("api://orders") && found("api://orders/") && found("api://stock/"));
    assert!(
        !found(CLIENT)
            && !found("api://stock//")
            && !found("api://Orders")
            && !found("api://orders api://stock")
    );
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
fn issuers_and_tenants_of_one_tenant() {
    let v2 = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    check(&json!({"iss": format!("https://sts.example/{TENANT}/")}), Ok(()));
    check(&json!({"iss": v2(OTHER), "tid": OTHER}), Err(Flaw::Issuer));
    check(&json!({"iss": format!("https://evil.example/{TENANT}/v2.0")}), Err(Flaw::Issuer));
    check(&json!({"iss": format!("https://sts.example/{TENANT}")}), Err(Flaw::Issuer));
    check(&json!({"iss": null}), Err(Flaw::Issuer));
    check(&json!({"iss": 5}), Err(Flaw::Issuer));
    check(&json!({"iss": v2(OTHER)}), Err(Flaw::Tenant));
    check(&json!({"tid": OTHER}), Err(Flaw::Tenant));
    check(&json!({"tid": null}), Err(Flaw::Tenant));
    check(&json!({"tid": TENANT.to_uppercase()}), Err(Flaw::Tenant));
    check(&json!({"TID": TENANT}), Err(Flaw::Tenant));
}

#[test]
fn tenants_of_many() {
    let token = |tenant: &str| json!({"iss": format!("https://login.example/{tenant}/v2.0"), "tid": tenant});
    let found =
        |tenancy, tenant: &str| check_by(&rules(tenancy), "{tenantid}", None, &token(tenant)).map(drop);
    for tenancy in [Tenancy::Everybody, Tenancy::Organizations] {
        assert_eq!(found(tenancy, TENANT), Ok(()));
        assert_eq!(found(tenancy, OTHER), Ok(()));
        for hostile in ["common", "{tenantid}", "contoso.example", "", "a/b"] {
            assert_eq!(found(tenancy, hostile), Err(Flaw::Tenant), "{hostile}");
        }
    }
    assert_eq!(found(Tenancy::Everybody, CONSUMERS), Ok(()));
    assert_eq!(found(Tenancy::Organizations, CONSUMERS), Err(Flaw::Tenant));
    assert_eq!(found(Tenancy::Organizations, &CONSUMERS.to_uppercase()), Err(Flaw::Tenant));
}

#[test]
fn listed_issuers_restrict() {
    let mut rules = rules(Tenancy::Everybody);
    rules.issuers =
        Some(vec![format!("https://login.example/{TENANT}/v2.0"), format!("https://evil.example/{TENANT}/")]);
    let found = |iss: &str, tid: &str| {
        check_by(&rules, "{tenantid}", None, &json!({"iss": iss, "tid": tid})).map(drop)
    };
    assert_eq!(found(&format!("https://login.example/{TENANT}/v2.0"), TENANT), Ok(()));
    assert_eq!(found(&format!("https://login.example/{OTHER}/v2.0"), OTHER), Err(Flaw::Issuer));
    // Listed, and yet not one of the authority's.
    assert_eq!(found(&format!("https://evil.example/{TENANT}/"), TENANT), Err(Flaw::Issuer));
}

#[test]
fn without_a_check_the_issuer_still_names_the_tenant() {
    let rules = Rules { checks_issuer: false, ..rules(Tenancy::Everybody) };
    let found = |iss: &str| check_by(&rules, "{tenantid}", None, &json!({"iss": iss})).map(drop);
    assert_eq!(found(&format!("https://other.example/{TENANT}/v2.0/")), Ok(()));
    assert_eq!(found(&format!("https://other.example/{OTHER}/v2.0/")), Err(Flaw::Tenant));
    assert_eq!(found(&format!("https://other.example/x/{TENANT}/")), Err(Flaw::Tenant));
}

#[test]
fn keys_sign_for_their_issuer() {
    let found = |tenant, key_issuer: &str| {
        check_by(&rules(Tenancy::Everybody), tenant, Some(key_issuer), &json!({})).map(drop)
    };
    assert_eq!(found("{tenantid}", "https://login.example/{tenantid}/v2.0"), Ok(()));
    assert_eq!(found("{tenantid}", &format!("https://login.example/{TENANT}/v2.0")), Ok(()));
    assert_eq!(found(TENANT, &format!("https://login.example/{OTHER}/v2.0")), Err(Flaw::KeyIssuer));
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
    let open = Rules { is_open_to_acl: true, ..rules(Tenancy::Single) };
    assert!(check_by(&open, TENANT, None, &json!({"scp": null})).is_ok());
    for sign in ["nonce", "at_hash", "c_hash"] {
        let found = check_by(&open, TENANT, None, &json!({"scp": null, sign: "x"}));
        assert_eq!(found.map(drop), Err(Flaw::IdToken));
    }
}

#[test]
fn unmapped_claims_have_no_identity_roles() {
    let rules = Rules { maps_claims: false, ..rules(Tenancy::Single) };
    let granted =
        check_by(&rules, TENANT, None, &json!({"roles": ["Admin"], "role": "x", ROLE: "Reader"})).unwrap();
    assert_eq!(granted.roles, ["Admin", "Reader"]);
    assert_eq!(granted.identity_roles.unwrap(), ["Reader"]);
}
