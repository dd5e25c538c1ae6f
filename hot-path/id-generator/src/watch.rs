//! What can be seen of ids, their lease and the clock.

use std::sync::Arc;

use lmall_app::ids::LeasedIds;
use lmall_web::{Counter, Metrics};

/// How many ids were given, by kind.
pub(crate) struct Made {
    pub(crate) snowflakes: Counter,
    pub(crate) ulids: Counter,
}

impl Made {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let of = |kind| {
            metrics.counter_with("lmall_ids_total", "Ids given by /v1/ids.", &[("kind", kind)])
        };
        Self { snowflakes: of("snowflake"), ulids: of("ulid") }
    }
}

/// Shows the lease of these ids, and what the wall clock did, at each scrape.
pub fn watch(ids: Arc<LeasedIds>, metrics: &Metrics) {
    let remaining = metrics.gauge(
        "lmall_ids_lease_remaining_seconds",
        "How long Snowflakes can be made unless the lease is renewed; 0 without a lease.",
    );
    let machine = metrics.gauge("lmall_ids_machine", "The leased machine id; -1 without a lease.");
    let rollbacks = metrics.counter(
        "lmall_ids_clock_rollbacks_total",
        "Times the wall clock was found set back; ids did not follow.",
    );
    metrics.on_scrape(Box::new(move || {
        let leased = ids.leased();
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        remaining.set(leased.map_or(0, |leased| whole(leased.remaining.as_secs())));
        machine.set(leased.map_or(-1, |leased| whole(leased.machine)));
        rollbacks.add(ids.rollbacks().saturating_sub(rollbacks.get()));
    }));
}
