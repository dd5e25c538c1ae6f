//! Two tasks of the order service that keep the offers they have read.

use std::{sync::Arc, time::Duration};

use lmall_app::order::{Orders, Settings};
use lmall_domain::{
    catalogue::Offer,
    money::{Currency, Money},
};

use super::support::{clock::TestClock, nobody::Nobody, store::MemStore};

fn offer(version: u32) -> Offer {
    let price = Money::new(500, Currency::from_code("EUR").expect("a currency"));
    let offer = Offer::new("tea".parse().expect("a SKU"), "Tea".to_owned(), price);
    Offer { version, ..offer.expect("an offer") }
}

async fn version(orders: &Orders) -> Option<u32> {
    let offer = orders.offer(&offer(1).sku).await.expect("the store is there");
    offer.map(|offer| offer.version)
}

/// Two that keep offers, and one on the same store that does not.
fn tasks() -> [Orders; 3] {
    let (store, clock) = (Arc::new(MemStore::default()), Arc::new(TestClock::new()));
    let (nobody, payment_timeout) = (Arc::new(Nobody), Duration::from_secs(900));
    let settings = Settings { payment_timeout };
    let plain = Orders::new(store, nobody.clone(), clock, nobody, settings);
    [plain.clone().with_kept_offers(), plain.clone().with_kept_offers(), plain]
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_read_once_a_second() {
    let [task, _, plain] = tasks();
    assert_eq!(version(&task).await, None);
    plain.learn(&offer(1)).await.expect("the store is there");
    assert_eq!(version(&task).await, Some(1), "a product that is not there is not remembered");
    plain.learn(&offer(2)).await.expect("the store is there");
    tokio::time::advance(Duration::from_millis(999)).await;
    assert_eq!((version(&task).await, version(&plain).await), (Some(1), Some(2)));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(version(&task).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_changed_an_offer_may_order_by_it_from_any_task() {
    let [told, other, _] = tasks();
    told.learn(&offer(1)).await.expect("the store is there");
    assert_eq!(version(&other).await, Some(1));
    for again in [false, true] {
        told.learn(&offer(2)).await.expect("the store is there");
        let versions = (version(&told).await, version(&other).await);
        assert_eq!(versions, (Some(2), Some(2)), "{again}");
    }
    told.learn(&offer(1)).await.expect("the store is there");
    assert_eq!(version(&told).await, Some(2), "an older one was told later");
}
