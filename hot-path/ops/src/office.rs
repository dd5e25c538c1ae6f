//! What the routes work with.

use std::sync::Arc;

use lmall_app::{
    ops::{audit::Auditor, dead_letters::Replayer},
    ports::{Clock, DeadLetters, Scan, Store},
};
use lmall_web::Guarded;

/// The state of the router.
pub(crate) type Office = Guarded<Parts>;

/// What the operator service works with.
#[derive(Clone)]
pub struct Parts {
    /// The rows, one by one.
    pub store: Arc<dyn Store>,
    /// The rows, all of them.
    pub scan: Arc<dyn Scan>,
    /// The messages that could not be processed, and how many wait.
    pub letters: Arc<dyn DeadLetters>,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

impl Parts {
    pub(crate) fn auditor(&self) -> Auditor {
        let Self { store, scan, letters, clock } = self.clone();
        Auditor { store, scan, letters, clock }
    }

    pub(crate) fn replayer(&self) -> Replayer {
        Replayer::new(self.letters.clone(), self.clock.clone())
    }
}
