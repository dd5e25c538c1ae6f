//! From the start of a process to its calls.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use lmall_app::failure::chain;
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument;
use tracing_subscriber::EnvFilter;

use crate::{
    Aws, FunctionError,
    aws::{bad, environment},
};

/// What is logged when `LMALL_LOG` says nothing.
pub(crate) const LOG: &str = "info";

/// Starts a function: logs as JSON, wires its parts once, and serves calls until the process is
/// ended. A call that panics is a failed call; the process goes on.
///
/// # Errors
/// When a setting cannot be used: the process ends, and the platform logs it.
pub async fn start<P, I, O>(
    wire: impl FnOnce(&Aws) -> Result<P, FunctionError>,
    handle: impl AsyncFn(I, &P) -> Result<O, FunctionError>,
) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
{
    start_async(async move |aws| wire(aws), handle).await
}

/// [`start`], for parts that are not there at once, such as secrets.
///
/// # Errors
/// Likewise.
pub async fn start_async<P, I, O>(
    wire: impl AsyncFnOnce(&Aws) -> Result<P, FunctionError>,
    handle: impl AsyncFn(I, &P) -> Result<O, FunctionError>,
) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned,
    O: Serialize,
{
    let filter = environment("LMALL_LOG").unwrap_or_else(|| LOG.to_owned());
    log(&filter)?;
    let parts = Arc::new(wire(&Aws::from_env().await?).await?);
    let handle = &handle;
    lambda_runtime::run(service_fn(move |call: LambdaEvent<I>| {
        let parts = Arc::clone(&parts);
        let span = tracing::info_span!("call", aws.request_id = call.context.request_id);
        let answer = async move {
            let answer = handle(call.payload, &parts).await;
            if let Err(error) = &answer {
                tracing::error!(error = chain(error), "the call failed");
            }
            answer
        };
        answer.instrument(span)
    }))
    .await
}

/// Logs to standard output, one JSON object a line: a panic too, because its own text would be
/// lost among the lines of the platform.
pub(crate) fn log(filter: &str) -> Result<(), FunctionError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| bad(format!("LMALL_LOG: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let lines = lines.json().flatten_event(true).with_span_list(false);
    lines.try_init().map_err(bad)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic.place = place, panic.text = panic.payload_as_str(), "panicked");
    }));
    Ok(())
}
