//! What is sent, to whom, and what is never sent at all.

use std::sync::Arc;

use entra_abstractions::{AcquireToken, Claims, CorrelationId, Parameter, Place, TenantId, TokenRequest};
use entra_emulator::{Fault, ids};
use entra_token_acquisition::{Application, ApplicationBuilder};
use serde_json::{Value, json};
use url::Url;

use crate::{
    kit::{GRAPH, Kit, ORDERS, READ, as_app, at_once, builder, claims, scopes, who},
    wiretap::{Wiretap, granted, reply},
};

#[tokio::test]
async fn a_tenant_for_each_request() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let other = as_app(ORDERS).tenant(TenantId::new("fabrikam.example").unwrap());
    let one = tokens.acquire(&as_app(ORDERS)).await.unwrap();
    let two = tokens.acquire(&other).await.unwrap();
    assert_eq!(
        (&claims(&one)["tid"], &claims(&two)["tid"]),
        (&ids::TENANT.into(), &ids::OTHER_TENANT.into())
    );
    assert_eq!(two.tenant().unwrap().as_str(), "fabrikam.example");
    assert_eq!(at_once(&tokens, &other).secret(), two.secret());
    assert_eq!(at_once(&tokens, &as_app(ORDERS)).secret(), one.secret());
    assert_eq!(kit.count(), 2);
}

#[tokio::test]
async fn an_application_gets_nothing_from_nobodys_tenant() {
    let kit = Kit::new();
    for shared in ["common", "organizations", "Common"] {
        let application = kit.client(ids::DAEMON).tenant(shared).secret(ids::DAEMON_SECRET);
        let error = kit.acquirer(application).acquire(&as_app(ORDERS)).await.unwrap_err();
        assert_eq!(who(&error), "the developer", "{error}");
        assert!(error.to_string().contains("gets no token of its own"), "{error}");
    }
    let asked = as_app(ORDERS).tenant(TenantId::new("organizations").unwrap());
    assert_eq!(who(&kit.daemon().acquire(&asked).await.unwrap_err()), "the developer");
    assert_eq!(kit.count(), 0);

    let common = || kit.client(ids::DAEMON).tenant("common").secret(ids::DAEMON_SECRET);
    kit.acquirer(common().app_home_tenant(ids::TENANT)).acquire(&as_app(ORDERS)).await.unwrap();
    let named = as_app(ORDERS).tenant(TenantId::new(ids::OTHER_TENANT).unwrap());
    kit.acquirer(common()).acquire(&named).await.unwrap();
    let tenants: Vec<_> = kit.sent().into_iter().map(|sent| sent.tenant.unwrap()).collect();
    assert_eq!(tenants, [ids::TENANT, ids::OTHER_TENANT]);
}

#[tokio::test]
async fn an_application_asks_for_one_resources_default() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    for wrong in
        ["api://orders/read", "User.Read", "api://orders/.default api://partner/.default", "/.default"]
    {
        let request = as_app(wrong);
        for acquiring in [tokens.acquire(&request), tokens.acquire_detached(&request)] {
            // At once: nothing would come of waiting.
            assert_eq!(who(&acquiring.now().unwrap().unwrap_err()), "the developer", "{wrong}");
        }
    }
    assert_eq!(kit.count(), 0);
}

#[tokio::test]
async fn scopes_are_sent_as_written_and_cached_folded() {
    let kit = Kit::new();
    let tokens = kit.api();
    let alice = kit.caller("alice");
    let odd =
        TokenRequest::on_behalf_of(scopes("api://Orders/WRITE offline_access api://orders/read"), &alice);
    tokens.acquire(&odd).await.unwrap();
    assert_eq!(
        kit.sent()[0].scope.as_deref(),
        Some("api://Orders/WRITE api://orders/read openid profile offline_access")
    );
    let even =
        TokenRequest::on_behalf_of(scopes("api://orders/read api://orders/write OFFLINE_ACCESS"), &alice);
    at_once(&tokens, &even);
    tokens.acquire(&as_app("API://Orders/.Default")).await.unwrap();
    assert_eq!(kit.sent()[1].scope.as_deref(), Some("API://Orders/.Default"));
    at_once(&tokens, &as_app(ORDERS));
}

#[tokio::test]
async fn capabilities_go_where_they_are_configured_and_nowhere_else() {
    let kit = Kit::new();
    let capable = kit.acquirer(kit.client(ids::API).secret(ids::API_SECRET).capability("cp1"));
    let alice = kit.caller("alice");
    let on_behalf = TokenRequest::on_behalf_of(scopes(READ), &alice);
    for tokens in [kit.api(), capable] {
        tokens.acquire(&on_behalf).await.unwrap();
        tokens.acquire(&as_app(ORDERS)).await.unwrap();
    }
    let claimed: Vec<Option<Value>> = kit
        .sent()
        .iter()
        .map(|sent| sent.field("claims").map(|text| serde_json::from_str(text).unwrap()))
        .collect();
    let capability = Some(json!({ "access_token": { "xms_cc": { "values": ["cp1"] } } }));
    assert_eq!(claimed, [None, None, capability.clone(), capability]);
}

#[tokio::test]
async fn a_challenge_is_merged_with_the_capabilities() {
    let kit = Kit::new();
    let tokens = kit.acquirer(kit.client(ids::DAEMON).secret(ids::DAEMON_SECRET).capability("cp1"));
    let challenge =
        Claims::new(r#"{"access_token":{"nbf":{"essential":true,"value":"1701477303"}}}"#).unwrap();
    let token = tokens.acquire(&as_app(ORDERS).claims(challenge)).await.unwrap();
    let sent: Value = serde_json::from_str(kit.sent()[0].field("claims").unwrap()).unwrap();
    assert_eq!(
        sent,
        json!({ "access_token": {
            "nbf": { "essential": true, "value": "1701477303" }, "xms_cc": { "values": ["cp1"] },
        } })
    );
    assert_eq!(claims(&token)["xms_cc"], json!(["cp1"]));
}

#[tokio::test]
async fn one_correlation_id_for_all_that_one_call_sends() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let id = CorrelationId::random();
    kit.emulator.faults().add(Fault::status(503).times(2));
    let error = tokens.acquire(&as_app(ORDERS).correlation_id(id)).await.unwrap_err();
    assert_eq!(error.exchange().unwrap().correlation_id(), Some(id));
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    for sent in kit.sent() {
        assert_eq!(sent.correlation_id, id.to_string());
        assert_eq!(sent.header("return-client-request-id"), Some("true"));
    }
    assert_eq!(kit.count(), 2);

    // Without one of the caller's, one is made; the error names it, so that it can be looked up.
    kit.emulator.faults().add(Fault::refuse(53_003, "access_denied"));
    let error = tokens.acquire(&as_app(ORDERS)).await.unwrap_err();
    assert_eq!(kit.sent()[2].correlation_id, error.exchange().unwrap().correlation_id().unwrap().to_string());
}

fn at(wiretap: &Wiretap) -> ApplicationBuilder {
    Application::builder()
        .instance(&*wiretap.url)
        .tenant("contoso.example")
        .client_id("client")
        .secret("s3cret?%G&=")
}

type Pairs = Vec<(String, String)>;

/// The path of a request, its query and its form, decoded.
fn read(request: &str) -> (String, Pairs, Pairs) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let url = Url::parse("http://host").unwrap().join(target).unwrap();
    let form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    (url.path().to_owned(), url.query_pairs().into_owned().collect(), form)
}

#[tokio::test]
async fn hostile_values_stay_in_their_place() {
    const HOSTILE: &str = "x&client_secret=1#f?a=b/../%0d%0ax: y\r\n'\"+ \u{e9}";
    let wiretap = Wiretap::that([granted("t")]).await;
    let kit = Kit::new();
    let application = at(&wiretap).query_parameter("dc", HOSTILE).query_parameter("sl&ice", "configured");
    let tokens = builder(application.build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap();
    let request = as_app(ORDERS)
        .parameter(Parameter::shaping(Place::Query, "sl&ice", HOSTILE))
        .parameter(Parameter::passing(Place::Body, "att=ributes", HOSTILE));
    tokens.acquire(&request).await.unwrap();

    let heard = wiretap.heard();
    let (path, query, form) = read(&heard[0]);
    assert_eq!(path, "/contoso.example/oauth2/v2.0/token");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        query,
        [pair("dc", HOSTILE), pair("sl&ice", HOSTILE)],
        "what the request says replaces what is configured"
    );
    assert_eq!(form.iter().filter(|(name, _)| name == "client_secret").count(), 1);
    assert!(
        form.contains(&pair("client_secret", "s3cret?%G&=")) && form.contains(&pair("att=ributes", HOSTILE))
    );
    assert!(!heard[0].contains("\r\nx: y"), "no header was smuggled in");
    // Blanks are %20 in the form, as Entra's own libraries send them.
    assert!(!heard[0].split_once("\r\n\r\n").unwrap().1.contains('+'));
}

#[tokio::test]
async fn only_parameters_that_shape_the_token_tell_tokens_apart() {
    let kit = Kit::new();
    let tokens = kit.daemon();
    let with = |parameter: Parameter| as_app(ORDERS).parameter(parameter);
    tokens.acquire(&as_app(ORDERS)).await.unwrap();
    at_once(&tokens, &with(Parameter::passing(Place::Query, "slice", "test")));
    let shaped = with(Parameter::shaping(Place::Query, "slice", "test"));
    tokens.acquire(&shaped).await.unwrap();
    tokens.acquire(&with(Parameter::shaping(Place::Query, "slice", "other"))).await.unwrap();
    tokens.acquire(&with(Parameter::shaping(Place::Body, "slice", "test"))).await.unwrap();
    at_once(&tokens, &shaped);
    assert_eq!(kit.count(), 4);
}

#[tokio::test]
async fn a_form_with_a_secret_follows_no_redirect() {
    let elsewhere = Wiretap::that([granted("t")]).await;
    let location = format!("location: {}/contoso.example/oauth2/v2.0/token\r\n", elsewhere.url);
    let wiretap = Wiretap::that([reply("307 Temporary Redirect", &location, "")]).await;
    let kit = Kit::new();
    let tokens = builder(at(&wiretap).build().unwrap(), Arc::clone(&kit.clock) as Arc<_>).build().unwrap();
    let error = tokens.acquire(&as_app(GRAPH)).await.unwrap_err();
    assert_eq!((who(&error), error.exchange().unwrap().status()), ("nobody", Some(307)));
    assert!(elsewhere.heard().is_empty());
    assert_eq!(wiretap.heard().len(), 1);
}

#[tokio::test]
async fn the_engine_leaves_agents_to_their_own_acquirer() {
    let kit = Kit::new();
    let user = entra_abstractions::AgentUser::upn(ids::AGENT_USER_UPN).unwrap();
    let agent = entra_abstractions::AgentId::new(ids::AGENT).unwrap();
    let error =
        kit.api().acquire(&TokenRequest::as_agent_user(scopes(GRAPH), agent, user)).await.unwrap_err();
    assert_eq!((who(&error), kit.count()), ("the developer", 0));
    assert!(error.to_string().contains("AgentIdentities"), "{error}");
}

#[tokio::test]
async fn what_a_builder_refused_is_told_and_not_sent() {
    let kit = Kit::new();
    let refused = as_app(ORDERS).refuse(entra_abstractions::Misconfigured::new("no such scope list"));
    let error = kit.daemon().acquire(&refused).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), kit.count()), ("no such scope list", 0));
}
