//! The OpenAPI document of this service.

use lmall_web::openapi::{Conventions, CustomerIdentity};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::{accounts, jwks, me, oidc, sessions};

/// What this service says of itself; committed as `docs/openapi/user.json`.
#[must_use]
pub fn openapi() -> OpenApi {
    Document::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "LMall customers",
        description = "Accounts, sessions, and what is kept of a person. Times are RFC 3339 in \
            UTC; errors are RFC 9457 problems."
    ),
    paths(
        accounts::register,
        accounts::request_verification,
        accounts::verify,
        accounts::request_reset,
        accounts::reset,
        accounts::change_email,
        sessions::log_in,
        sessions::refresh,
        sessions::list,
        sessions::log_out,
        sessions::log_out_everywhere,
        sessions::end,
        oidc::routes::list,
        oidc::routes::begin,
        oidc::routes::finish,
        jwks::read,
        me::account::read,
        me::account::change,
        me::account::activities,
        me::addresses::list,
        me::addresses::put,
        me::addresses::remove,
        me::preferences::read,
        me::preferences::put,
        me::password::change,
        me::email::request,
        me::merge::merge,
        me::leave::export,
        me::leave::erase,
    ),
    tags(
        (name = "accounts", description = "Registration, and answers to mails"),
        (name = "sessions", description = "Logging in, going on, logging out"),
        (name = "me", description = "What is kept of the customer who calls"),
    ),
    modifiers(&CustomerIdentity, &Conventions),
)]
struct Document;
