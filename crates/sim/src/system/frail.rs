//! A consumer that sometimes cannot do its work.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lmall_app::{
    consumer::{Consumer, HandleError, Incoming},
    topology::Queue,
};
use lmall_domain::Timestamp;

use super::System;
use crate::kernel::{Fault, Site};

/// A message makes its handler fail for so long.
const SICKNESS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(7_200));

/// A handler that is cut off had at most so long: about half of what it needs.
const CUT_AFTER: Duration = Duration::from_millis(40);

/// The shop's own consumer, which fails for some messages, for reasons of its own.
pub(super) struct Frail {
    pub(super) system: Arc<System>,
    pub(super) site: Site,
    pub(super) inner: Arc<dyn Consumer>,
}

#[async_trait]
impl Consumer for Frail {
    fn queue(&self) -> Queue {
        self.inner.queue()
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        let kernel = &self.system.kernel;
        let event_id = incoming.envelope.event_id.clone();
        for fault in [Fault::HandlerFails, Fault::HandlerCut] {
            if kernel.strikes(fault) {
                let (from, to) = SICKNESS;
                let until = kernel.now().after(kernel.between(from, to));
                self.system.sick.lock().insert(event_id.clone(), (fault, until));
            }
        }
        let sickness = self.system.sick.lock().get(&event_id).copied();
        let is_sick = |(_, until): &(Fault, Timestamp)| *until > kernel.now();
        let sickness = sickness.filter(is_sick).filter(|_| kernel.faults_on());
        self.site.note(|| {
            let event = incoming.envelope.event.event_type().name();
            format!("handles {event_id} {event}")
        });
        match sickness {
            None => self.inner.handle(incoming).await,
            Some((Fault::HandlerCut, _)) => {
                let cut = kernel.sleep(kernel.between(Duration::ZERO, CUT_AFTER));
                tokio::select! {
                    biased;
                    () = cut => Err(HandleError::Retry("cut off".to_owned())),
                    done = self.inner.handle(incoming) => done,
                }
            }
            Some(_) => Err(HandleError::Retry("kept from working".to_owned())),
        }
    }
}
