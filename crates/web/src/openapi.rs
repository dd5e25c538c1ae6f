//! The service's description of itself.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use utoipa::openapi::OpenApi;

/// `GET /openapi.json`, rendered once, here.
///
/// # Panics
///
/// If the document cannot be written as JSON, which no generated one can bring about.
pub fn route(document: OpenApi) -> Router {
    let json = document.to_json().expect("an OpenAPI document has text keys only");
    let json = Bytes::from(json);
    let answer = async move || ([(header::CONTENT_TYPE, "application/json")], json).into_response();
    Router::new().route("/openapi.json", get(answer))
}
