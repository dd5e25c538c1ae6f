//! Ids in batches.

use http::Request;
use lmall_web::testing::{OPERATOR_TOKEN, check_refusals};

use crate::support::{World, pass};

/// What is asked, and how many come.
const COUNTS: [(&str, usize); 4] =
    [("", 1), ("?count=1", 1), ("?count=17", 17), ("?count=1000", 1_000)];

#[tokio::test(start_paused = true)]
async fn as_many_come_as_are_asked_for() {
    let mut world = World::new();
    for kind in ["ulid", "snowflake"] {
        for (query, count) in COUNTS {
            let (ids, of_kind) = world.draw(query).await;
            assert_eq!((ids.len(), &*of_kind), (count, kind), "{query}");
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            let digits = |id: &String| id.bytes().all(|byte| byte.is_ascii_digit());
            assert!(ids.iter().all(|id| digits(id) == (kind == "snowflake")), "{ids:?}");
        }
        world.keep().await;
    }
    assert_eq!(world.metric(r#"lmall_ids_total{kind="snowflake"}"#), "1019");
    assert_eq!(world.metric(r#"lmall_ids_total{kind="ulid"}"#), "1019");
}

#[tokio::test]
async fn what_is_no_count_is_refused_where_it_is_wrong() {
    let draw = |query: &str| {
        let request = Request::get(format!("/v1/ids{query}"));
        request.header("x-operator-token", OPERATOR_TOKEN)
    };
    let invalid = |query, pointer| (draw(query), "", 422, "validation", pointer);
    let rows = vec![
        invalid("?count=0", "/count"),
        invalid("?count=1001", "/count"),
        invalid("?count=4294967296", "/count"),
        invalid("?count=-1", "/count"),
        invalid("?count=1.5", "/count"),
        invalid("?count=", "/count"),
        invalid("?count=1&count=2", "/count"),
        invalid("?kind=ulid", "/kind"),
        (draw("?count=%zz"), "", 400, "malformed", ""),
        (Request::get("/v1/ids"), "", 401, "unauthenticated", ""),
        (Request::get("/v1/ids").header("x-operator-token", "x"), "", 403, "forbidden", ""),
    ];
    check_refusals(&World::new().router, rows).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_is_said_and_recovered_from() {
    let mut world = World::new();
    assert_eq!(world.metric("lmall_ids_lease_remaining_seconds"), "0");
    world.keep().await;
    assert_eq!(world.metric("lmall_ids_machine"), "0");
    let (first, kind) = world.draw("").await;
    assert_eq!((&*kind, &*world.metric("lmall_ids_lease_remaining_seconds")), ("snowflake", "49"));
    world.leases.set_away(true);
    pass(55).await;
    assert_eq!(world.draw("").await.1, "ulid");
    assert_eq!(world.metric("lmall_ids_lease_remaining_seconds"), "0");
    assert_eq!(world.metric("lmall_ids_machine"), "-1");
    world.leases.set_away(false);
    pass(5).await;
    let (later, kind) = world.draw("").await;
    assert_eq!(kind, "snowflake");
    assert!(later > first);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_changes_no_order() {
    let mut world = World::new();
    world.keep().await;
    let mut last = String::new();
    for (set_by_ms, rollbacks) in [(0, "0"), (-1_000, "1"), (-3_600_000, "2"), (60_000, "2")] {
        world.clock.set_wall_by(set_by_ms);
        let (ids, kind) = world.draw("?count=10").await;
        assert_eq!(kind, "snowflake");
        assert!(ids.first() > Some(&last), "{ids:?} after {last}");
        last = ids.last().cloned().expect("ten");
        assert_eq!(world.metric("lmall_ids_clock_rollbacks_total"), rollbacks, "{set_by_ms}");
    }
}
