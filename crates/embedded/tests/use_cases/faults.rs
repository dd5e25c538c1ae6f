//! Ports that fail when told to: the process dies before or after a chosen call, and every call
//! after that fails until it is started again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use lmall_app::{
    Changeset,
    ports::{
        CommitError, GateAnswer, GateError, GateSnapshot, GatewayError, IndexQuery, Item, Key,
        Page, PaymentGateway, Query, RefundAnswer, RefundRequest, StockGate, Store, StoreError,
        Watch,
    },
};
use lmall_domain::{OrderId, Sku, stock::Allocation};
use lmall_embedded::{LocalGate, SqliteStore};
use parking_lot::Mutex;

/// What the provider has left of every payment, whatever came: it refuses to give back more.
pub(crate) const LEFT: i64 = 1_400;

/// On which side of a call the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// When the process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crash {
    pub(crate) call: usize,
    pub(crate) moment: Moment,
}

/// Counts port calls and decides which of them the process survives.
#[derive(Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    calls: usize,
    crash: Option<Crash>,
    dead: bool,
    meanwhile: Option<(usize, BoxFuture<'static, ()>)>,
}

/// What becomes of a call.
enum Fate {
    Lives,
    DiesBefore,
    DiesAfter,
}

impl Faults {
    /// Counts from now on; with a crash, that is when the process dies.
    pub(crate) fn arm(&self, crash: Option<Crash>) {
        *self.0.lock() = State { crash, ..State::default() };
    }

    /// Counts from now on; right before that call, this happens.
    pub(crate) fn meanwhile(&self, call: usize, act: impl Future<Output = ()> + Send + 'static) {
        *self.0.lock() = State { meanwhile: Some((call, Box::pin(act))), ..State::default() };
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.lock().calls
    }

    fn fate(&self) -> Fate {
        let mut state = self.0.lock();
        state.calls += 1;
        if state.dead {
            return Fate::DiesBefore;
        }
        let Some(crash) = state.crash.filter(|crash| crash.call == state.calls) else {
            return Fate::Lives;
        };
        state.dead = true;
        match crash.moment {
            Moment::Before => Fate::DiesBefore,
            Moment::After => Fate::DiesAfter,
        }
    }

    /// What happens before the call that was counted last.
    fn due(&self) -> Option<BoxFuture<'static, ()>> {
        let mut state = self.0.lock();
        let calls = state.calls;
        state.meanwhile.take_if(|(call, _)| *call == calls).map(|(_, act)| act)
    }

    /// Runs a call, or dies before or after it.
    async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
        died: impl Fn() -> E + Send,
    ) -> Result<T, E> {
        let fate = self.fate();
        if let Some(act) = self.due() {
            act.await;
        }
        match fate {
            Fate::Lives => call.await,
            Fate::DiesBefore => Err(died()),
            Fate::DiesAfter => {
                call.await?;
                Err(died())
            }
        }
    }
}

/// A store, a gate and a gateway that die together.
pub(crate) struct Faulty {
    pub(crate) faults: Arc<Faults>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) gate: Mutex<Arc<LocalGate>>,
}

fn store_died() -> StoreError {
    StoreError("crashed".into())
}

fn gate_died() -> GateError {
    GateError("crashed".into())
}

impl Faulty {
    fn gate(&self) -> Arc<LocalGate> {
        Arc::clone(&self.gate.lock())
    }
}

#[async_trait]
impl Store for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.faults.call(self.store.get(key), store_died).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.faults.call(self.store.query(query), store_died).await
    }

    async fn query_index(&self, query: &IndexQuery) -> Result<Page, StoreError> {
        self.faults.call(self.store.query_index(query), store_died).await
    }

    async fn commit(&self, changeset: Changeset) -> Result<(), CommitError> {
        // The caller cannot tell a crash after the commit from one before it.
        let died = || CommitError::Unknown("crashed".into());
        self.faults.call(self.store.commit(changeset), died).await
    }
}

#[async_trait]
impl Watch for Faulty {
    async fn changed(&self, key: &Key, seen_version: u64, timeout: Duration) -> bool {
        self.store.changed(key, seen_version, timeout).await
    }
}

#[async_trait]
impl StockGate for Faulty {
    async fn hold(&self, sku: &Sku, id: OrderId, quantity: u32) -> Result<GateAnswer, GateError> {
        self.faults.call(self.gate().hold(sku, id, quantity), gate_died).await
    }

    async fn settle(&self, sku: &Sku, id: OrderId) -> Result<(), GateError> {
        self.faults.call(self.gate().settle(sku, id), gate_died).await
    }

    async fn cancel(&self, sku: &Sku, id: OrderId) -> Result<(), GateError> {
        self.faults.call(self.gate().cancel(sku, id), gate_died).await
    }

    async fn credit(&self, sku: &Sku, bucket: u8, units: i64) -> Result<(), GateError> {
        self.faults.call(self.gate().credit(sku, bucket, units), gate_died).await
    }

    async fn close(&self, sku: &Sku) -> Result<u64, GateError> {
        self.faults.call(self.gate().close(sku), gate_died).await
    }

    async fn open(
        &self,
        sku: &Sku,
        epoch: u64,
        buckets: Vec<(u8, i64)>,
        holds: Vec<(OrderId, Vec<Allocation>)>,
    ) -> Result<bool, GateError> {
        self.faults.call(self.gate().open(sku, epoch, buckets, holds), gate_died).await
    }

    async fn snapshot(&self, sku: &Sku) -> Result<Option<GateSnapshot>, GateError> {
        self.faults.call(self.gate().snapshot(sku), gate_died).await
    }
}

#[async_trait]
impl PaymentGateway for Faulty {
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        let answer = async {
            if request.amount.amount > LEFT {
                return Err(GatewayError::Permanent("the payment has not so much left".to_owned()));
            }
            Ok(RefundAnswer::Accepted)
        };
        self.faults.call(answer, || GatewayError::Transient("crashed".to_owned())).await
    }
}
