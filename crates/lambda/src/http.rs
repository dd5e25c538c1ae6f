//! Functions that answer HTTP requests.

use axum::Router;

use crate::{
    Aws, FunctionError,
    aws::environment,
    start::{LOG, log},
};

/// Starts a function behind a load balancer.
///
/// It logs as JSON, wires its routes once, and answers requests until the process is ended. The
/// routes are those of the service, as they are in one process with all others.
///
/// # Errors
/// When a setting cannot be used: the process ends, and the platform logs it.
pub async fn serve(
    wire: impl AsyncFnOnce(&Aws) -> Result<Router, FunctionError>,
) -> Result<(), lambda_http::Error> {
    log(&environment("LMALL_LOG").unwrap_or_else(|| LOG.to_owned()))?;
    let aws = Aws::from_env().await?;
    lambda_http::run(wire(&aws).await?).await
}
