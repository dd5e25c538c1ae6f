//! One seed, from its first number to its verdict.

use std::{sync::Arc, time::Duration};

use crate::{
    coverage::{Coverage, Observer},
    kernel::{self, Fault, Faults, Kernel, Trace, Violation, WORLD},
    oracle::Oracle,
    ports::{BusOptions, SharedBus, SharedStore},
    provider::SharedProvider,
    redis::SharedRedis,
    shop::{Plan, Shop},
    system::{Door, System},
};

/// Steps after which a seed is held to run for ever: a hundred times more than any needs.
const STEPS_MAX: u64 = 40_000_000;

/// How long after the last fault a system may take to come to rest.
const REST: Duration = Duration::from_secs(86_400);

/// How a seed is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to keep a timeline.
    pub trace: Trace,
    /// Faults whose chance is multiplied; by 0, they never strike.
    pub scaled: Vec<(Fault, u32)>,
}

/// What a seed came to.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// The first promise that was broken, if any.
    pub violation: Option<Violation>,
    /// Differs when anything happened otherwise.
    pub fingerprint: u64,
    /// Times that a task ran.
    pub steps: u64,
    /// Messages given to a consumer.
    pub delivered: u64,
    /// Orders placed.
    pub orders: u64,
    /// What it reached.
    pub coverage: Coverage,
    /// What happened, if it was traced.
    pub timeline: Vec<String>,
}

/// Runs a seed. The observer must be attached to this thread.
#[must_use]
pub fn run(seed: u64, options: &Options, observer: &Observer) -> Outcome {
    let plan = Arc::new(Plan::drawn(&mut kernel::stream(seed, 1)));
    let faults = Faults::drawn(&mut kernel::stream(seed, 2));
    let scaled = options.scaled.iter();
    let faults = scaled.fold(faults, |faults, (fault, factor)| faults.scaled(*fault, *factor));
    let kernel = Kernel::new(seed, faults, options.trace);
    let door = Arc::<Door>::default();
    let provider = SharedProvider::new(kernel.clone(), door.clone());
    let oracle = Oracle::new(kernel.clone(), Arc::clone(&provider));
    let store = SharedStore::new(kernel.clone(), plan.stream).observed_by(oracle.clone());
    let options = BusOptions { observer: Some(oracle.clone()), keeps_standard: false };
    let bus = Arc::new(SharedBus::new(&kernel, options));
    let (store, redis) = (Arc::new(store), Arc::<SharedRedis>::default());
    let buckets = plan.buckets;
    let system = System::new(kernel.clone(), store, Arc::clone(&bus), redis, provider, buckets);
    oracle.watch(&system);
    door.lead_to(&system);
    let shop = Shop::new(system, Arc::clone(&oracle), plan);
    let main = Box::pin(direct(shop));
    let (run, mut coverage) = observer.listen(&kernel, || kernel.run(main, STEPS_MAX));
    coverage.add_strikes(&run.strikes);
    Outcome {
        seed,
        violation: run.violation,
        fingerprint: run.fingerprint,
        steps: run.steps,
        delivered: bus.deliveries(),
        orders: oracle.orders(),
        coverage,
        timeline: run.timeline,
    }
}

/// The plot: people come while things go wrong; then nothing goes wrong any more, and all must
/// come right; in some seeds, what comes a day and two weeks later must change nothing.
async fn direct(shop: Shop) {
    let kernel = shop.system.kernel.clone();
    shop.system.start();
    shop.run().await;
    kernel.sleep(kernel.between(Duration::ZERO, Duration::from_secs(1_200))).await;
    kernel.end_faults();
    shop.system.provider.hurry();
    kernel.note(WORLD, || "nothing goes wrong from here on".to_owned());
    come_to_rest(&shop).await;
    if !shop.plan.is_long {
        return;
    }
    // A day; then past the life of an idempotency key, though not of its row; then two weeks.
    for (fault, days) in [(Some(Fault::After25Hours), 1), (None, 7), (Some(Fault::After15Days), 8)]
    {
        kernel.leap(Duration::from_secs(days * 86_400 + 3_600));
        kernel.note(WORLD, || format!("{days} days later"));
        let laid_by = fault.map(|fault| shop.system.bus.take_laid_by(fault));
        for (queue, message) in laid_by.unwrap_or_default() {
            shop.system.bus.resend(queue, &message);
        }
        shop.come_back().await;
        come_to_rest(&shop).await;
    }
}

/// Waits until nothing is under way and everything is right.
async fn come_to_rest(shop: &Shop) {
    let kernel = &shop.system.kernel;
    let until = kernel.elapsed() + REST;
    let mut pause = Duration::from_secs(20);
    loop {
        kernel.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(900));
        let mut verdict = shop.oracle.is_at_rest(&shop.system);
        if verdict.is_ok() {
            verdict = shop.oracle.audit(&shop.system).await;
        }
        let Err((promise, text)) = verdict else { return };
        if kernel.elapsed() > until {
            kernel.violate(promise, format!("still not at rest: {text}"));
            return;
        }
        if shop.system.bus.letters().iter().any(|letter| !letter.permanent) {
            shop.replay_dead_letters().await;
        }
    }
}
