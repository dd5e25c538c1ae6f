//! Requests from outside: a load balancer in front of the services.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::BoxFuture;
use lmall_app::{order::Orders, payment::Payments, stock::Inventory};
use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::oneshot;

use super::System;
use crate::kernel::{Fault, ProcessId, Site};

/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that can be asked.
pub trait Service: Clone + Send + 'static {
    /// Its place behind the doors.
    fn behind(doors: &Inner) -> &BTreeMap<ProcessId, (Site, Self)>;
}

/// Where each service that runs can be asked.
#[derive(Default)]
pub struct Doors(Mutex<Inner>);

/// The services, by process.
#[derive(Default)]
pub struct Inner {
    orders: BTreeMap<ProcessId, (Site, Orders)>,
    inventory: BTreeMap<ProcessId, (Site, Inventory)>,
    payments: BTreeMap<ProcessId, (Site, Payments)>,
}

impl Service for Orders {
    fn behind(doors: &Inner) -> &BTreeMap<ProcessId, (Site, Self)> {
        &doors.orders
    }
}

impl Service for Inventory {
    fn behind(doors: &Inner) -> &BTreeMap<ProcessId, (Site, Self)> {
        &doors.inventory
    }
}

impl Service for Payments {
    fn behind(doors: &Inner) -> &BTreeMap<ProcessId, (Site, Self)> {
        &doors.payments
    }
}

impl Doors {
    pub(super) fn open_orders(&self, site: &Site, orders: Orders) {
        self.0.lock().orders.insert(site.process, (site.clone(), orders));
    }

    pub(super) fn open_inventory(&self, site: &Site, inventory: Inventory) {
        self.0.lock().inventory.insert(site.process, (site.clone(), inventory));
    }

    pub(super) fn open_payments(&self, site: &Site, payments: Payments) {
        self.0.lock().payments.insert(site.process, (site.clone(), payments));
    }

    pub(super) fn close(&self, process: ProcessId) {
        let mut doors = self.0.lock();
        doors.orders.remove(&process);
        doors.inventory.remove(&process);
        doors.payments.remove(&process);
    }
}

impl System {
    /// Asks one of the processes of a service, as a client over the network would. `None` is no
    /// answer: it may have been carried out, or may still be.
    pub async fn ask<S: Service, T: Send + 'static>(
        &self,
        work: impl FnOnce(S) -> BoxFuture<'static, T> + Send + 'static,
    ) -> Option<T> {
        let chosen = {
            let doors = self.doors.0.lock();
            let open = S::behind(&doors);
            let index = self.kernel.draw(|rng| rng.random_range(0..open.len().max(1)));
            open.values().nth(index).cloned()
        };
        let Some((site, service)) = chosen else {
            self.kernel.sleep(Duration::from_secs(1)).await;
            return None;
        };
        let (answer, mut answered) = oneshot::channel();
        let (kernel, process) = (self.kernel.clone(), site.process);
        kernel.spawn(
            process,
            Box::pin(async move {
                site.hop("request").await;
                let done = work(service).await;
                site.hop("answer").await;
                // Whoever asked may have gone.
                answer.send(done).ok();
            }),
        );
        let answer = tokio::select! {
            biased;
            answer = &mut answered => answer.ok(),
            () = self.kernel.sleep(PATIENCE) => None,
        };
        answer.filter(|_| !self.kernel.strikes(Fault::AnswerLost))
    }
}
