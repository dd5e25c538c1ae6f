//! Functions: a process for each call, which ends with it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::kernel::{Kernel, Site};

/// How long a function may run.
pub(super) const TIME_OUT: Duration = Duration::from_secs(300);

/// Calls a function; `None` when it died or ran out of time.
pub(super) async fn invoke<T: Send + 'static>(
    kernel: &Kernel,
    name: &str,
    work: impl FnOnce(Site) -> BoxFuture<'static, T>,
) -> Option<T> {
    let site = kernel.process(name);
    let process = site.process;
    let (done, mut finished) = oneshot::channel();
    let work = work(site);
    kernel.spawn(
        process,
        Box::pin(async move {
            done.send(work.await).ok();
        }),
    );
    let result = tokio::select! {
        biased;
        result = &mut finished => result.ok(),
        () = kernel.sleep(TIME_OUT) => None,
    };
    kernel.end(process);
    result
}
