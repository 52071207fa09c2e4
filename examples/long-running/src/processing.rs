//! Takes work from a user, while they are here.

use axum::{
    Json,
    extract::{Path, State},
};
use entra_abstractions::{AcquireToken, SessionKey};
use entra_downstream_api::Api;
use entra_token_acquisition::TokenAcquirer;
use entra_web_api::{AuthenticatedUser, Problem};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::queue::{Queue, Row};

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) partner: Api,
    pub(crate) tokens: TokenAcquirer,
    pub(crate) queue: Queue,
}

/// An explicit key: the work item has an id already, and its session is named by it.
///
/// Unlike .NET's sample, which names the key for the first time in the background task, when there
/// is neither a user nor a session of this name.
pub(crate) async fn start(
    user: AuthenticatedUser,
    State(desk): State<Desk>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let id = Uuid::new_v4().to_string();
    let key = SessionKey::new(id.as_str())?;
    // Nothing is called yet: this only begins the session.
    let mut begun = desk.partner.on_behalf_of(&user).keep_as(key.clone());
    desk.tokens.acquire(begun.as_mut()).await?;
    desk.queue.add(Row::new(&id, owner(&user), &key, None));
    Ok((StatusCode::ACCEPTED, Json(json!({ "process_id": id, "status": "started" }))))
}

/// An allocated key: random, known before the call, and nobody writes into anybody's options.
///
/// Unlike .NET's sample, the key is not told to the client: it opens the user's session.
pub(crate) async fn start_with_allocated_key(
    user: AuthenticatedUser,
    State(desk): State<Desk>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let key = SessionKey::allocate();
    let api = desk.partner.on_behalf_of(&user).keep_as(key.clone());
    let data: Value = api.get("api/process/data").json().await?;
    let id = Uuid::new_v4().to_string();
    desk.queue.add(Row::new(&id, owner(&user), &key, Some(data)));
    Ok((StatusCode::ACCEPTED, Json(json!({ "process_id": id, "status": "started" }))))
}

/// How the work stands; to everybody but its owner it does not exist.
pub(crate) async fn status(
    user: AuthenticatedUser,
    Path(id): Path<String>,
    State(desk): State<Desk>,
) -> Result<Json<Value>, Problem> {
    match desk.queue.row(&id) {
        Some(row) if row.owner == owner(&user) => {
            Ok(Json(json!({ "process_id": row.id, "status": row.status })))
        }
        _ => Err(Problem::status(StatusCode::NOT_FOUND)),
    }
}

fn owner(user: &AuthenticatedUser) -> String {
    user.object_id().map(ToString::to_string).unwrap_or_default()
}
