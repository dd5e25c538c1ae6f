//! The contract of a store, and what each fault does to it.

use std::collections::BTreeMap;

use futures_util::{FutureExt, future::BoxFuture};
use lmall_app::{
    Refusal,
    ports::{Index, IndexEntry, NewRow},
};
use lmall_domain::Timestamp;
use parking_lot::Mutex;

use super::*;
use crate::{
    aws::{
        dynamo::Change,
        stream::{Kind, Order, SHARDS},
    },
    kernel::{Faults, ProcessId, Run, START, Trace},
};

const ALWAYS: u32 = 1_000_000;

/// What a commit says, in a form that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Done,
    Refused(Refusal),
    Unavailable,
    Unknown,
}

#[derive(Clone)]
struct World {
    kernel: Kernel,
    port: StorePort,
    aws: Arc<SharedStore>,
    seen: Arc<Seen>,
}

/// Everything that took effect, as an auditor sees it.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<Key, u64>>);

impl CommitObserver for Seen {
    fn committed(&self, _: ProcessId, _: &Changeset, applied: &Applied, store: &Dynamo) {
        for change in &applied.changes {
            let version = |item: &Option<Item>| item.as_ref().map(|item| item.version);
            let mut seen = self.0.lock();
            assert_eq!(seen.get(&change.key).copied(), version(&change.before));
            assert_eq!(store.get(&change.key), change.after);
            match version(&change.after) {
                Some(version) => seen.insert(change.key.clone(), version),
                None => seen.remove(&change.key),
            };
        }
    }

    fn expired(&self, changes: &[Change], _: &Dynamo) {
        for change in changes {
            assert!(self.0.lock().remove(&change.key).is_some());
        }
    }
}

impl World {
    async fn commit(&self, changeset: Changeset) -> Said {
        match self.port.commit(changeset).await {
            Ok(()) => Said::Done,
            Err(CommitError::Refused(refusal)) => Said::Refused(refusal),
            Err(CommitError::Unavailable(_)) => Said::Unavailable,
            Err(CommitError::Unknown(_)) => Said::Unknown,
        }
    }

    async fn version(&self, sort: &str) -> u64 {
        self.port.get(&key(sort)).await.expect("readable").map_or(0, |item| item.version)
    }

    async fn in_index(&self) -> Vec<String> {
        let query = IndexQuery {
            table: Table::Order,
            index: Index::Open,
            partition: "x".to_owned(),
            after: None,
            until: None,
            limit: 10,
            descending: false,
        };
        let page = self.port.query_index(&query).await.expect("readable");
        page.items.into_iter().map(|item| item.key.sort).collect()
    }
}

fn key(sort: &str) -> Key {
    Key::new(Table::Order, "p", sort)
}

fn row(sort: &str) -> NewRow {
    let entry =
        IndexEntry { index: Index::Open, partition: "x".to_owned(), sort: format!("at {sort}") };
    NewRow { key: key(sort), body: b"{}".to_vec(), indexes: vec![entry], expires_at: None }
}

fn insert(sort: &str) -> Changeset {
    Changeset::new().insert(row(sort), Refusal::AlreadyHandled)
}

fn replace(sort: &str, version: u64) -> Changeset {
    Changeset::new().put(row(sort), version)
}

/// Runs the test in a process of its own.
fn run(seed: u64, faults: Faults, test: impl FnOnce(World) -> BoxFuture<'static, ()>) -> Run {
    let kernel = Kernel::new(seed, faults, Trace::Full);
    let seen = Arc::new(Seen::default());
    let aws = SharedStore::new(kernel.clone(), Order::OfItem).observed_by(seen.clone());
    let aws = Arc::new(aws);
    let port = StorePort::new(kernel.process("test"), Arc::clone(&aws));
    let run = kernel.run(test(World { kernel: kernel.clone(), port, aws, seen }), 100_000);
    assert_eq!(run.violation, None, "{:#?}", run.timeline);
    run
}

fn struck(run: &Run, fault: Fault) -> u64 {
    run.strikes[fault.index()]
}

#[test]
fn without_faults_it_is_a_store() {
    let test = |world: World| {
        async move {
            assert_eq!(world.commit(insert("a")).await, Said::Done);
            assert_eq!(world.commit(insert("b")).await, Said::Done);
            assert_eq!(world.commit(replace("a", 1)).await, Said::Done);
            assert_eq!(world.commit(replace("a", 7)).await, Said::Refused(Refusal::Stale));
            assert_eq!((world.version("a").await, world.version("c").await), (2, 0));
            let query = Query {
                table: Table::Order,
                partition: "p".to_owned(),
                prefix: String::new(),
                after: None,
                limit: 1,
                descending: true,
            };
            let page = world.port.query(&query).await.expect("readable");
            assert_eq!((page.items[0].key.clone(), page.next), (key("b"), Some("b".to_owned())));
            let all = world.port.scan(Table::Order, Some(&key("a")), 9).await.expect("readable");
            assert_eq!(all.len(), 1);
            world.kernel.sleep(Duration::from_millis(20)).await;
            assert_eq!(world.in_index().await, ["a", "b"]);
            assert_eq!(world.aws.pending_index_updates(), 0);
            // Another request has another token, whatever its content.
            assert_eq!(world.commit(insert("a")).await, Said::Refused(Refusal::AlreadyHandled));
            let before = world.kernel.elapsed();
            assert!(world.port.changed(&key("a"), 2, Duration::from_secs(60)).await);
            assert_eq!(world.kernel.elapsed() - before, POLL);
        }
        .boxed()
    };
    let run = run(1, Faults::none(), test);
    assert!(run.strikes.iter().all(|count| *count == 0));
}

#[test]
fn each_fault_of_a_commit_says_what_it_did() {
    use Fault::{CommitLate, CommitLost, CommitRepeated, CommitUnanswered, Conflict, Throttled};
    let refused = Said::Refused(Refusal::AlreadyHandled);
    for (fault, said, again, now, later) in [
        (Throttled, Said::Unavailable, Said::Done, 0, 1),
        (Conflict, Said::Unavailable, Said::Done, 0, 1),
        (CommitLost, Said::Unknown, Said::Done, 0, 1),
        (CommitUnanswered, Said::Unknown, refused, 1, 1),
        // It may take effect before it is committed again, or after.
        (CommitLate, Said::Unknown, Said::Done, 0, 1),
        (CommitRepeated, Said::Done, refused, 1, 1),
    ] {
        let test = move |world: World| {
            async move {
                assert_eq!(world.commit(insert("a")).await, said, "{fault:?}");
                world.kernel.end_faults();
                if fault != CommitLate {
                    assert_eq!(world.version("a").await, now, "{fault:?}");
                }
                // Committing the same again tells, whatever happened.
                assert_eq!(world.commit(insert("a")).await, again, "{fault:?}");
                world.kernel.sleep(LATE_MAX).await;
                assert_eq!(world.version("a").await, later, "{fault:?}");
                assert_eq!(world.seen.0.lock().get(&key("a")), Some(&later));
            }
            .boxed()
        };
        let run = run(2, Faults::only(fault, ALWAYS), test);
        assert_eq!(struck(&run, fault), 1);
    }
}

#[test]
fn a_late_transaction_finds_its_conditions_changed() {
    let test = |world: World| {
        async move {
            let insert = insert("a");
            assert_eq!(world.commit(insert).await, Said::Unknown);
            world.kernel.end_faults();
            let other = Changeset::new().insert(row("a"), Refusal::Stale);
            assert_eq!(world.commit(other).await, Said::Done);
            assert_eq!(world.commit(replace("a", 1)).await, Said::Done);
            world.kernel.sleep(LATE_MAX).await;
            assert_eq!(world.version("a").await, 2);
        }
        .boxed()
    };
    for seed in 0..20 {
        let faults = Faults::only(Fault::CommitLate, ALWAYS);
        let kernel_run = run(seed, faults, test);
        assert_eq!(struck(&kernel_run, Fault::CommitLate), 1);
    }
}

#[test]
fn two_transactions_on_one_row_are_in_each_others_way() {
    let test = |world: World| {
        async move {
            for round in 1..200 {
                let sort = round.to_string();
                let commits = [insert(&sort), replace(&sort, 1), insert(&format!("own {round}"))];
                for commit in commits {
                    let writer = world.clone();
                    let task = async move { writer.port.commit(commit).await.unwrap_or(()) };
                    world.kernel.spawn(WORLD, Box::pin(task));
                }
                world.kernel.sleep(Duration::from_secs(1)).await;
            }
        }
        .boxed()
    };
    // Rare but for where there is a reason: 200 rounds, of which each has one.
    let run = run(3, Faults::only(Fault::Conflict, 4_000), test);
    let conflicts = struck(&run, Fault::Conflict);
    assert!((20..150).contains(&conflicts), "{conflicts}");
}

#[test]
fn a_read_that_fails_says_so() {
    let test = |world: World| {
        async move {
            assert!(world.port.get(&key("a")).await.is_err());
            assert!(world.port.scan(Table::Order, None, 1).await.is_err());
        }
        .boxed()
    };
    assert_eq!(struck(&run(4, Faults::only(Fault::ReadFails, ALWAYS), test), Fault::ReadFails), 2);
}

#[test]
fn an_index_may_lag_for_a_minute() {
    let test = |world: World| {
        async move {
            assert_eq!(world.commit(insert("a")).await, Said::Done);
            world.kernel.sleep(Duration::from_secs(60)).await;
            assert_eq!(world.in_index().await, ["a"]);
        }
        .boxed()
    };
    let lagging = |world: World| {
        async move {
            assert_eq!(world.commit(insert("a")).await, Said::Done);
            assert_eq!(world.in_index().await, [""; 0]);
            assert_eq!(world.aws.pending_index_updates(), 1);
        }
        .boxed()
    };
    run(5, Faults::only(Fault::IndexLag, ALWAYS), test);
    run(5, Faults::only(Fault::IndexLag, ALWAYS), lagging);
}

#[test]
fn expired_rows_go_in_their_time_and_the_stream_tells() {
    let test = |world: World| {
        async move {
            let days = |days: u64| Duration::from_secs(days * 86_400);
            let expires_at: Option<Timestamp> = Some(START.after(days(1)));
            for number in 0..40 {
                let row = NewRow { expires_at, ..row(&number.to_string()) };
                let changeset = Changeset::new().insert(row, Refusal::Stale);
                assert_eq!(world.commit(changeset).await, Said::Done);
            }
            assert_eq!(world.aws.delete_expired(), 0);
            world.kernel.sleep(days(1)).await;
            let first = world.aws.delete_expired();
            assert!((10..30).contains(&first), "{first}");
            world.kernel.end_faults();
            assert_eq!(world.aws.delete_expired(), 0);
            world.kernel.sleep(days(2)).await;
            assert_eq!(first + world.aws.delete_expired(), 40);
            let records: Vec<_> = (0..SHARDS)
                .flat_map(|shard| world.aws.read_stream(Table::Order, shard, 0, 100).0)
                .collect();
            assert!(records.iter().all(|record| record.by_ttl && record.kind == Kind::Remove));
            // The others are more than a day old.
            assert_eq!(records.len(), 40 - first);
            assert_eq!(world.aws.inspect(|dynamo| dynamo.rows(Table::Order).count()), 0);
        }
        .boxed()
    };
    run(6, Faults::only(Fault::TtlDeletes, ALWAYS), test);
}

#[test]
fn a_commit_wakes_who_waits_for_the_stream() {
    let test = |world: World| {
        async move {
            let writer = world.clone();
            let task = async move { assert_eq!(writer.commit(insert("a")).await, Said::Done) };
            world.kernel.spawn(WORLD, Box::pin(task));
            world.aws.signal(Table::Order).wait(&world.kernel).await;
            let read = |shard| world.aws.read_stream(Table::Order, shard, 0, 9).0.len();
            assert_eq!((0..SHARDS).map(read).sum::<usize>(), 1);
            assert_eq!(world.kernel.elapsed().as_secs(), 0);
        }
        .boxed()
    };
    run(7, Faults::none(), test);
}

#[test]
fn one_seed_is_one_run() {
    let test = |world: World| {
        async move {
            for round in 0..300_u64 {
                let sort = (round % 7).to_string();
                let version = world.port.get(&key(&sort)).await.ok().flatten();
                let version = version.map_or(0, |item| item.version);
                let _: Said = world.commit(replace(&sort, version)).await;
                if let Ok(items) = world.port.scan(Table::Order, None, 9).await {
                    let count = items.len();
                    world.port.site.note(|| count.to_string());
                }
            }
        }
        .boxed()
    };
    let outcome = |seed| {
        let kernel = Kernel::new(seed, Faults::none(), Trace::Off);
        let faults = Faults::drawn(&mut kernel.stream(9)).scaled(Fault::Crash, 0);
        let run = run(seed, faults.scaled(Fault::LongPause, 0), test);
        (run.fingerprint, run.steps, run.timeline)
    };
    assert_eq!(outcome(11), outcome(11));
    assert_ne!(outcome(11).0, outcome(12).0);
}
