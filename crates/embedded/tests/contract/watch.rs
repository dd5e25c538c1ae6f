//! What every watch promises.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    Changeset,
    ports::{Store, Watch},
};
use lmall_contract::{
    clock::ManualClock,
    store::{Said, commit, key, row},
};

const LONG: Duration = Duration::from_secs(3600);

/// Whoever waits for a version hears of it, however the wait and the commit fall together: the
/// clock stands still, so a lost wake-up would wait for ever.
pub(crate) async fn no_lost_wake_up<S: Store + Watch + 'static>(store: Arc<S>) {
    for version in 0..200 {
        let own = Arc::clone(&store);
        let waiter = tokio::spawn(async move {
            own.changed(&key("p", "a"), version, LONG).await;
        });
        if version % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let change = Changeset::new().put(row("p", "a", "{}"), version);
        assert_eq!(commit(&*store, change).await, Said::Done);
        waiter.await.expect("the waiter does not panic");
    }
}

/// Without a change, it waits for as long as it was told.
pub(crate) async fn time_out<S: Store + Watch + 'static>(store: Arc<S>, clock: &ManualClock) {
    let insert = Changeset::new().put(row("p", "b", "{}"), 0);
    assert_eq!(commit(&*store, insert).await, Said::Done);
    let own = Arc::clone(&store);
    let waiter = tokio::spawn(async move {
        own.changed(&key("p", "b"), 1, Duration::from_secs(10)).await;
    });
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    // A change of another row is none of this one.
    let other = Changeset::new().put(row("p", "c", "{}"), 0);
    assert_eq!(commit(&*store, other).await, Said::Done);
    clock.advance(Duration::from_millis(9_999));
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    clock.advance(Duration::from_millis(1));
    waiter.await.expect("the waiter does not panic");
}
