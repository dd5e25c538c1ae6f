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

use crate::{catalogue, orders};

/// What this service says of itself; committed as `docs/openapi/order.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall orders",
        description = "Orders, and the catalogue until the product service stands. Money is \
            whole minor units; times are RFC 3339 in UTC; errors are RFC 9457 problems."
    ),
    paths(
        orders::place::place,
        orders::read::list,
        orders::read::get,
        orders::cancel::cancel,
        orders::trail::events,
        catalogue::read::list,
        catalogue::read::get,
        catalogue::put::put,
    ),
    components(schemas(ProblemBody)),
    tags(
        (name = "orders", description = "Orders of the customer who calls"),
        (name = "catalogue", description = "What can be ordered, and at which price"),
    ),
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
        for (name, header, description) in [
            ("customer", "X-Customer-Id", "The customer, as the gateway names them."),
            ("operator", "X-Operator-Token", "The operator's token."),
        ] {
            let key = ApiKey::Header(ApiKeyValue::with_description(header, description));
            components.add_security_scheme(name, SecurityScheme::ApiKey(key));
        }
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
