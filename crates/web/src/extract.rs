//! Extractors whose every rejection is a [`Problem`](crate::Problem).
//!
//! To add one for a header: implement `FromRequestParts` with `Rejection = Problem`, look at
//! *all* values of the header (two that disagree must not let anybody in), and add its rows to
//! `tests/web/extractors.rs`.

mod body;
mod headers;
mod operator;
mod prefer;
mod uri;
mod violation;

pub use body::{ApiJson, BODY_LEN_MAX, RawBody};
pub use headers::{AdmissionToken, CustomerId, IdempotencyKey, X_ADMISSION_TOKEN, X_CUSTOMER_ID};
pub use operator::{Guarded, Operator, OperatorToken, X_OPERATOR_TOKEN};
pub use prefer::{PREFER_WAIT_MAX, PreferWait};
pub use uri::{ApiPath, ApiQuery};
