//! Issuers that pass, and those that only look like them.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::*;
use crate::keys::{JwkSet, Keys};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";

/// An authority and its documents.
struct Place {
    issuers: Issuers,
    metadata: Metadata,
    key_issuer: Option<String>,
}

impl Place {
    fn of(tenancy: Tenancy, issuer: &str, issuer_v1: Option<&str>) -> Self {
        let set: JwkSet = serde_json::from_value(json!({"keys": []})).unwrap();
        let metadata = Metadata {
            issuer: issuer.to_owned(),
            issuer_v1: issuer_v1.map(str::to_owned),
            keys: Keys::new(set, &[]),
            fetched_at: SystemTime::UNIX_EPOCH,
        };
        Self { issuers: Issuers::of(tenancy), metadata, key_issuer: None }
    }

    fn of_many(tenancy: Tenancy) -> Self {
        Self::of(tenancy, "https://login.example/{tenantid}/v2.0", Some("https://sts.example/{tenantid}/"))
    }

    fn b2c() -> Self {
        let issuer = format!("https://fabrikam.b2clogin.com/{TENANT}/v2.0/");
        Self::of(Tenancy::UserFlow("B2C_1_susi".into()), &issuer, None)
    }

    fn b2c_with_tfp() -> Self {
        let issuer = format!("https://fabrikam.b2clogin.com/tfp/{TENANT}/b2c_1_susi/v2.0/");
        Self::of(Tenancy::UserFlow("B2C_1_susi".into()), &issuer, None)
    }

    fn ciam() -> Self {
        let issuer = format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0");
        Self::of(Tenancy::Single, &issuer, Some(&format!("https://sts.windows.net/{TENANT}/")))
    }

    fn tenant_of(&self, claims: &Value) -> Result<String, Flaw> {
        let text = claims.to_string();
        let claims = Members::read(&text).unwrap();
        let tenant = self.issuers.check(&claims, self.key_issuer.as_deref(), &self.metadata)?;
        let is_app = claims.text("idtyp") == Some("app");
        self.issuers.check_user_flow(&claims, is_app)?;
        Ok(tenant.as_str().to_owned())
    }

    fn admits(&self, claims: &Value) {
        assert_eq!(self.tenant_of(claims).as_deref(), Ok(TENANT), "{claims}");
    }

    fn refuses(&self, claims: &Value, flaw: Flaw) {
        assert_eq!(self.tenant_of(claims), Err(flaw), "{claims}");
    }
}

#[test]
fn issuers_and_tenants_of_one_tenant() {
    let v2 = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    let v1 = format!("https://sts.example/{TENANT}/");
    let place = Place::of(Tenancy::Single, &v2(TENANT), Some(&v1));
    place.admits(&json!({"iss": v2(TENANT), "tid": TENANT}));
    place.admits(&json!({"iss": v1, "tid": TENANT}));
    for (issuer, tenant) in [
        (v2(OTHER), OTHER),
        (format!("https://evil.example/{TENANT}/v2.0"), TENANT),
        (format!("https://sts.example/{TENANT}"), TENANT),
    ] {
        place.refuses(&json!({"iss": issuer, "tid": tenant}), Flaw::Issuer);
    }
    place.refuses(&json!({"tid": TENANT}), Flaw::Issuer);
    place.refuses(&json!({"iss": 5, "tid": TENANT}), Flaw::Issuer);
    for claims in [
        json!({"iss": v2(OTHER), "tid": TENANT}),
        json!({"iss": v2(TENANT), "tid": OTHER}),
        json!({"iss": v2(TENANT)}),
        json!({"iss": v2(TENANT), "tid": null}),
        json!({"iss": v2(TENANT), "tid": TENANT.to_uppercase()}),
        json!({"iss": v2(TENANT), "tid": TENANT, "TID": TENANT}),
    ] {
        place.refuses(&claims, Flaw::Tenant);
    }
}

#[test]
fn a_template_is_one_of_many_tenants_only() {
    let token = json!({"iss": format!("https://login.example/{TENANT}/v2.0"), "tid": TENANT});
    Place::of_many(Tenancy::Everybody).admits(&token);
    Place::of_many(Tenancy::Single).refuses(&token, Flaw::Issuer);
    Place::of_many(Tenancy::UserFlow("B2C_1_susi".into())).refuses(&token, Flaw::Issuer);
}

#[test]
fn tenants_of_many() {
    let token = |tenant: &str| json!({"iss": format!("https://login.example/{tenant}/v2.0"), "tid": tenant});
    for tenancy in [Tenancy::Everybody, Tenancy::Organizations] {
        let place = Place::of_many(tenancy);
        place.admits(&token(TENANT));
        assert_eq!(place.tenant_of(&token(OTHER)).as_deref(), Ok(OTHER));
        for hostile in ["common", "{tenantid}", "contoso.example", "", "a/b"] {
            place.refuses(&token(hostile), Flaw::Tenant);
        }
    }
    assert!(Place::of_many(Tenancy::Everybody).tenant_of(&token(CONSUMERS)).is_ok());
    let organizations = Place::of_many(Tenancy::Organizations);
    organizations.refuses(&token(CONSUMERS), Flaw::Tenant);
    organizations.refuses(&token(&CONSUMERS.to_uppercase()), Flaw::Tenant);
}

#[test]
fn listed_issuers_restrict() {
    let own = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    let evil = format!("https://evil.example/{TENANT}/");
    let mut place = Place::of_many(Tenancy::Everybody);
    place.issuers.listed = Some(vec![own(TENANT), evil.clone()]);
    place.admits(&json!({"iss": own(TENANT), "tid": TENANT}));
    place.refuses(&json!({"iss": own(OTHER), "tid": OTHER}), Flaw::Issuer);
    // Listed, and yet not one of the authority's.
    place.refuses(&json!({"iss": evil, "tid": TENANT}), Flaw::Issuer);
}

#[test]
fn without_a_check_the_issuer_still_names_the_tenant() {
    let mut place = Place::of_many(Tenancy::Everybody);
    place.issuers.are_checked = false;
    place.admits(&json!({"iss": format!("https://other.example/{TENANT}/v2.0/"), "tid": TENANT}));
    for path in [OTHER.to_owned(), format!("x/{TENANT}"), format!("tfp/{TENANT}/b2c_1_susi")] {
        place.refuses(&json!({"iss": format!("https://other.example/{path}/"), "tid": TENANT}), Flaw::Tenant);
    }
    let mut place = Place::b2c();
    place.issuers.are_checked = false;
    let issuer = format!("https://other.example/{TENANT}/v2.0/");
    place.admits(&json!({"iss": issuer, "tfp": "B2C_1_susi"}));
    place.refuses(&json!({"iss": issuer, "tfp": "B2C_1_edit"}), Flaw::UserFlow);
    place.refuses(&json!({"iss": issuer, "tid": OTHER, "tfp": "B2C_1_susi"}), Flaw::Tenant);
}

#[test]
fn keys_sign_for_their_issuer() {
    let token = json!({"iss": format!("https://login.example/{TENANT}/v2.0"), "tid": TENANT});
    let mut place = Place::of_many(Tenancy::Everybody);
    for key_issuer in ["{tenantid}", TENANT] {
        place.key_issuer = Some(format!("https://login.example/{key_issuer}/v2.0"));
        place.admits(&token);
    }
    place.key_issuer = Some(format!("https://login.example/{OTHER}/v2.0"));
    place.refuses(&token, Flaw::KeyIssuer);
    let mut ciam = Place::ciam();
    ciam.key_issuer = Some(format!("https://{OTHER}.ciamlogin.com/{OTHER}/v2.0"));
    ciam.refuses(&json!({"iss": ciam.metadata.issuer, "tid": TENANT}), Flaw::KeyIssuer);
}

#[test]
fn user_flows_of_b2c() {
    let place = Place::b2c();
    let issuer = place.metadata.issuer.clone();
    for claims in [
        json!({"iss": issuer, "tfp": "B2C_1_susi"}),
        json!({"iss": issuer, "tfp": "b2c_1_SUSI", "tid": TENANT}),
        json!({"iss": issuer, "acr": "b2c_1_susi"}),
        json!({"iss": issuer, "tfp": "B2C_1_susi", "acr": "urn:something"}),
        json!({"iss": issuer, "tid": TENANT, "idtyp": "app"}),
    ] {
        place.admits(&claims);
    }
    for claims in [
        json!({ "iss": issuer }),
        json!({"iss": issuer, "tfp": "B2C_1_edit"}),
        json!({"iss": issuer, "tfp": "B2C_1_edit", "acr": "b2c_1_susi"}),
        json!({"iss": issuer, "tfp": "B2C_1_edit", "idtyp": "app"}),
        json!({"iss": issuer, "tfp": "B2C_1_susi2"}),
        json!({"iss": issuer, "tfp": ""}),
        json!({"iss": issuer, "tfp": null, "acr": "b2c_1_susi"}),
        json!({"iss": issuer, "tfp": ["B2C_1_susi"]}),
        json!({"iss": issuer, "acr": "1"}),
    ] {
        place.refuses(&claims, Flaw::UserFlow);
    }
    for claims in [
        json!({"iss": issuer, "tfp": "B2C_1_susi", "tid": OTHER}),
        json!({"iss": issuer, "tfp": "B2C_1_susi", "tid": null}),
        json!({"iss": issuer, "tfp": "B2C_1_susi", "tid": ""}),
        json!({"iss": issuer, "tfp": "B2C_1_susi", "TID": TENANT}),
        json!({"iss": "https://fabrikam.b2clogin.com/fabrikam.onmicrosoft.com/v2.0/", "tfp": "B2C_1_susi"}),
    ] {
        place.refuses(&claims, Flaw::Tenant);
    }
}

#[test]
fn user_flows_in_the_issuer() {
    let place = Place::b2c_with_tfp();
    let issuer = place.metadata.issuer.clone();
    place.admits(&json!({"iss": issuer, "tid": TENANT}));
    place.admits(&json!({"iss": issuer, "tid": TENANT, "tfp": "B2C_1_susi"}));
    place.refuses(&json!({"iss": issuer, "tid": TENANT, "tfp": "B2C_1_edit"}), Flaw::UserFlow);
    place.refuses(&json!({"iss": issuer, "tfp": "B2C_1_susi"}), Flaw::Tenant);
    place.refuses(&json!({"iss": issuer, "tid": OTHER, "tfp": "B2C_1_susi"}), Flaw::Tenant);
    for other in [
        format!("https://fabrikam.b2clogin.com/tfp/{TENANT}/b2c_1_edit/v2.0/"),
        format!("https://fabrikam.b2clogin.com/{TENANT}/v2.0/"),
    ] {
        place.refuses(&json!({"iss": other, "tid": TENANT, "tfp": "B2C_1_susi"}), Flaw::Issuer);
    }
    let elsewhere = format!("https://fabrikam.b2clogin.com/tfp/{OTHER}/b2c_1_susi/v2.0/");
    place.refuses(&json!({"iss": elsewhere, "tid": OTHER, "tfp": "B2C_1_susi"}), Flaw::Issuer);
    place.refuses(&json!({"iss": elsewhere, "tid": TENANT, "tfp": "B2C_1_susi"}), Flaw::Tenant);
}

#[test]
fn external_id_has_its_own_issuer_and_that_of_version_1() {
    let place = Place::ciam();
    place.admits(&json!({"iss": format!("https://{TENANT}.ciamlogin.com/{TENANT}/v2.0"), "tid": TENANT}));
    place.admits(&json!({"iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT}));
    for (issuer, tenant) in [
        (format!("https://contoso.ciamlogin.com/{TENANT}/v2.0"), TENANT),
        (format!("https://{OTHER}.ciamlogin.com/{OTHER}/v2.0"), OTHER),
        (format!("https://{TENANT}.ciamlogin.com/{OTHER}/v2.0"), OTHER),
        (format!("https://{OTHER}.ciamlogin.com/{TENANT}/v2.0"), TENANT),
        (format!("https://login.microsoftonline.com/{TENANT}/v2.0"), TENANT),
    ] {
        place.refuses(&json!({"iss": issuer, "tid": tenant}), Flaw::Issuer);
    }
}

#[test]
fn look_alikes_are_refused_everywhere() {
    for place in [Place::b2c(), Place::b2c_with_tfp(), Place::ciam()] {
        let own = place.metadata.issuer.clone();
        let (host, path) = own.trim_start_matches("https://").split_once('/').unwrap();
        for issuer in [
            format!("http://{host}/{path}"),
            format!("https://{host}:443/{path}"),
            format!("https://{host}./{path}"),
            format!("https://{host}.evil.example/{path}"),
            format!("https://evil.example/{path}"),
            format!("https://fake{host}/{path}"),
            format!("https://{host}@evil.example/{path}"),
            format!("https://evil.example?{host}/{path}"),
            format!("https://{}/{path}", host.to_uppercase()),
            format!("HTTPS://{host}/{path}"),
            format!("{own}/"),
            format!("{own}?x"),
            format!("{own}#"),
            format!(" {own}"),
            format!("{own}\u{0}"),
            own.trim_end_matches('/').trim_end_matches("v2.0").to_owned(),
            own.replace("v2.0", "V2.0"),
            own.replace(TENANT, "{tenantid}"),
            own.replace(TENANT, "common"),
            own.replace(TENANT, &format!("{TENANT}/../{OTHER}")),
        ] {
            let claims = json!({"iss": issuer, "tid": TENANT, "tfp": "B2C_1_susi"});
            assert!(place.tenant_of(&claims).is_err(), "{issuer}");
        }
        place.admits(&json!({"iss": own, "tid": TENANT, "tfp": "B2C_1_susi"}));
    }
}

#[test]
fn the_authority_says_whose_tokens_it_issues() {
    let of = |authority: &str| {
        Tenancy::of(&Authority::parse(authority).unwrap()).map_err(|fault| fault.to_string())
    };
    assert_eq!(of("https://login.microsoftonline.com/common"), Ok(Tenancy::Everybody));
    assert_eq!(of("https://login.microsoftonline.com/Organizations"), Ok(Tenancy::Organizations));
    assert_eq!(of("https://login.microsoftonline.com/consumers"), Ok(Tenancy::Single));
    assert_eq!(of("https://contoso.ciamlogin.com"), Ok(Tenancy::Single));
    let user_flow = Ok(Tenancy::UserFlow("B2C_1_susi".into()));
    assert_eq!(of("https://fabrikam.b2clogin.com/fabrikam.onmicrosoft.com/B2C_1_susi"), user_flow);
    assert_eq!(of("https://login.fabrikam.example/tfp/fabrikam.onmicrosoft.com/B2C_1_susi"), user_flow);
    assert!(of("https://contoso.ciamlogin.com/common").unwrap_err().contains("has one tenant"));
    for (authority, kind) in [
        ("https://fs.contoso.example/adfs", "AD FS"),
        (&format!("https://co1.dsts.core.windows.net/dstsv2/{TENANT}"), "dSTS"),
        ("https://idp.example/realm", "an OpenID provider"),
    ] {
        assert_eq!(of(authority).unwrap_err(), format!("APIs of {kind} are not protected yet"));
    }
}
