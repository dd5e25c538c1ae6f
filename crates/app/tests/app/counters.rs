//! The rows that count ended orders.

use std::{sync::Arc, time::Duration};

use lmall_app::{
    order::{Orders, Settings},
    ports::Store,
    row,
};

use super::support::{
    clock::TestClock,
    nobody::Nobody,
    store::{Fault, MemStore},
};

#[tokio::test(start_paused = true)]
async fn a_counter_whose_creation_was_lost_is_created_all_the_same() {
    for fault in [Fault::Lost, Fault::Unanswered] {
        let store = Arc::new(MemStore::default());
        let nobody = Arc::new(Nobody);
        let settings = Settings { payment_timeout: Duration::from_secs(900) };
        let clock = Arc::new(TestClock::new());
        let orders = Orders::new(store.clone(), nobody.clone(), clock, nobody, settings);
        store.fail_commits([fault]);
        orders.prepare().await.expect("the store is there");
        for shard in 0..row::TALLY_SHARDS {
            let counter = store.get(&row::tally_key(shard)).await.expect("the store is there");
            assert!(counter.is_some(), "{fault:?}: shard {shard} has no counter");
        }
    }
}
