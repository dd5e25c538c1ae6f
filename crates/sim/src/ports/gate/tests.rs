use super::*;
use crate::kernel::{Faults, Kernel, Run, Trace};

const ALWAYS: u32 = 1_000_000;

fn tea() -> Sku {
    "tea".parse().unwrap()
}

fn order(number: u64) -> OrderId {
    OrderId::new(number).unwrap()
}

/// Runs `main` in a process of its own.
fn run<F>(seed: u64, faults: Faults, main: impl FnOnce(GatePort) -> F) -> (Run, Arc<SharedRedis>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let kernel = Kernel::new(seed, faults, Trace::Full);
    let port = GatePort::new(kernel.process("inventory"), Arc::default());
    let redis = Arc::clone(&port.redis);
    (kernel.run(Box::pin(main(port)), 100_000), redis)
}

async fn opened(port: &GatePort) -> bool {
    let Ok(epoch) = port.close(&tea()).await else { return false };
    port.open(&tea(), epoch, vec![(0, 50)], Vec::new()).await.unwrap_or(false)
}

#[test]
fn without_faults_every_call_is_answered() {
    let (run, redis) = run(1, Faults::none(), async |port| {
        assert!(opened(&port).await);
        for number in 1..=3 {
            let answer = port.hold(&tea(), order(number), 2).await.unwrap();
            assert!(matches!(answer, GateAnswer::Granted(_)), "{answer:?}");
        }
        port.settle(&tea(), order(1)).await.unwrap();
        port.cancel(&tea(), order(2)).await.unwrap();
        port.credit(&tea(), 0, 1).await.unwrap();
        let snapshot = port.snapshot(&tea()).await.unwrap().unwrap();
        assert_eq!((snapshot.available, snapshot.holds), (47, vec![(order(3), 2)]));
    });
    assert_eq!(run.violation, None);
    assert_eq!(redis.snapshot(&tea()).unwrap().available, 47);
}

/// Opens and tries ten holds under the fault. Gives how many were refused an answer, and how
/// many are held.
fn tried(fault: Fault) -> (usize, Option<usize>) {
    let failed = Arc::new(parking_lot::Mutex::new(0));
    let count = Arc::clone(&failed);
    let (run, redis) = run(7, Faults::only(fault, 500_000), async move |port| {
        while !opened(&port).await {}
        for number in 1..=10 {
            let answer = port.hold(&tea(), order(number), 1).await;
            *count.lock() += usize::from(answer.is_err());
        }
    });
    assert_eq!(run.violation, None);
    assert!(run.strikes[fault.index()] > 0);
    let failed = *failed.lock();
    (failed, redis.snapshot(&tea()).map(|snapshot| snapshot.holds.len()))
}

#[test]
fn away_does_nothing_and_unanswered_does_it() {
    let (failed, held) = tried(Fault::GateAway);
    assert!(failed > 0);
    assert_eq!(held, Some(10 - failed));
    let (failed, held) = tried(Fault::GateUnanswered);
    assert!(failed > 0);
    assert_eq!(held, Some(10));
}

#[test]
fn what_is_lost_is_answered_all_the_same() {
    let (failed, held) = tried(Fault::GateFlushed);
    assert_eq!((failed, held), (0, None));
    let (failed, held) = tried(Fault::GateRolledBack);
    assert_eq!(failed, 0);
    assert!(held < Some(10), "{held:?}");
}

#[test]
fn a_stale_replica_answers_reads_only() {
    let (run, redis) = run(3, Faults::only(Fault::GateStale, ALWAYS), async |port| {
        assert!(opened(&port).await);
        let mut stale = 0;
        for number in 1..=20 {
            port.hold(&tea(), order(number), 1).await.unwrap();
            let now = port.redis.snapshot(&tea());
            stale += usize::from(port.snapshot(&tea()).await.unwrap() != now);
        }
        assert!(stale > 10, "{stale}");
    });
    assert_eq!(run.violation, None);
    assert_eq!(redis.snapshot(&tea()).unwrap().available, 30);
}

#[test]
fn a_seed_is_one_run() {
    let once = |seed| {
        let mut rng = Kernel::new(seed, Faults::none(), Trace::Off).stream(1);
        let (run, redis) = run(seed, Faults::drawn(&mut rng), async |port| {
            for number in 1..=200 {
                opened(&port).await;
                let _ = port.hold(&tea(), order(number), 1).await;
                let _ = port.snapshot(&tea()).await;
            }
        });
        (run.fingerprint, run.timeline, run.strikes, redis.snapshot(&tea()))
    };
    assert_eq!(once(11), once(11));
    assert_ne!(once(11).0, once(12).0);
}
