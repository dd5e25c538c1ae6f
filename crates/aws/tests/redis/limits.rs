//! Rate limits on real Redis servers, and what tasks do without one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lmall_app::{
    limiter::{LocalLimiter, SharedLimiter},
    ports::{BucketId, Clock, RateLimiter},
};
use lmall_aws::redis::{Redis, RedisLimiter};
use lmall_contract::{clock::ManualClock, limiter};
use lmall_domain::limit::Limit;
use lmall_runtime::SystemClock;
use lmall_servers as servers;

fn on(url: &str) -> RedisLimiter {
    RedisLimiter::new(Redis::new(url).expect("an address"))
}

#[tokio::test]
async fn one_server_keeps_the_contract() {
    let server = servers::Redis::start();
    limiter::bursts(&on(&server.url())).await;
    limiter::bounds(&on(&server.url())).await;
}

#[tokio::test]
async fn a_cluster_keeps_the_contract() {
    let cluster = servers::RedisCluster::start();
    limiter::bursts(&on(&cluster.url())).await;
    limiter::bounds(&on(&cluster.url())).await;
}

#[tokio::test]
async fn a_single_process_keeps_the_contract() {
    let local = LocalLimiter::new(Arc::new(SystemClock::default()));
    limiter::bursts(&local).await;
    limiter::bounds(&local).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_together_admit_what_the_limit_says() {
    let server = servers::Redis::start();
    // Each with a connection of its own, as a process has it.
    let all = [(); 4].map(|()| on(&server.url()));
    let all = all.each_ref().map(|limiter| -> &dyn RateLimiter { limiter });
    limiter::rates(&all, Limit::per_second(1_000, 300), Duration::from_millis(1_200)).await;
}

#[tokio::test]
async fn a_bucket_that_is_full_again_is_forgotten() {
    let server = servers::Redis::start();
    let limiter = on(&server.url());
    let id = BucketId::new("read:address:203.0.113.7");
    limiter.take(&id, Limit::per_second(10, 10)).await.expect("it answers");
    let key = "lmall:limit:{read:address:203.0.113.7}";
    let left_ms: i64 = server.cli(&["pttl", key]).trim().parse().expect("a number");
    assert!((1..=1_100).contains(&left_ms), "{left_ms}");
}

/// Tokens that four tasks admit of a limit of 100, each asked for as many.
async fn admitted(tasks: &[SharedLimiter], name: &str) -> u32 {
    let mut admitted = 0;
    for task in tasks {
        for _ in 0..100 {
            let taken = task.take(&BucketId::new(name), Limit::per_minute(1, 100)).await;
            admitted += u32::from(taken.expect("it always answers").admitted);
        }
    }
    admitted
}

#[tokio::test]
async fn without_redis_each_task_admits_its_share_and_nobody_waits() {
    let mut server = servers::Redis::start();
    let clock = Arc::new(ManualClock::new());
    let tasks = [(); 4].map(|()| {
        let dynamic: Arc<dyn Clock> = clock.clone();
        SharedLimiter::new(Arc::new(on(&server.url())), 4, dynamic)
    });
    assert_eq!(admitted(&tasks, "a").await, 100);
    server.kill();
    let started = Instant::now();
    assert_eq!(admitted(&tasks, "a").await, 100, "a quarter each");
    assert!(tasks.iter().all(SharedLimiter::is_alone));
    let passed = started.elapsed();
    // 400 requests, of which one of each task may have waited for an answer.
    assert!(passed < Duration::from_secs(1), "{passed:?}");
    server.restart();
    assert_eq!(admitted(&tasks, "a").await, 0, "nobody looks whether it is back");
    clock.advance(Duration::from_secs(1));
    for task in &tasks {
        // The first one asks; what it hears holds for those that follow.
        let taken = task.take(&BucketId::new("b"), Limit::per_minute(1, 100)).await;
        assert!(taken.is_ok() && !task.is_alone());
    }
    assert_eq!(admitted(&tasks, "c").await, 100, "all of them together again");
}

#[tokio::test]
async fn a_redis_that_is_silent_costs_one_request_its_wait() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("redis://{}", silent.local_addr().expect("an address"));
    let task = SharedLimiter::new(Arc::new(on(&url)), 1, Arc::new(ManualClock::new()));
    let started = Instant::now();
    for _ in 0..200 {
        let taken = task.take(&BucketId::new("a"), Limit::per_second(1, 1)).await;
        assert!(taken.is_ok());
    }
    let passed = started.elapsed();
    assert!(passed < Duration::from_millis(500), "{passed:?} for 200 requests");
}
