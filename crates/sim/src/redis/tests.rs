use super::*;

const NOW: u64 = 1_768_386_600_000_000;

fn tea() -> Sku {
    "tea".parse().unwrap()
}

fn order(number: u64) -> OrderId {
    OrderId::new(number).unwrap()
}

fn from(bucket: u8, quantity: u32) -> GateAnswer {
    GateAnswer::Granted(vec![Allocation { bucket, quantity }])
}

/// With 3 units of tea in one bucket.
fn open() -> Redis {
    let mut redis = Redis::default();
    let epoch = redis.close(&tea(), NOW);
    assert!(redis.open(&tea(), epoch, vec![(0, 3)], Vec::new()));
    redis
}

fn available(redis: &Redis) -> Option<i64> {
    redis.snapshot(&tea()).map(|snapshot| snapshot.available)
}

#[test]
fn what_is_closed_or_was_never_seen_is_unknown() {
    let mut redis = Redis::default();
    assert_eq!(redis.hold(&tea(), order(1), 1), GateAnswer::Unknown);
    redis.cancel(&tea(), order(1));
    redis.credit(&tea(), 0, 5);
    assert_eq!(redis.snapshot(&tea()), None);
    assert!(redis.before.is_empty(), "nothing was written");
    redis.close(&tea(), NOW);
    assert_eq!(redis.hold(&tea(), order(1), 1), GateAnswer::Unknown);
    assert_eq!(redis.snapshot(&tea()), None);
}

#[test]
fn an_order_holds_once_and_is_looked_up_before_the_stock() {
    let mut redis = open();
    assert_eq!(redis.hold(&tea(), order(1), 3), from(0, 3));
    assert_eq!(redis.hold(&tea(), order(1), 3), from(0, 3), "the order that took the last unit");
    assert_eq!(redis.hold(&tea(), order(2), 1), GateAnswer::SoldOut);
    for _ in 0..2 {
        redis.cancel(&tea(), order(1));
        assert_eq!(available(&redis), Some(3));
    }
    assert_eq!(redis.hold(&tea(), order(2), 2), from(0, 2));
    for _ in 0..2 {
        redis.settle(&tea(), order(2));
        assert_eq!(available(&redis), Some(1));
    }
}

#[test]
fn a_flush_forgets_everything_and_no_epoch_comes_twice() {
    let mut redis = Redis::default();
    let first = redis.close(&tea(), NOW);
    redis.flush();
    assert!(!redis.open(&tea(), first, vec![(0, 3)], Vec::new()), "there is nothing to open");
    // In the same microsecond, by a clock that stands still.
    let second = redis.close(&tea(), NOW);
    assert_ne!(first, second);
    assert!(!redis.open(&tea(), first, vec![(0, 3)], Vec::new()));
    assert!(redis.open(&tea(), second, vec![(0, 3)], Vec::new()));
    redis.flush();
    assert_eq!(redis.hold(&tea(), order(1), 1), GateAnswer::Unknown);
}

#[test]
fn an_epoch_that_a_fail_over_lost_opens_nothing() {
    let mut redis = open();
    let lost = redis.close(&tea(), NOW);
    redis.fail_over(1);
    assert_eq!(available(&redis), Some(3), "open, as before");
    assert!(!redis.open(&tea(), lost, vec![(0, 9)], Vec::new()));
    let next = redis.close(&tea(), NOW);
    assert_ne!(lost, next);
    assert!(!redis.open(&tea(), lost, vec![(0, 9)], Vec::new()));
    assert!(redis.open(&tea(), next, vec![(0, 9)], Vec::new()));
}

#[test]
fn a_clock_that_was_set_back_gives_no_epoch_again() {
    let mut redis = Redis::default();
    let epochs: Vec<_> =
        [NOW, NOW - 1, NOW, 0].into_iter().map(|now| redis.close(&tea(), now)).collect();
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

#[test]
fn a_fail_over_loses_exactly_the_last_writes() {
    let mut redis = open();
    for number in 1..=3 {
        redis.hold(&tea(), order(number), 1);
    }
    assert_eq!(redis.stale_snapshot(&tea(), 2).unwrap().holds, [(order(1), 1)]);
    assert_eq!(redis.stale_snapshot(&tea(), 0), redis.snapshot(&tea()));
    redis.fail_over(0);
    assert_eq!(available(&redis), Some(0));
    redis.fail_over(2);
    assert_eq!(redis.snapshot(&tea()).unwrap().holds, [(order(1), 1)]);
    assert_eq!(available(&redis), Some(2));
    // What came before is still there to be lost.
    redis.fail_over(1);
    assert_eq!(available(&redis), Some(3));
    redis.fail_over(99);
    assert_eq!(available(&redis), None, "from before the first write");
}

#[test]
fn only_the_last_writes_can_be_lost() {
    let mut redis = open();
    for _ in 0..3 * HISTORY {
        redis.credit(&tea(), 0, 1);
    }
    redis.fail_over(usize::MAX);
    assert_eq!(available(&redis), Some(3 + 2 * 20));
}
