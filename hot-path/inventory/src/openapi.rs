//! The OpenAPI document of this service.

use lmall_web::{ProblemBody, problem};
use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        Content, Header, ObjectBuilder, OpenApi, Ref, RefOr, Response,
        schema::Type,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::stock;

/// What this service says of itself; committed as `docs/openapi/inventory.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall inventory",
        description = "The stock ledger. Errors are RFC 9457 problems."
    ),
    paths(stock::level::get, stock::change::receive, stock::change::adjust),
    components(schemas(ProblemBody)),
    tags((name = "inventory", description = "What is there, what came in, what was written off")),
    modifiers(&Identities, &Conventions),
)]
struct Document;

/// How callers say who they are.
struct Identities;

/// What every answer has: a request id, and a problem where it says no.
struct Conventions;

impl Modify for Identities {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = ApiKeyValue::with_description("X-Operator-Token", "The operator's token.");
        components.add_security_scheme("operator", SecurityScheme::ApiKey(ApiKey::Header(token)));
    }
}

impl Modify for Conventions {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post];
            for operation in operations.into_iter().flatten() {
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response {
                        complete(status, response);
                    }
                }
            }
        }
    }
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
