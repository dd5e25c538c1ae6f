//! The rules, each with the page that says so.

use std::collections::BTreeMap;

use lmall_app::ports::Table;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn item(partition: &str, sort: &str, version: u64) -> Item {
    Item { key: Key::new(Table::Order, partition, sort), version, body: "{}".into() }
}

/// The row comes to this version; 0 is that it goes.
fn change(partition: &str, sort: &str, before: u64, after: u64) -> Change {
    let item = |version: u64| (version > 0).then(|| item(partition, sort, version));
    let key = Key::new(Table::Order, partition, sort);
    Change { key, before: item(before), after: item(after) }
}

fn in_order(stream: &mut Stream, now: Duration, change: Change) {
    stream.append(now, &[change], false, &mut |_| 0);
}

fn names(records: &[Arc<Record>]) -> Vec<&str> {
    records.iter().map(|record| record.key.sort.as_str()).collect()
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Each record appears exactly once, and those of one item in the order of its modifications; but
/// of a transaction a consumer must assume neither that its records come together nor an order.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
#[test]
fn the_records_of_an_item_are_in_order_and_those_of_different_items_are_not() {
    for order in [Order::OfItem, Order::OfPartition] {
        let mut overtaken = 0;
        for seed in 0..50 {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let mut stream = Stream::new(order);
            let mut read: Vec<Arc<Record>> = Vec::new();
            let (mut versions, mut positions) = (BTreeMap::new(), [0; SHARDS]);
            let mut written = 0;
            for round in 0..100 {
                let first = rng.random_range(0..6);
                let changes: Vec<_> = (first..first + rng.random_range(1..4))
                    .map(|number| {
                        let (partition, sort) = (format!("{}", number / 3), format!("{number}"));
                        let version = versions.entry(number).or_insert(0_u64);
                        *version += 1;
                        change(&partition, &sort, *version - 1, *version)
                    })
                    .collect();
                written += changes.len();
                let now = Duration::from_millis(round * 20);
                stream.append(now, &changes, false, &mut |places| rng.random_range(0..places));
                for (shard, position) in positions.iter_mut().enumerate() {
                    let (records, next) = stream.read(shard, *position, rng.random_range(0..5));
                    read.extend(records);
                    *position = next;
                }
            }
            for (shard, position) in positions.into_iter().enumerate() {
                read.extend(stream.read(shard, position, usize::MAX).0);
            }
            assert_eq!(read.len(), written, "each exactly once");
            let mut seen = BTreeMap::new();
            let mut newest = BTreeMap::new();
            for record in &read {
                let version = record.after.as_ref().unwrap().version;
                let before = seen.insert(record.key.clone(), version).unwrap_or(0);
                assert_eq!((before + 1, record.before.unwrap_or(0)), (version, before));
                let newest = newest.entry(record.key.partition.clone()).or_insert(0);
                overtaken += u32::from(record.transaction < *newest);
                *newest = record.transaction.max(*newest);
            }
        }
        match order {
            Order::OfItem => assert!(overtaken > 100, "{overtaken}"),
            Order::OfPartition => assert_eq!(overtaken, 0),
        }
    }
}

/// Records of one transaction may appear at different times, interleaved with those of others.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
#[test]
fn transactions_are_interleaved() {
    let mut stream = Stream::new(Order::OfPartition);
    let transaction = |sorts: [&str; 2]| sorts.map(|sort| change(sort, sort, 0, 1));
    // Names of one shard.
    let all = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let of_one: Vec<_> = all.into_iter().filter(|name| shard_of(name) == 0).collect();
    let [a, b, c, d, ..] = of_one[..] else { panic!("too few: {of_one:?}") };
    stream.append(HOUR, &transaction([a, b]), false, &mut |_| 0);
    stream.append(HOUR, &transaction([c, d]), false, &mut |places| places - 2);
    assert_eq!(names(&stream.read(0, 0, 9).0), [a, d, c, b]);
    // What was read stays where it is, and so does what is old.
    stream.append(HOUR, &[change(a, a, 1, 2)], false, &mut |_| panic!("there is one place"));
    assert_eq!(names(&stream.read(0, 0, 9).0), [a, d, c, b, a]);
}

/// Records live for 24 hours; who would read older ones begins anew at the trim horizon.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html>
#[test]
fn a_record_is_kept_for_a_day() {
    let mut stream = Stream::new(Order::OfItem);
    let shard = shard_of("p");
    for (hour, sort) in [(0, "a"), (1, "b"), (2, "c")] {
        in_order(&mut stream, HOUR * hour, change("p", sort, 0, 1));
    }
    stream.trim(HOUR * 24 - Duration::from_millis(1));
    assert_eq!(names(&stream.read(shard, 0, 9).0), ["a", "b", "c"]);
    stream.trim(HOUR * 25);
    let (records, next) = stream.read(shard, 0, 9);
    assert_eq!((names(&records), next), (vec!["c"], 3));
    assert_eq!((stream.oldest(shard), stream.end(shard)), (2, 3));
    stream.lose();
    in_order(&mut stream, HOUR * 26, change("p", "d", 0, 1));
    let (records, next) = stream.read(shard, next, 9);
    assert_eq!((names(&records), next), (vec!["d"], 4));
}

/// Lambda reads a batch that failed again, from its checkpoint: everything comes again, in the
/// same order.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
#[test]
fn records_come_at_least_once_from_a_checkpoint() {
    let mut stream = Stream::new(Order::OfItem);
    let shard = shard_of("p");
    for sort in ["a", "b", "c", "d"] {
        stream.append(HOUR, &[change("p", sort, 0, 1)], false, &mut |places| places - 1);
    }
    let (first, checkpoint) = stream.read(shard, 0, 2);
    let (second, _) = stream.read(shard, checkpoint, 9);
    stream.append(HOUR, &[change("p", "e", 0, 1)], false, &mut |places| places - 1);
    assert_eq!(stream.read(shard, 0, 2).0, first);
    assert_eq!(stream.read(shard, checkpoint, 2).0, second);
    assert_eq!(names(&stream.read(shard, checkpoint, 9).0[2..]), ["e"]);
}

/// A deletion at the end of a row's time is in the stream as one of the service's own.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html>
#[test]
fn kinds_tell_what_happened() {
    let mut stream = Stream::new(Order::OfItem);
    let shard = shard_of("p");
    for (before, after, by_ttl) in [(0, 1, false), (1, 2, false), (2, 0, true), (0, 0, false)] {
        stream.append(HOUR, &[change("p", "a", before, after)], by_ttl, &mut |_| 0);
    }
    let records = stream.read(shard, 0, 9).0;
    let seen: Vec<_> = records.iter().map(|r| (r.kind, r.before, r.by_ttl)).collect();
    let expected = [
        (Kind::Insert, None, false),
        (Kind::Modify, Some(1), false),
        (Kind::Remove, Some(2), true),
    ];
    assert_eq!(seen, expected);
}
