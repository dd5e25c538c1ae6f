//! `/v1/customers/me`: what is kept of who calls.

pub(crate) mod account;
pub(crate) mod addresses;
pub(crate) mod email;
pub(crate) mod leave;
pub(crate) mod merge;
pub(crate) mod password;
pub(crate) mod preferences;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::desk::Desk;

pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/v1/customers/me", get(account::read).patch(account::change).delete(leave::erase))
        .route("/v1/customers/me/activities", get(account::activities))
        .route("/v1/customers/me/addresses", get(addresses::list))
        .route("/v1/customers/me/addresses/{id}", put(addresses::put).delete(addresses::remove))
        .route("/v1/customers/me/email", post(email::request))
        .route("/v1/customers/me/export", get(leave::export))
        .route("/v1/customers/me/merges", post(merge::merge))
        .route("/v1/customers/me/password", post(password::change))
        .route("/v1/customers/me/preferences", get(preferences::read).put(preferences::put))
}
