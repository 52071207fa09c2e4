//! The rules, by scenarios written here as the recordings' README describes those that are not at
//! hand. Each is played: what a rule wants is what we do.

use serde_json::{Value, json};

use crate::golden::{play_folder, report::Verdict};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const AGENT: &str = "33333333-3333-4333-8333-333333333333";
const GRAPH: &str = "https://graph.microsoft.com/.default";
const VAULT: &str = "https://vault.azure.net/.default";

fn config(more: &Value) -> Value {
    let mut application = json!({
        "Instance": "https://login.microsoftonline.com/",
        "TenantId": TENANT,
        "ClientId": "22222222-2222-4222-8222-222222222222",
        "ClientCredentials": [{"SourceType": "ClientSecret", "ClientSecret": "s3cret?%G&="}],
    });
    application.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"AzureAd": application, "DownstreamApis": {"Orders": {
        "BaseUrl": "https://orders.example.com/v1", "Scopes": ["api://orders/.default"]}}})
}

fn token(tenant: &str, form: &Value) -> Value {
    let mut whole = json!({"client_id": "22222222-2222-4222-8222-222222222222",
        "client_secret": "s3cret?%G&=", "grant_type": "client_credentials"});
    let members = whole.as_object_mut().unwrap();
    members.extend(form.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    json!({"kind": "token", "method": "POST",
        "url": format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"}, "form": whole})
}

fn app(scope: &str) -> Value {
    token(TENANT, &json!({"scope": scope}))
}

fn leg_one() -> Value {
    token(TENANT, &json!({"scope": "api://AzureADTokenExchange/.default", "fmi_path": AGENT}))
}

fn leg_two(scope: &str, assertion: &str) -> Value {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    token(
        TENANT,
        &json!({"client_secret": null, "client_id": AGENT, "client_assertion_type": kind,
        "client_assertion": assertion, "scope": scope}),
    )
}

fn obo(user: &str, scope: &str) -> Value {
    token(
        TENANT,
        &json!({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "requested_token_use": "on_behalf_of", "client_info": "1", "assertion": format!("<user-token:{user}>"),
        "scope": format!("{scope} openid profile offline_access")}),
    )
}

/// A step that recorded these requests and this result.
fn step(call: &Value, requests: &[Value], result: &Value) -> Value {
    let mut step = call.clone();
    step["recorded"] = json!({"requests": requests, "result": result});
    step
}

fn header(number: u32) -> Value {
    json!({"header": format!("Bearer at-{number}")})
}

fn error() -> Value {
    json!({"error": {"type": "SomeException", "message": "something"}})
}

/// Plays a scenario of this name; what the rule wants must be what we do.
async fn check(name: &str, more: &Value, steps: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let user = |name: &str| json!({"claims": {"oid": name}, "token": format!("header.{name}.signature")});
    let scenario = json!({"name": name, "story": "written here", "config": config(more),
        "users": {"alice": user("alice"), "carol": user("carol")}, "steps": steps});
    std::fs::write(folder.path().join(format!("{name}.json")), scenario.to_string()).unwrap();
    let report = play_folder(folder.path()).await.unwrap();
    let mut text = Vec::new();
    report.print(&mut text).unwrap();
    let verdict = report.verdict(name).unwrap();
    assert!(matches!(verdict, Verdict::Wanted(_)), "{name}: {}", String::from_utf8_lossy(&text));
}

#[tokio::test]
async fn queries_are_encoded() {
    let mut recorded = app(GRAPH);
    recorded["query"] = json!({"dc": "a", "admin": "true"});
    let call = json!({"call": "app_header", "scopes": [GRAPH]});
    let more = json!({"ExtraQueryParameters": {"dc": "a&admin=true"}});
    check("A21-query-breaks-out", &more, &[step(&call, &[recorded], &header(1))]).await;
}

#[tokio::test]
async fn app_tokens_need_a_tenant() {
    let more = json!({"TenantId": "organizations"});
    let call = json!({"call": "app_header", "scopes": [GRAPH]});
    let mut in_tenant = call.clone();
    in_tenant["options"] = json!({"AcquireTokenOptions": {"Tenant": TENANT}});
    let steps = [
        step(&call, &[token("organizations", &json!({"scope": GRAPH}))], &header(1)),
        step(&call, &[], &header(1)),
        step(&in_tenant, &[app(GRAPH)], &header(2)),
    ];
    check("A37-organizations", &more, &steps).await;
}

#[tokio::test]
async fn what_cannot_be_read_names_the_endpoint() {
    for body in [json!("<html>busy"), json!("{\"access_token\": "), json!("")] {
        let call = json!({"call": "app_header", "scopes": [GRAPH], "entra": [{"status": 200, "body": body}]});
        check("A57-not-json", &json!({}), &[step(&call, &[app(GRAPH)], &error())]).await;
    }
}

fn user_header(user: &str, scopes: &[&str]) -> Value {
    json!({"call": "user_header", "user": user, "scopes": scopes})
}

#[tokio::test]
async fn fewer_scopes_are_another_request() {
    let both = user_header("alice", &["User.Read", "Mail.Read"]);
    let one = user_header("alice", &["Mail.Read"]);
    let steps = [
        step(&both, &[obo("alice", "User.Read Mail.Read")], &header(1)),
        step(&one, &[], &header(1)),
        step(&both, &[], &header(1)),
        step(&user_header("alice", &["Files.Read"]), &[obo("alice", "Files.Read")], &header(2)),
        step(&one, &[], &header(1)),
    ];
    check("B05-fewer-scopes", &json!({}), &steps).await;
}

#[tokio::test]
async fn one_users_throttling_is_nobody_elses() {
    let throttled = json!({"error": {"type": "X", "status": 429, "error_code": "temporarily_unavailable"}});
    let mut first = user_header("alice", &["User.Read"]);
    first["entra"] = json!([{"status": 429, "headers": {"Retry-After": "3"},
        "body": {"error": "temporarily_unavailable", "error_description": "throttled"}}]);
    let mut later = user_header("alice", &["User.Read"]);
    later["sleep_ms"] = json!(3500);
    let steps = [
        step(&first, &[obo("alice", "User.Read")], &throttled),
        step(&user_header("carol", &["User.Read"]), &[], &throttled),
        step(&user_header("alice", &["User.Read"]), &[], &throttled),
        step(&later, &[obo("alice", "User.Read")], &header(1)),
    ];
    check("B36-throttled-other-user", &json!({}), &steps).await;
}

#[tokio::test]
async fn another_spelling_that_was_granted_is_found_again() {
    let mut first = user_header("alice", &["api://orders/Read"]);
    first["entra"] = json!([{"token": {"scope": "API://Orders/read"}}]);
    let again = user_header("alice", &["api://orders/Read"]);
    let steps = [
        step(&first, &[obo("alice", "api://orders/Read")], &header(1)),
        step(&again, &[obo("alice", "api://orders/Read")], &header(2)),
    ];
    check("B43-granted-spelling", &json!({}), &steps).await;
}

fn as_agent(scope: &str, expires_in: &[u32]) -> Value {
    let answers: Vec<Value> =
        expires_in.iter().map(|seconds| json!({"token": {"expires_in": seconds}})).collect();
    json!({"call": "app_header", "scopes": [scope], "agent": {"app": AGENT}, "entra": answers})
}

#[tokio::test]
async fn an_agents_token_is_served_to_its_end() {
    let steps = [
        step(&as_agent(GRAPH, &[3599, 200]), &[leg_one(), leg_two(GRAPH, "at-1")], &header(2)),
        step(&as_agent(GRAPH, &[]), &[leg_two(GRAPH, "at-1")], &header(3)),
        step(&as_agent(GRAPH, &[]), &[], &header(3)),
    ];
    check("C28-agent-expiring", &json!({}), &steps).await;
}

#[tokio::test]
async fn a_leg_is_renewed_behind_its_use() {
    let steps = [
        step(&as_agent(GRAPH, &[200]), &[leg_one(), leg_two(GRAPH, "at-1")], &header(2)),
        step(&as_agent(VAULT, &[]), &[leg_one(), leg_two(VAULT, "at-3")], &header(4)),
        step(&as_agent(VAULT, &[]), &[], &header(4)),
    ];
    check("C28-leg-expiring", &json!({}), &steps).await;
}

#[tokio::test]
async fn head_has_no_body() {
    let call = |call: &str| {
        json!({"call": call, "api": "Orders", "as": "app", "verb": "HEAD",
        "options": {"RelativePath": "items", "HttpMethod": "Head"}})
    };
    let asked = json!({"kind": "api", "method": "HEAD", "url": "https://orders.example.com/v1/items",
        "headers": {"Accept": "application/json", "Authorization": "Bearer at-1"}});
    let untyped = json!({"status": 200, "body": {"ok": true}});
    let steps = [
        step(&call("api"), &[app("api://orders/.default"), asked.clone()], &untyped),
        step(&call("api_send"), &[asked], &json!({"value": {"ok": true}})),
    ];
    check("D10-head", &json!({}), &steps).await;
}

#[tokio::test]
async fn options_lie_over_the_defaults() {
    let defaults = json!({"Scopes": ["api://orders/.default"], "RequestAppToken": true});
    let call = |more: &Value| {
        let mut call =
            json!({"call": "handler", "url": "https://orders.example.com/v1/items", "defaults": defaults});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let asked = json!({"kind": "api", "method": "GET", "url": "https://orders.example.com/v1/items",
        "headers": {"Authorization": "Bearer at-1"}});
    let other =
        json!({"options": {"AcquireTokenOptions": {"Tenant": "55555555-5555-4555-8555-555555555555"}}});
    let steps = [
        step(
            &call(&json!({})),
            &[app("api://orders/.default"), asked],
            &json!({"status": 200, "body": {"ok": true}}),
        ),
        step(&call(&other), &[], &error()),
        step(&call(&json!({"options": {"Scopes": ["api://other/.default"]}})), &[], &error()),
        step(&call(&json!({"agent": {"app": AGENT}})), &[], &error()),
        step(&call(&other), &[], &error()),
    ];
    check("E03-options-replace", &json!({}), &steps).await;
}
