//! `GET /.well-known/jwks.json`.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;

use crate::{desk::Desk, key_ring::KeySet};

/// For how long the keys may be kept: less than a new one is published before it signs.
const MAX_AGE: &str = "public, max-age=300";

pub(crate) fn routes() -> Router<Desk> {
    Router::new().route("/.well-known/jwks.json", get(read))
}

/// Read the keys that access tokens are verified with.
///
/// A new key is here an hour before it signs, and an old one until its last token has ended.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_keys",
    tag = "sessions",
    responses((status = 200, description = "a JSON Web Key Set", body = KeySet)),
)]
pub(crate) async fn read(State(desk): State<Desk>) -> Response {
    let keys = desk.keys.published(desk.customers.clock.now());
    ([(header::CACHE_CONTROL, MAX_AGE)], Json(KeySet { keys })).into_response()
}
