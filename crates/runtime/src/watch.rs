//! Waiting for a row, until the process is to stop.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    ports::{Key, Watch},
    shutdown::Shutdown,
};

/// A watch that nobody is kept waiting by, once no more requests are taken.
pub struct StoppingWatch {
    watch: Arc<dyn Watch>,
    intake: Shutdown,
}

impl StoppingWatch {
    /// The watch, until `intake` is fired.
    #[must_use]
    pub fn new(watch: Arc<dyn Watch>, intake: Shutdown) -> Self {
        Self { watch, intake }
    }
}

#[async_trait]
impl Watch for StoppingWatch {
    async fn changed(&self, key: &Key, seen_version: u64, timeout: Duration) -> bool {
        let mut intake = self.intake.clone();
        tokio::select! {
            biased;
            () = intake.fired() => false,
            going_on = self.watch.changed(key, seen_version, timeout) => going_on,
        }
    }
}
