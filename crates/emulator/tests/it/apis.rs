//! The small Graph and the API that tells who called.

use std::time::Duration;

use entra_emulator::{Endpoint, Fault, ids};
use serde_json::json;

use crate::kit::{Answer, Kit};

const USER_READ: &str = "https://graph.microsoft.com/User.Read";

#[tokio::test]
async fn me_is_the_user_of_the_token() {
    let kit = Kit::new();
    let answer = kit.call("/v1.0/me", &kit.emulator.user_token("maeve", USER_READ)).await;
    assert_eq!((answer.status, &answer.json()["userPrincipalName"]), (200, &json!(ids::MAEVE_UPN)));
    assert_eq!(answer.json()["id"], ids::MAEVE);
}

#[tokio::test]
async fn graph_refuses_as_graph_does() {
    let kit = Kit::new();
    let check = async |path: &str, token: &str, status: u16, code: &str| {
        let answer = kit.call(path, token).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (status, Some(code)), "{path}");
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
    };
    let mint = || kit.emulator.mint().user("alice").scopes(USER_READ);
    let invalid = "InvalidAuthenticationToken";
    check("/v1.0/me", "opaque", 401, invalid).await;
    check("/v1.0/me", &mint().signed_by_a_stranger().build(), 401, invalid).await;
    check("/v1.0/me", &mint().expired().build(), 401, invalid).await;
    check("/v1.0/me", &kit.emulator.user_token("alice", "api://orders/read"), 401, invalid).await;
    let denied = "Authorization_RequestDenied";
    check(
        "/v1.0/me",
        &kit.emulator.user_token("alice", "https://graph.microsoft.com/Mail.Read"),
        403,
        denied,
    )
    .await;
    check("/v1.0/users", &mint().build(), 403, denied).await;
    let app = kit.emulator.app_token("night-job", "https://graph.microsoft.com");
    check("/v1.0/me", &app, 400, "BadRequest").await;
    check("/v1.0/users/nobody@contoso.example", &app, 404, "Request_ResourceNotFound").await;
    check("/v1.0/drives", &app, 404, "BadRequest").await;
    assert_eq!(kit.get("/v1.0/me").await.status, 401);
}

#[tokio::test]
async fn an_application_reads_the_users_of_its_tenant() {
    let kit = Kit::new();
    let app = kit.emulator.app_token("night-job", "https://graph.microsoft.com");
    let users = kit.call("/v1.0/users", &app).await.json();
    let names: Vec<_> =
        users["value"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
    assert!(names.contains(&ids::ALICE) && names.contains(&ids::AGENT_USER) && names.len() == 5, "{names:?}");
    let one = kit.call("/v1.0/users/maeve.o%27brien%40contoso.example", &app).await;
    assert_eq!((one.status, &one.json()["id"]), (200, &json!(ids::MAEVE)));
}

#[tokio::test]
async fn the_api_tells_who_called_and_with_what() {
    let kit = Kit::new();
    let token = kit.emulator.user_token("alice", "api://orders/read api://orders/write");
    let url = format!("{}/orders/17/lines?sort=up&sort=down%26", kit.emulator.base_url());
    let request = kit.http.post(url).bearer_auth(&token).header("content-type", "application/json");
    let answer = Answer::of(request.body(r#"{"sku":"o'x"}"#).send().await.unwrap()).await;
    let body = answer.json();
    assert_eq!(body["caller"]["kind"], "user");
    assert_eq!((&body["caller"]["aud"], &body["caller"]["oid"]), (&json!(ids::ORDERS), &json!(ids::ALICE)));
    assert_eq!(
        (&body["caller"]["scopes"], &body["caller"]["client_id"]),
        (&json!(["read", "write"]), &json!(ids::BROWSER))
    );
    assert_eq!(
        (&body["request"]["method"], &body["request"]["path"]),
        (&json!("POST"), &json!("/orders/17/lines"))
    );
    assert_eq!(body["request"]["query"], json!([["sort", "up"], ["sort", "down&"]]));
    assert_eq!(body["request"]["body"], json!({ "sku": "o'x" }));
    assert!(!answer.text.contains(&token) && body["request"]["headers"].get("authorization").is_none());
}

#[tokio::test]
async fn orders_is_for_orders_and_echo_for_any_of_the_directory() {
    let kit = Kit::new();
    let partner = kit.emulator.user_token("alice", "api://partner/read");
    assert_eq!(kit.call("/orders", &partner).await.status, 401);
    assert_eq!(kit.call("/echo/users/me", &partner).await.json()["caller"]["aud"], "api://partner");
    let app = kit.emulator.app_token("agent-one", "api://orders");
    let caller = &kit.call("/orders", &app).await.json()["caller"];
    assert_eq!((&caller["kind"], &caller["xms_par_app_azp"]), (&json!("agent"), &json!(ids::BLUEPRINT)));
    let agent_user =
        kit.emulator.mint().user("agent-user").client("agent-one").scopes("api://orders/read").build();
    assert_eq!(kit.call("/orders", &agent_user).await.json()["caller"]["kind"], "agent user");
    let foreign =
        kit.emulator.mint().user("alice").scopes("api://orders/read").claim("aud", "api://elsewhere").build();
    assert_eq!(kit.call("/echo", &foreign).await.status, 401);
}

#[tokio::test]
async fn an_api_can_be_told_to_challenge_and_to_fail() {
    let kit = Kit::new();
    let token = kit.emulator.user_token("alice", USER_READ);
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#;
    kit.emulator.faults().add(Fault::challenge(claims).at(Endpoint::Graph));
    let challenged = kit.call("/v1.0/me", &token).await;
    let header = challenged.headers["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(challenged.status, 401);
    let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzAwMDAwMDAwIn19fQ==";
    assert!(header.contains(r#"error="insufficient_claims""#) && header.contains(encoded), "{header}");
    for status in [403, 404, 500] {
        kit.emulator.faults().add(Fault::status(status).at(Endpoint::Graph));
    }
    kit.emulator.faults().add(Fault::throttle(Duration::from_secs(7)).at(Endpoint::Graph));
    for expected in [403, 404, 500, 429, 200] {
        let answer = kit.call("/v1.0/me", &token).await;
        assert_eq!(answer.status, expected);
        assert_eq!(answer.headers.get("retry-after").is_some_and(|value| value == "7"), expected == 429);
    }
}

#[tokio::test]
async fn graph_gives_pages_and_changes() {
    let kit = Kit::new();
    let app = kit.emulator.app_token("night-job", "https://graph.microsoft.com");
    let first = kit.call("/v1.0/users?$top=1&$select=id&$count=true", &app).await.json();
    assert_eq!(first["value"][0].as_object().map(serde_json::Map::len), Some(1), "{first}");
    assert!(first["@odata.count"].as_u64() > Some(1));
    let next = first["@odata.nextLink"].as_str().unwrap().replace(kit.emulator.base_url(), "");
    assert_ne!(kit.call(&next, &app).await.json()["value"], first["value"]);
    for (refused, why) in
        [("$skip=1", "not supported"), ("$search=%22displayName:a%22", "eventual consistency")]
    {
        let answer = kit.call(&format!("/v1.0/users?{refused}"), &app).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(why));
    }
    let delta = kit.call("/v1.0/users/delta", &app).await.json();
    let link = delta["@odata.deltaLink"].as_str().unwrap().replace(kit.emulator.base_url(), "");
    kit.emulator.edit(|directory| directory.users.retain(|user| user.name != "bob"));
    let changed = kit.call(&link, &app).await.json();
    assert_eq!(changed["value"][0]["id"], ids::BOB);
    assert!(changed["value"][0]["@removed"].is_object());
    assert_eq!(kit.call("/v1.0/users/delta?$deltatoken=x", &app).await.status, 410);
}
