//! An API of each kind of authority, with metadata, keys and tokens as each kind has them.

use std::sync::Arc;

use axum::{Router, body::Body, http::Request, routing::get};
use entra_abstractions::{Clock, HttpSettings, Section, testing::ManualClock};
use entra_emulator::{Emulator, Endpoint, Mint, ids};
use entra_web_api::{AuthenticatedUser, Denial, Flaw, Require, TokenValidator};
use serde_json::{Value, json};
use tower::ServiceExt;

/// An Entra that is reached by the names of others, and the API that one of them issues tokens for.
struct World {
    emulator: Emulator,
    validator: TokenValidator,
    authority: String,
}

const B2C: &str = "https://fabrikam.b2clogin.com";
const CIAM: &str = "https://contoso.ciamlogin.com";

impl World {
    /// The API of a section, whose good tokens this authority issues.
    fn of(section: Value, authority: &str) -> Self {
        let emulator = Emulator::builder().https(true).start_blocking().unwrap();
        let address = format!("127.0.0.1:{}", emulator.port()).parse().unwrap();
        let http = HttpSettings::default().trust_pem(emulator.ca_pem().unwrap());
        let hosts = ["fabrikam.b2clogin.com", "contoso.ciamlogin.com", "login.contoso.example"];
        let http = hosts.into_iter().fold(http, |http, host| http.resolve(host, address));
        let clock = Arc::new(ManualClock::default());
        clock.set(emulator.clock().now());
        let mut section = section;
        section["ClientId"] = json!(ids::API);
        let validator = TokenValidator::builder(&Section::new("AzureAd", section))
            .http(http)
            .clock(clock as Arc<dyn Clock>)
            .build()
            .unwrap();
        Self { emulator, validator, authority: authority.to_owned() }
    }

    /// A good token, to be made a bad one.
    fn token(&self) -> Mint<'_> {
        let scope = format!("api://{}/access_as_user", ids::API);
        self.emulator.mint().user("alice").scopes(&scope).authority(&self.authority)
    }

    async fn status(&self, token: String) -> u16 {
        let guarded = self.validator.require(Require::scope("access_as_user"));
        let app: Router = Router::new().route("/", get(tenant).layer(guarded));
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
    }

    async fn flaw(&self, token: String) -> Flaw {
        match self.validator.validate(&token).await {
            Err(Denial::InvalidToken(flaw)) => flaw,
            other => panic!("{other:?}"),
        }
    }

    /// Whatever the kind, these are refused.
    async fn holds(&self) {
        assert_eq!(self.status(self.token().build()).await, 200);
        let user = self.validator.validate(&self.token().build()).await.unwrap();
        assert_eq!(user.tenant_id().as_str(), ids::TENANT);
        let metadata = |path: &str| path.ends_with("/v2.0/.well-known/openid-configuration");
        let asked = self.emulator.log().count(|entry| metadata(&entry.path));
        assert_eq!((asked, self.emulator.log().count(|entry| entry.endpoint == Endpoint::Keys)), (1, 1));
        for (token, flaw) in [
            (self.token().claim("iss", format!("{B2C}.evil.example/{}/v2.0/", ids::TENANT)), Flaw::Issuer),
            (self.token().authority(self.emulator.base_url()), Flaw::Issuer),
            (self.token().claim("tid", ids::OTHER_TENANT), Flaw::Tenant),
            (self.token().tenant(ids::OTHER_TENANT), Flaw::Issuer),
            (self.token().claim("aud", ids::DAEMON), Flaw::Audience),
            (self.token().expired(), Flaw::Expired),
            (self.token().signed_by_a_stranger(), Flaw::Signature),
            (self.token().without("scp"), Flaw::NoPermission),
        ] {
            let token = token.build();
            assert_eq!(self.flaw(token.clone()).await, flaw);
            assert_eq!(self.status(token).await, 401);
        }
    }
}

async fn tenant(user: AuthenticatedUser) -> String {
    user.tenant_id().to_string()
}

fn b2c(instance: &str) -> Value {
    json!({"Instance": instance, "Domain": "contoso.example", "SignUpSignInPolicyId": "B2C_1_susi"})
}

#[tokio::test]
async fn an_api_of_azure_ad_b2c() {
    let world = World::of(b2c(B2C), &format!("{B2C}/contoso.example/b2c_1_susi"));
    world.holds().await;
    let token =
        |user_flow: &str| world.token().authority(&format!("{B2C}/contoso.example/{user_flow}")).build();
    assert_eq!(world.status(token("B2C_1_SUSI")).await, 200);
    assert_eq!(world.flaw(token("B2C_1_edit")).await, Flaw::UserFlow);
    assert_eq!(world.flaw(world.token().without("tfp").build()).await, Flaw::UserFlow);
}

#[tokio::test]
async fn an_api_of_azure_ad_b2c_with_tfp() {
    let section = b2c(&format!("{B2C}/tfp/"));
    let world = World::of(section, &format!("{B2C}/tfp/contoso.example/B2C_1_susi"));
    let good = || world.token().claim("tid", ids::TENANT);
    assert_eq!(world.status(good().build()).await, 200);
    assert_eq!(world.flaw(world.token().build()).await, Flaw::Tenant);
    let edit = format!("{B2C}/tfp/contoso.example/B2C_1_edit");
    assert_eq!(world.flaw(good().authority(&edit).build()).await, Flaw::Issuer);
    let plain = format!("{B2C}/contoso.example/B2C_1_susi");
    assert_eq!(world.flaw(good().authority(&plain).build()).await, Flaw::Issuer);
}

#[tokio::test]
async fn an_api_of_azure_ad_b2c_at_a_domain_of_its_own() {
    let own = "https://login.contoso.example";
    let world = World::of(b2c(own), &format!("{own}/contoso.example/B2C_1_susi"));
    world.holds().await;
    let elsewhere = format!("{B2C}/contoso.example/B2C_1_susi");
    assert_eq!(world.flaw(world.token().authority(&elsewhere).build()).await, Flaw::Issuer);
}

#[tokio::test]
async fn an_api_of_external_id() {
    let authority = format!("{CIAM}/{}", ids::TENANT);
    for section in [json!({"Authority": authority}), json!({"Instance": CIAM, "TenantId": ids::TENANT})] {
        let world = World::of(section, &authority);
        world.holds().await;
        let by_name = format!("{CIAM}/{}/v2.0", ids::TENANT);
        assert_eq!(world.flaw(world.token().claim("iss", by_name).build()).await, Flaw::Issuer);
    }
}

#[tokio::test]
async fn an_api_of_external_id_at_a_domain_of_its_own() {
    let authority = format!("https://login.contoso.example/{}/v2.0", ids::TENANT);
    let world = World::of(json!({"Authority": authority}), &authority);
    world.holds().await;
    let by_id = world.token().authority(CIAM).build();
    assert_eq!(world.flaw(by_id).await, Flaw::Issuer);
}
