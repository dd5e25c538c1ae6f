//! The user service's HTTP routes: accounts, sessions, and what is kept of a person.
//!
//! This crate promises that a route does three things: decode the request, call one use case of
//! `lmall-app`, and turn its outcome into an answer with one `match`. Who is not signed in learns
//! nothing of whether there is an account under an address: not from what is answered, nor from
//! how long it takes.
//!
//! It must never decide who may have what, reach into a store, log a body, a token or an address,
//! or sign with a key that is not published.
//!
//! To add a route:
//!
//! 1. Write the handler in the file of its group, with its `#[utoipa::path]`: every status.
//! 2. Add it to the group's `routes` and to `paths` in `openapi.rs`.
//! 3. Run the test `the_committed_document_is_the_generated_one` with `UPDATE_OPENAPI=1`.

mod accounts;
mod caller;
mod desk;
mod jwks;
mod key_ring;
mod me;
mod oidc;
mod openapi;
mod order_service;
mod sessions;

use axum::Router;
use lmall_app::customer::Customers;

pub use key_ring::{KeyRing, UnusableKeys};
pub use oidc::{BadProviders, IdentityProviders};
pub use openapi::openapi;
pub use order_service::OrderService;

use crate::desk::{Desk, Parts};

/// The routes.
pub fn router(customers: Customers, keys: KeyRing, providers: IdentityProviders) -> Router {
    let desk = Desk::new(Parts { customers, keys, providers });
    Router::new()
        .merge(accounts::routes())
        .merge(sessions::routes())
        .merge(me::routes())
        .merge(oidc::routes())
        .merge(jwks::routes())
        .with_state(desk)
}
