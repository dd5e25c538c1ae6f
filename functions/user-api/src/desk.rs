//! What the routes work with.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use lmall_app::customer::{
    ChangeError, Customers, InvalidEmail, InvalidPassword, Password, parse_email,
};
use lmall_domain::customer::{Email, Rejection};
use lmall_web::Problem;

use crate::{KeyRing, oidc::IdentityProviders};

/// The state of the router.
pub(crate) type Desk = Arc<Parts>;

/// What a [`Desk`] gives access to.
pub(crate) struct Parts {
    pub(crate) customers: Customers,
    pub(crate) keys: KeyRing,
    pub(crate) providers: IdentityProviders,
}

/// 429: not before this is over.
pub(crate) fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Problem::rate_limited().retry_after(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
}

/// 401: what was shown opens nothing.
pub(crate) fn not_let_in() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "not-let-in", "What was shown does not open this")
}

/// An address at this place of the body.
pub(crate) fn email(text: &str, pointer: &str) -> Result<Email, Problem> {
    parse_email(text)
        .map_err(|error: InvalidEmail| Problem::invalid().error(pointer, error.to_string()))
}

/// A password that somebody shows, at this place of the body.
pub(crate) fn shown(text: String, pointer: &str) -> Result<Password, Problem> {
    Password::shown(text).map_err(|error| bad_password(error, pointer))
}

/// A password that somebody wants, at this place of the body.
pub(crate) fn chosen(text: String, pointer: &str) -> Result<Password, Problem> {
    Password::chosen(text).map_err(|error| bad_password(error, pointer))
}

fn bad_password(error: InvalidPassword, pointer: &str) -> Problem {
    Problem::invalid().error(pointer, error.to_string())
}

/// Why an account stays as it is, as its owner reads it.
pub(crate) fn unchanged(error: ChangeError) -> Problem {
    match error {
        ChangeError::Unknown => Problem::not_found(),
        ChangeError::WrongPassword => not_let_in(),
        ChangeError::TooMany(wait) => too_many(wait),
        ChangeError::Rejected(rejection) => rejected(rejection),
        ChangeError::Failed(failure) => failure.into(),
    }
}

/// A rule that says no.
pub(crate) fn rejected(rejection: Rejection) -> Problem {
    let (slug, title) = match rejection {
        Rejection::Gone => return Problem::not_found(),
        Rejection::TooMany => ("too-many", "There are as many as one customer may have"),
        Rejection::Unchanged => ("unchanged", "It is so already"),
        Rejection::NotMergeable => ("not-mergeable", "The accounts cannot be merged"),
        Rejection::NotAwaited => ("not-awaited", "Nothing waits for this answer"),
    };
    Problem::new(StatusCode::CONFLICT, slug, title)
}
