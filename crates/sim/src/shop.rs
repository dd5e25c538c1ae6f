//! The people around the shop: customers, who do what customers do, and operators.

mod customer;
mod operator;
mod plan;
mod trouble;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;

pub use self::plan::Plan;
use crate::{
    kernel::{Signal, WORLD},
    oracle::Oracle,
    system::System,
};

/// Everybody's surroundings. Clones are the same.
#[derive(Clone)]
pub struct Shop {
    /// The system.
    pub system: Arc<System>,
    /// Who knows the right answer.
    pub oracle: Arc<Oracle>,
    /// What this seed is like.
    pub plan: Arc<Plan>,
    /// Counts what operators say of products: each time it is a newer version.
    versions: Arc<AtomicU32>,
    busy: Arc<AtomicUsize>,
    done: Signal,
}

impl Shop {
    /// A shop without anybody in it.
    #[must_use]
    pub fn new(system: Arc<System>, oracle: Arc<Oracle>, plan: Arc<Plan>) -> Self {
        let (versions, busy) = (Arc::default(), Arc::default());
        Self { system, oracle, plan, versions, busy, done: Signal::default() }
    }

    /// Fills the shelves, then lets customers and operators do what they want, and returns when
    /// all of them are done.
    pub async fn run(&self) {
        operator::open(self).await;
        for number in 0..self.plan.orders {
            self.visit(customer::visit(self.clone(), number));
        }
        for number in 0..self.plan.operator_actions {
            self.visit(operator::act(self.clone(), number));
        }
        self.empty().await;
    }

    /// Customers come back, long after: with the idempotency keys that they used before.
    pub async fn come_back(&self) {
        for number in 0..self.plan.orders.min(5) {
            self.visit(customer::come_back(self.clone(), number));
        }
        self.empty().await;
    }

    /// Operators replay what is dead and can live.
    pub async fn replay_dead_letters(&self) {
        operator::replay(self).await;
    }

    fn visit(&self, visit: impl Future<Output = ()> + Send + 'static) {
        self.busy.fetch_add(1, Relaxed);
        let (busy, done) = (Arc::clone(&self.busy), self.done.clone());
        let visit: BoxFuture<'static, ()> = Box::pin(async move {
            visit.await;
            busy.fetch_sub(1, Relaxed);
            done.notify();
        });
        self.system.kernel.spawn(WORLD, visit);
    }

    async fn empty(&self) {
        let kernel = &self.system.kernel;
        while self.busy.load(Relaxed) > 0 {
            self.done.wait_until(kernel, kernel.elapsed() + Duration::from_secs(60)).await;
        }
    }
}
