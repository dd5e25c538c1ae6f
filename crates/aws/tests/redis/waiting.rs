//! The contract of waiting rooms, on one server and on a cluster; and what is left of them when
//! Redis is lost.

use std::time::Duration;

use lmall_app::ports::{Joined, WaitingRooms};
use lmall_aws::redis::{Redis, RedisRooms};
use lmall_contract::{
    time::RealTime,
    waiting::{self, customer, settings, sku},
    waiting_model,
};
use lmall_domain::waiting::{Pace, Standing};
use lmall_servers as servers;
use proptest::{prelude::*, test_runner::TestRunner};

fn on(url: &str) -> RedisRooms {
    RedisRooms::new(Redis::new(url).expect("an address"))
}

macro_rules! contract {
    ($($name:ident => |$rooms:ident| $run:expr;)*) => {
        mod one_server {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let server = servers::Redis::start();
                let $rooms = &on(&server.url());
                $run.await;
            })*
        }

        mod a_cluster {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let cluster = servers::RedisCluster::start();
                let $rooms = &on(&cluster.url());
                $run.await;
            })*
        }
    };
}

contract! {
    first_come_first_served => |rooms| waiting::places(rooms);
    no_more_are_let_through_than_there_are_units =>
        |rooms| waiting::admissions(rooms, &RealTime);
    what_is_not_used_is_the_next_ones => |rooms| waiting::abandonment(rooms, &RealTime);
    the_rate_is_kept => |rooms| waiting::rate(rooms, &RealTime);
    a_closed_room_is_gone => |rooms| waiting::closing(rooms, &RealTime);
    who_comes_twice_at_once_has_one_place => |rooms| waiting::concurrent_arrivals(rooms);
}

#[test]
fn any_calls_do_what_the_room_does() {
    let server = servers::Redis::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let rooms = on(&server.url());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let checked = runner.run(&waiting_model::calls(), |calls| {
        runtime.block_on(waiting_model::agrees(&rooms, &RealTime, calls));
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn an_estimate_follows_from_who_was_let_through() {
    let server = servers::Redis::start();
    let rooms = on(&server.url());
    let tea = sku("tea");
    rooms.open(&tea, settings(1_000)).await.expect("it answers");
    for number in 0..60 {
        rooms.join(&tea, &customer(&format!("c{number}"))).await.expect("it answers");
    }
    let estimate = async || match rooms.visit(&tea, &customer("c59")).await.expect("it answers") {
        Some(Standing::Waiting { estimate, .. }) => estimate,
        other => panic!("{other:?}"),
    };
    assert_eq!(estimate().await, None, "nobody was let through yet");
    // One, which is allowed at once, and then some of those that a millisecond allows.
    let mut admitted = 0;
    while admitted < 10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        admitted += rooms.admit(&tea, Pace::FULL).await.expect("it answers");
    }
    if admitted < 60 {
        let estimate = estimate().await.expect("there is something to judge by");
        assert!(estimate.from_s <= estimate.to_s && estimate.to_s < 60, "{estimate:?}");
    }
}

#[tokio::test]
async fn a_redis_that_is_lost_takes_the_line_with_it_and_a_new_one_can_be_opened() {
    let server = servers::Redis::start();
    let rooms = on(&server.url());
    let tea = sku("tea");
    rooms.open(&tea, settings(1)).await.expect("it answers");
    rooms.join(&tea, &customer("ann")).await.expect("it answers");
    assert_eq!(server.cli(&["flushall"]).trim(), "OK");
    assert_eq!(rooms.visit(&tea, &customer("ann")).await.expect("it answers"), None);
    assert_eq!(rooms.join(&tea, &customer("ann")).await.expect("it answers"), Joined::NoRoom);
    assert!(rooms.open(&tea, settings(1)).await.expect("it answers"));
    let joined = rooms.join(&tea, &customer("ann")).await.expect("it answers");
    assert!(matches!(joined, Joined::New(Standing::Waiting { place: 1, .. })), "{joined:?}");
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_not_an_empty_room() {
    let mut server = servers::Redis::start();
    let rooms = on(&server.url());
    rooms.open(&sku("tea"), settings(1)).await.expect("it answers");
    server.kill();
    rooms.visit(&sku("tea"), &customer("ann")).await.expect_err("it is away");
    rooms.join(&sku("tea"), &customer("ann")).await.expect_err("it is away");
}
