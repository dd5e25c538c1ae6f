//! Telling every loop to stop taking new work.

use std::time::Duration;

use tokio::sync::watch;

use crate::ports::Clock;

/// Hears that the process is to stop. Clones hear the same.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Says that the process is to stop; dropping it says so too.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// A trigger and what hears it.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Tells everybody to stop.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether it was said.
    #[must_use]
    pub fn is_fired(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns once it was said.
    pub async fn fired(&mut self) {
        // An error means that the trigger is gone, which says the same.
        let _gone = self.0.wait_for(|fired| *fired).await;
    }

    /// Waits for `duration`; `false` at once when the process is to stop.
    pub async fn pause(&mut self, clock: &dyn Clock, duration: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.fired() => false,
            () = clock.sleep(duration) => true,
        }
    }
}
