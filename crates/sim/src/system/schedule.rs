//! EventBridge schedules: each minute, more or less.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join};
use lmall_app::{
    failure::{Failure, chain},
    ops::dead_letters::Replayer,
    ports::Table,
    relay::{Relay, SWEEP_AGE},
};

use super::{NoIds, System, function::invoke};
use crate::kernel::{Fault, Site, WORLD};

const MINUTE: Duration = Duration::from_secs(60);

/// The longest pause between two runs while nothing happens.
const IDLE: Duration = Duration::from_secs(2 * 3_600);

/// What runs by the clock.
#[derive(Debug, Clone, Copy)]
enum Job {
    CancelOverdue,
    ExpireReservations,
    SweepOutbox,
    ChaseRefunds,
    ReplayDeadLetters,
    CheckGate,
}

impl Job {
    const ALL: [Self; 6] = [
        Self::CancelOverdue,
        Self::ExpireReservations,
        Self::SweepOutbox,
        Self::ChaseRefunds,
        Self::ReplayDeadLetters,
        Self::CheckGate,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::CancelOverdue => "cancel-overdue",
            Self::ExpireReservations => "expire",
            Self::SweepOutbox => "sweeper",
            Self::ChaseRefunds => "chase-refunds",
            Self::ReplayDeadLetters => "dlq-replay",
            Self::CheckGate => "check-gate",
        }
    }

    async fn run(self, system: Arc<System>, site: Site) -> Result<usize, Failure> {
        match self {
            Self::CancelOverdue => system.orders(&site, Arc::new(NoIds)).cancel_overdue().await,
            Self::ExpireReservations => system.inventory(&site).expire_lapsed().await,
            Self::SweepOutbox => {
                let relay = system.relay(&site);
                let mut found = 0;
                for table in Table::ALL {
                    found += relay.sweep(table, SWEEP_AGE).await?;
                }
                Ok(found)
            }
            Self::ChaseRefunds => system.payments(&site).chase_refunds().await,
            Self::ReplayDeadLetters => {
                let bus = system.bus_port(&site);
                let done = Replayer::new(bus, Arc::new(site.clock())).run_ladder().await?;
                Ok(done.replayed + done.parked)
            }
            Self::CheckGate => Ok(system.inventory(&site).check_drift().await?.drifted.len()),
        }
    }
}

impl System {
    pub(super) fn relay(&self, site: &Site) -> Relay {
        Relay::new(self.store_port(site), self.bus_port(site), Arc::new(site.clock()))
    }
}

pub(super) fn start(system: &Arc<System>) {
    for job in Job::ALL {
        system.kernel.spawn(WORLD, Box::pin(schedule(Arc::clone(system), job)));
    }
    system.kernel.spawn(WORLD, Box::pin(delete_expired(Arc::clone(system))));
}

async fn schedule(system: Arc<System>, job: Job) {
    let mut pause = MINUTE;
    loop {
        let late = system.kernel.between(Duration::ZERO, Duration::from_secs(5));
        system.kernel.sleep(pause + late).await;
        if system.kernel.strikes(Fault::RunMissed) {
            continue;
        }
        let before = system.activity();
        let found = if system.kernel.strikes(Fault::RunDoubled) {
            let (one, other) = join(once(&system, job), once(&system, job)).await;
            one + other
        } else {
            once(&system, job).await
        };
        let is_idle = found == 0 && system.activity() == before;
        pause = if is_idle { (pause * 2).min(IDLE) } else { MINUTE };
    }
}

async fn once(system: &Arc<System>, job: Job) -> usize {
    let run = |site: Site| -> BoxFuture<'static, usize> {
        let system = Arc::clone(system);
        Box::pin(async move {
            site.hop("scheduled").await;
            if site.kernel.strikes(Fault::ClockSetBack) {
                site.set_clock_back();
            }
            match job.run(system, site.clone()).await {
                Ok(found) => found,
                Err(failure) => {
                    site.note(|| format!("failed: {}", chain(&failure)));
                    1
                }
            }
        })
    };
    invoke(&system.kernel, job.name(), run).await.unwrap_or(1)
}

/// DynamoDB deletes rows past their expiry when it likes.
async fn delete_expired(system: Arc<System>) {
    loop {
        system.kernel.sleep(Duration::from_secs(1_800)).await;
        system.store.delete_expired();
    }
}
