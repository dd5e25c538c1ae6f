//! A process that consumes, on a runtime of its own: it can be stopped, and it can die.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    consumer::{self, Consumer, Options, Runtime},
    ports::{NoId, OrderIds},
    shutdown::{self, Trigger},
};
use lmall_domain::OrderId;
use lmall_runtime::TokioSpawn;

use crate::{
    record::{Analytics, Watched},
    services::{Endpoints, Services, Shared},
};

/// How the consumers are run: as on AWS, but for shorter polls.
pub(crate) const OPTIONS: Options = Options {
    batch: 10,
    groups: 16,
    wait: Duration::from_secs(2),
    visibility: Duration::from_secs(30),
};

/// A process in which no order is placed.
pub(crate) struct Nobody;

impl OrderIds for Nobody {
    fn next(&self) -> Result<OrderId, NoId> {
        Err(NoId)
    }
}

/// A process with the consumers of all services.
pub(crate) struct Process {
    runtime: Option<tokio::runtime::Runtime>,
    _stop: Trigger,
    pub(crate) services: Services,
}

impl Process {
    /// Starts one.
    pub(crate) fn start(endpoints: &Endpoints, shared: &Shared, options: Options) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let inside = runtime.enter();
        let services = Services::new(endpoints, shared, Arc::new(Nobody));
        let (trigger, stop) = shutdown::channel();
        let consumers: [Arc<dyn Consumer>; 5] = [
            Arc::new(services.orders.clone()),
            Arc::new(services.inventory.clone()),
            Arc::new(services.payments.clone()),
            Arc::new(services.catalogue.clone()),
            Arc::new(Analytics),
        ];
        for consumer in consumers {
            let consumer = Arc::new(Watched { consumer, log: shared.log.clone() });
            let (bus, clock) = (services.bus.clone(), shared.clock.clone());
            let on = Runtime { bus, clock, spawn: Arc::new(TokioSpawn) };
            runtime.spawn(consumer::run(consumer, on, options, stop.clone()));
        }
        drop(inside);
        Self { runtime: Some(runtime), _stop: trigger, services }
    }
}

impl Drop for Process {
    /// It dies, as with `kill -9`: whatever it does is never finished.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
