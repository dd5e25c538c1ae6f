//! What was asked of AWS, and what it cost.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
            dyn_dispatch_hint,
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use parking_lot::{Mutex, RwLock};

/// Counts requests by service and operation, and the capacity that DynamoDB says they took.
///
/// It is on the hot path: a request takes a shared lock and two additions.
#[derive(Debug, Default)]
pub struct Meter {
    operations: RwLock<Vec<Operation>>,
    /// Half units by table: DynamoDB counts in halves.
    capacity: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug)]
struct Operation {
    service: String,
    name: String,
    requests: AtomicU64,
    attempts: AtomicU64,
    failures: AtomicU64,
}

/// What was asked of one operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Calls {
    /// Such as `DynamoDB`.
    pub service: String,
    /// Such as `GetItem`.
    pub operation: String,
    /// Requests that have an answer or were given up.
    pub requests: u64,
    /// How often the SDK sent one of them again.
    pub retries: u64,
    /// Requests without an answer, or with one that says no: a refused condition is among them.
    pub failures: u64,
}

/// What the meter says at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// By service and operation.
    pub calls: Vec<Calls>,
    /// Capacity units by table, doubled, so that they are whole.
    pub half_units: BTreeMap<String, u64>,
}

impl Reading {
    /// Requests of the service, retries among them.
    #[must_use]
    pub fn sent(&self, service: &str) -> u64 {
        let of_service = self.calls.iter().filter(|calls| calls.service == service);
        of_service.map(|calls| calls.requests + calls.retries).sum()
    }
}

impl Meter {
    /// What was counted since the start.
    #[must_use]
    pub fn read(&self) -> Reading {
        let calls = |operation: &Operation| {
            let requests = operation.requests.load(Ordering::Relaxed);
            let attempts = operation.attempts.load(Ordering::Relaxed);
            Calls {
                service: operation.service.clone(),
                operation: operation.name.clone(),
                requests,
                retries: attempts.saturating_sub(requests),
                failures: operation.failures.load(Ordering::Relaxed),
            }
        };
        let mut calls: Vec<_> = self.operations.read().iter().map(calls).collect();
        calls.sort_unstable();
        Reading { calls, half_units: self.capacity.lock().clone() }
    }

    /// Adds what DynamoDB says that a request took.
    pub fn consumed<'a>(&self, capacity: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        for each in capacity {
            let (Some(table), Some(units)) = (each.table_name(), each.capacity_units()) else {
                continue;
            };
            let halves = half_units(units);
            let mut capacity = self.capacity.lock();
            if let Some(sum) = capacity.get_mut(table) {
                *sum += halves;
            } else {
                capacity.insert(table.to_owned(), halves);
            }
        }
    }

    pub(crate) fn interceptor(self: Arc<Self>) -> MeterInterceptor {
        MeterInterceptor(self)
    }

    fn count(&self, metadata: &Metadata, count: impl Fn(&Operation)) {
        let is_it = |operation: &&Operation| {
            operation.name == metadata.name() && operation.service == metadata.service()
        };
        if let Some(operation) = self.operations.read().iter().find(is_it) {
            return count(operation);
        }
        let mut operations = self.operations.write();
        if !operations.iter().any(|operation| is_it(&operation)) {
            operations.push(Operation {
                service: metadata.service().to_owned(),
                name: metadata.name().to_owned(),
                requests: AtomicU64::new(0),
                attempts: AtomicU64::new(0),
                failures: AtomicU64::new(0),
            });
        }
        if let Some(operation) = operations.iter().find(is_it) {
            count(operation);
        }
    }
}

#[expect(clippy::as_conversions, clippy::float_arithmetic, reason = "DynamoDB counts in floats")]
fn half_units(units: f64) -> u64 {
    // A cast saturates, and makes 0 of what is negative or no number.
    (units * 2.0).round() as u64
}

/// The meter, where the SDK calls it.
#[derive(Debug)]
pub(crate) struct MeterInterceptor(Arc<Meter>);

#[dyn_dispatch_hint]
impl Intercept for MeterInterceptor {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = cfg.load::<Metadata>() {
            self.0.count(metadata, |operation| {
                operation.attempts.fetch_add(1, Ordering::Relaxed);
            });
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = context.output_or_error().is_none_or(|result| result.is_err());
        if let Some(metadata) = cfg.load::<Metadata>() {
            self.0.count(metadata, |operation| {
                operation.requests.fetch_add(1, Ordering::Relaxed);
                if failed {
                    operation.failures.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }
}
