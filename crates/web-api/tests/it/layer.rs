//! The layer, the extractor and the answers, as a caller sees them.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, header::WWW_AUTHENTICATE},
    routing::get,
};
use bytes::Bytes;
use entra_abstractions::{TokenRequest, UserAssertion, testing::assert_no_secrets};
use entra_web_api::{AuthenticatedUser, Problem, Require, TokenValidator};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};

use crate::entra::{Entra, TENANT};

async fn who(user: Option<AuthenticatedUser>) -> String {
    user.and_then(|user| user.name().map(str::to_owned)).unwrap_or_else(|| "nobody".into())
}

async fn needs(user: AuthenticatedUser) -> Result<String, Problem> {
    user.require(&Require::scope("Orders.Write"))?;
    Ok(who(Some(user)).await)
}

fn app(validator: &TokenValidator) -> Router {
    Router::new()
        .route("/user", get(who))
        .route("/scope", get(who).layer(validator.require(Require::any_scope(["Orders.Read", "x"]))))
        .route(
            "/admin",
            get(who).layer(validator.require(Require::role("Admin")).require(Require::scope("x"))),
        )
        .route("/needs", get(needs))
        .layer(validator.layer())
        .route("/open", get(who).layer(validator.layer().optional()))
        .route("/asks", get(needs).layer(validator.layer().optional()))
        .route("/bare", get(needs))
}

async fn call(app: &Router, path: &str, authorization: &[&str]) -> (u16, Option<String>, String) {
    let mut request = Request::get(path);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn answers() {
    let entra = Entra::start().await;
    let app = app(&entra.validator());
    let good = format!("Bearer {}", entra.token(0, &json!({})));
    let expired = format!("Bearer {}", entra.token(0, &json!({"nbf": 0, "exp": 1})));
    let status = async |path: &str, authorization: &[&str]| {
        let (status, challenge, _) = call(&app, path, authorization).await;
        (status, challenge.map(|challenge| challenge.contains("error=\"invalid_token\"")))
    };
    for path in ["/user", "/scope", "/open"] {
        assert_eq!(status(path, &[&good]).await, (200, None), "{path}");
    }
    assert_eq!(status("/admin", &[&good]).await, (403, None));
    assert_eq!(status("/needs", &[&good]).await, (403, None));
    for path in ["/user", "/scope", "/admin", "/needs", "/asks"] {
        assert_eq!(status(path, &[]).await, (401, Some(false)), "{path}");
        assert_eq!(status(path, &[&expired]).await, (401, Some(true)), "{path}");
    }
    assert_eq!(call(&app, "/open", &[&expired]).await, (200, None, "nobody".into()));
    assert_eq!(call(&app, "/open", &[&good]).await, (200, None, "Zoë O'Neil".into()));
    assert_eq!(status("/bare", &[&good]).await, (500, None));
}

#[tokio::test]
async fn headers() {
    let entra = Entra::start().await;
    let app = app(&entra.validator());
    let token = entra.token(0, &json!({}));
    let status = async |authorization: &[&str]| {
        let (status, challenge, _) = call(&app, "/user", authorization).await;
        (status, challenge.is_some_and(|challenge| challenge.contains("invalid_token")))
    };
    for good in [format!("bEARER {token}"), format!("Bearer  \t {token}")] {
        assert_eq!(status(&[&good]).await, (200, false), "{good}");
    }
    for none in
        ["", "Bearer", "Bearer   ", "Basic eDp5", &format!("DPoP {token}"), &format!("Bearer\t{token}")]
    {
        assert_eq!(status(&[none]).await, (401, false), "{none}");
    }
    for bad in ["Bearer x", &format!("Bearer \"{token}\""), &format!("Bearer {token}, Bearer {token}")] {
        assert_eq!(status(&[bad]).await, (401, true), "{bad}");
    }
    let bearer = format!("Bearer {token}");
    assert_eq!(status(&[&bearer, &bearer]).await, (401, true));
    assert_eq!(status(&["Basic eDp5", &bearer]).await, (401, false));
}

#[tokio::test]
async fn strangers_at_once_are_all_refused() {
    let entra = Entra::start().await;
    let app = app(&entra.validator());
    let good = format!("Bearer {}", entra.token(0, &json!({})));
    let foreign = format!("Bearer {}", entra.token(0, &json!({"aud": "another"})));
    let callers: Vec<_> = (0..200)
        .map(|number| {
            let (app, good, foreign) = (app.clone(), good.clone(), foreign.clone());
            tokio::spawn(async move {
                let authorization: &[&str] = match number % 4 {
                    0 => &[],
                    1 => &["Bearer x.y.z"],
                    2 => &[&foreign],
                    _ => &[&good],
                };
                (number % 4, call(&app, "/user", authorization).await.0)
            })
        })
        .collect();
    for caller in callers {
        let (kind, status) = caller.await.unwrap();
        assert_eq!(status, if kind == 3 { 200 } else { 401 });
    }
}

#[tokio::test]
async fn no_answer_and_no_debug_text_repeats_the_token() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let app = app(&validator);
    let token = entra.token(0, &json!({"scp": "", "preferred_username": "zoë.o'neil@contoso.example"}));
    let (status, challenge, body) = call(&app, "/user", &[&format!("Bearer {token}")]).await;
    assert_eq!(status, 401);
    let user = validator.validate(&entra.token(0, &json!({}))).await.unwrap();
    let printed = format!("{challenge:?} {body} {user:?} {:?}", validator.validate(&token).await);
    assert_no_secrets(&printed, token.split('.').chain(["zoë", "Zoë", "O'Neil"]));
}

#[tokio::test]
async fn the_user_goes_on_behalf_of() {
    let entra = Entra::start().await;
    let token = entra.token(0, &json!({"xms_sub_fct": "2 13", "xms_par_app_azp": "blueprint"}));
    let user = entra.validator().validate(&token).await.unwrap();
    assert_eq!(user.tenant_id().as_str(), TENANT);
    assert_eq!(user.object_id().unwrap().as_str(), "22223333-cccc-4444-dddd-5555eeee6666");
    assert_eq!(user.scopes().collect::<Vec<_>>(), ["access_as_user", "Orders.Read"]);
    assert!(user.is_agent_user() && !user.is_app_only());
    assert_eq!(user.parent_agent_blueprint(), Some("blueprint"));
    assert_eq!(user.claims()["ver"], "2.0");
    let assertion: &UserAssertion = user.as_ref();
    assert_eq!(assertion.token().expose(), token);
    let scopes = entra_abstractions::Scopes::try_from("api://next/.default").unwrap();
    let request = TokenRequest::on_behalf_of(scopes, &user);
    assert!(!format!("{request:?}").contains(&token));
}

#[tokio::test]
async fn applications_and_odd_facets() {
    let entra = Entra::start().await;
    let validator = entra.validator();
    let user = async |changes: Value| validator.validate(&entra.token(0, &changes)).await.unwrap();
    let daemon = user(json!({"idtyp": "app", "scp": null, "roles": ["A B", "C"]})).await;
    assert!(daemon.is_app_only() && !daemon.is_agent_user());
    assert!(daemon.require(&Require::app_permission("B")).is_ok());
    assert!(daemon.require(&Require::role("B")).is_err());
    assert!(daemon.require(&Require::role("A B").and(Require::role("C"))).is_ok());
    assert!(daemon.require(&Require::any_scope(Vec::<String>::new())).is_err());
    assert!(user(json!({"scp": null, "roles": "C"})).await.is_app_only());
    for facets in ["13 x", "1 2", "", "113"] {
        assert!(!user(json!({ "xms_sub_fct": facets })).await.is_agent_user(), "{facets:?}");
    }
    assert!(user(json!({"xms_sub_fct": " 1 \t 13  "})).await.is_agent_user());
    assert_eq!(user(json!({})).await.parent_agent_blueprint(), None);
}

#[tokio::test]
async fn any_tower_service_will_do() {
    let entra = Entra::start().await;
    let service =
        ServiceBuilder::new().layer(entra.validator().layer()).service_fn(async |request: Request<()>| {
            let is_known = request.extensions().get::<AuthenticatedUser>().is_some();
            Ok::<_, Infallible>(Response::new(Bytes::from(is_known.to_string())))
        });
    let token = format!("Bearer {}", entra.token(0, &json!({})));
    let request = Request::get("/").header("authorization", token).body(()).unwrap();
    assert_eq!(service.clone().oneshot(request).await.unwrap().body(), "true");
    let refused = service.oneshot(Request::get("/").body(()).unwrap()).await.unwrap();
    assert_eq!(refused.status(), 401);
}
