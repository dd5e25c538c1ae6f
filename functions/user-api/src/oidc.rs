//! Who comes from an identity provider: `OpenID` Connect, authorization code with PKCE.
//!
//! The browser is sent to the provider with a state, a nonce and a challenge, and keeps what they
//! belong to in a cookie; it comes back with a code and the same state. The cookie needs no
//! signature: who could set one in somebody's browser could set one that we made, too. What keeps
//! others from setting it is its name, `__Host-…`, which a browser takes from this very host only.

mod cookie;
mod http_client;
mod provider;
mod providers;
pub(crate) mod routes;

pub use providers::{BadProviders, IdentityProviders};
pub(crate) use routes::routes;
