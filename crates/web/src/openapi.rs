//! What services say of themselves: the parts that their OpenAPI documents share.
//!
//! A service derives its document with [`Conventions`], and with [`CustomerIdentity`] and
//! [`OperatorIdentity`] as far as its routes ask for them, as `modifiers`.

use axum::{
    Router,
    response::{IntoResponse, Response as Answer},
    routing::get,
};
use bytes::Bytes;
use http::header;
use utoipa::{
    Modify, OpenApi as _, PartialSchema, ToSchema,
    openapi::{
        Content, Header, ObjectBuilder, OpenApi, Ref, RefOr, Response,
        schema::Type,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::{
    health,
    problem::{self, ProblemBody},
};

/// How a customer says who they are: the scheme `customer`.
#[derive(Clone, Copy, Debug)]
pub struct CustomerIdentity;

/// How an operator says so: the scheme `operator`.
#[derive(Clone, Copy, Debug)]
pub struct OperatorIdentity;

/// What every answer has: a request id, and a problem where it says no.
#[derive(Clone, Copy, Debug)]
pub struct Conventions;

// What routes answer when they say no. Each route names what it can meet among its `responses`,
// after what is its own. The texts below are in the documents.

/// A body that is none.
#[derive(utoipa::IntoResponses)]
pub enum BodyRefused {
    /// `/problems/malformed`: not JSON
    #[response(status = 400)]
    Malformed,
    /// `/problems/payload-too-large`: over 256 KiB
    #[response(status = 413)]
    TooLarge,
    /// `/problems/unsupported-media-type`: not JSON
    #[response(status = 415)]
    OfAnotherType,
}

/// A query that is none.
#[derive(utoipa::IntoResponses)]
pub enum QueryRefused {
    /// `/problems/malformed`: an ill-encoded query
    #[response(status = 400)]
    Malformed,
}

/// A request that has to be a customer's.
#[derive(utoipa::IntoResponses)]
pub enum CustomerRefused {
    /// `/problems/unauthenticated`: no customer
    #[response(status = 401)]
    Unknown,
}

/// A request that has to be an operator's.
#[derive(utoipa::IntoResponses)]
pub enum OperatorRefused {
    /// `/problems/unauthenticated`: no operator token
    #[response(status = 401)]
    Unknown,
    /// `/problems/forbidden`: another operator token
    #[response(status = 403)]
    NotLetIn,
}

/// A fault of ours.
#[derive(utoipa::IntoResponses)]
pub enum Fault {
    /// `/problems/internal`
    #[response(status = 500)]
    Internal,
    /// `/problems/unavailable`
    #[response(status = 503)]
    Unavailable,
}

/// The routes that every service has, to be merged into its document.
#[must_use]
pub fn service() -> OpenApi {
    Service::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    paths(health::alive, health::readiness, health::scrape, document),
    tags((name = "service", description = "How the service is, and what it offers")),
    modifiers(&Conventions),
)]
struct Service;

/// `GET /openapi.json`, rendered once, here.
///
/// # Panics
///
/// If the document cannot be written as JSON, which no generated one can bring about.
pub fn route(document: OpenApi) -> Router {
    served(document.to_json().expect("an OpenAPI document has text keys only").into())
}

/// `GET /openapi.json`, of a document that was written before.
pub fn written(json: &'static str) -> Router {
    served(Bytes::from_static(json.as_bytes()))
}

fn served(json: Bytes) -> Router {
    let rendered = Rendered(json);
    Router::new().route("/openapi.json", get(async move || self::document(rendered)))
}

/// A document as text; with a type of its own, so that utoipa does not take it for a body.
#[derive(Clone)]
struct Rendered(Bytes);

/// Read this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "get_openapi",
    tag = "service",
    responses((status = 200, description = "an OpenAPI 3.1 document", body = serde_json::Value)),
)]
fn document(Rendered(json): Rendered) -> Answer {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

impl Modify for CustomerIdentity {
    fn modify(&self, document: &mut OpenApi) {
        add_header_key(
            document,
            "customer",
            "X-Customer-Id",
            "The customer, as the gateway names them.",
        );
    }
}

impl Modify for OperatorIdentity {
    fn modify(&self, document: &mut OpenApi) {
        add_header_key(document, "operator", "X-Operator-Token", "The operator's token.");
    }
}

impl Modify for Conventions {
    fn modify(&self, document: &mut OpenApi) {
        // utoipa writes a licence without a name for a package that has none.
        document.info.license.take_if(|license| license.name.is_empty());
        for item in document.paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response {
                        complete(status, response);
                    }
                }
            }
        }
        let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
        ProblemBody::schemas(&mut schemas);
        document.components.get_or_insert_default().schemas.extend(schemas);
    }
}

fn add_header_key(document: &mut OpenApi, scheme: &str, header: &str, description: &str) {
    let key = ApiKey::Header(ApiKeyValue::with_description(header, description));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(scheme, SecurityScheme::ApiKey(key));
}

fn complete(status: &str, response: &mut Response) {
    let mut header = |name: &str, kind: Type, description: &str| {
        let mut header = Header::new(ObjectBuilder::new().schema_type(kind));
        header.description = Some(description.to_owned());
        response.headers.insert(name.to_owned(), header.into());
    };
    header("X-Request-Id", Type::String, "the id that was sent, or the one that was made");
    if status == "503" {
        header("Retry-After", Type::Integer, "seconds to wait before trying again");
    }
    if status.starts_with(['4', '5']) && response.content.is_empty() {
        let body = Content::new(Some(Ref::from_schema_name("ProblemBody")));
        response.content.insert(problem::CONTENT_TYPE.to_owned(), body.into());
    }
}
