//! What offers were a moment ago: a SKU that many order is not read again for each of them.
//!
//! At 5,000 orders a second of one SKU its row alone would be read more often than a partition of
//! `DynamoDB` can be: 3,000 read units a second.

use std::{collections::HashMap, time::Duration};

use lmall_domain::{Sku, catalogue::Offer};
use parking_lot::Mutex;

/// For how long an offer is believed.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(1);

/// Offers in memory: some 1 KB each. There are no more until some are stale.
const OFFERS_MAX: usize = 10_000;

/// The offers that were read or learned last.
#[derive(Default)]
pub(super) struct Offers {
    read: Mutex<HashMap<Sku, Read>>,
}

struct Read {
    offer: Offer,
    /// On the monotonic clock, before it was asked for.
    at: Duration,
}

impl Read {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) < FRESH_FOR
    }
}

impl Offers {
    /// The offer, if it is fresh.
    pub(super) fn get(&self, sku: &Sku, now: Duration) -> Option<Offer> {
        let read = self.read.lock();
        read.get(sku).filter(|read| read.is_fresh(now)).map(|read| read.offer.clone())
    }

    /// Keeps what the store had at that time, unless a newer version is known.
    pub(super) fn keep(&self, offer: Offer, at: Duration) {
        let mut read = self.read.lock();
        if let Some(known) = read.get(&offer.sku) {
            if known.offer.version > offer.version {
                return;
            }
        } else if read.len() >= OFFERS_MAX {
            read.retain(|_, read| read.is_fresh(at));
            if read.len() >= OFFERS_MAX {
                return;
            }
        }
        read.insert(offer.sku.clone(), Read { offer, at });
    }
}

#[cfg(test)]
mod tests {
    use lmall_domain::{Money, money::Currency};

    use super::*;

    fn offer(sku: &str, version: u32) -> Offer {
        let price = Money::new(500, Currency::from_code("EUR").expect("a currency"));
        let offer = Offer::new(sku.parse().expect("a SKU"), "Tea".to_owned(), price);
        Offer { version, ..offer.expect("an offer") }
    }

    fn versions(offers: &Offers, skus: &[&str], now: Duration) -> Vec<Option<u32>> {
        let version = |sku: &&str| Some(offers.get(&sku.parse().ok()?, now)?.version);
        skus.iter().map(version).collect()
    }

    #[test]
    fn an_offer_is_believed_for_a_second_from_when_it_was_asked_for() {
        let (offers, second) = (Offers::default(), Duration::from_secs(1));
        offers.keep(offer("tea", 1), second);
        let before = 2 * second - Duration::from_nanos(1);
        assert_eq!(versions(&offers, &["tea", "cup"], before), [Some(1), None]);
        assert_eq!(versions(&offers, &["tea"], 2 * second), [None]);
        offers.keep(offer("tea", 1), 3 * second);
        assert_eq!(versions(&offers, &["tea"], 3 * second), [Some(1)]);
    }

    #[test]
    fn what_was_asked_for_before_a_change_does_not_hide_it() {
        let (offers, second) = (Offers::default(), Duration::from_secs(1));
        offers.keep(offer("tea", 2), 2 * second);
        offers.keep(offer("tea", 1), second);
        assert_eq!(versions(&offers, &["tea"], 2 * second), [Some(2)]);
    }

    #[test]
    fn there_are_never_more_than_fit() {
        let (offers, second) = (Offers::default(), Duration::from_secs(1));
        for number in 0..=OFFERS_MAX {
            offers.keep(offer(&format!("tea-{number}"), 1), second);
        }
        let last = format!("tea-{OFFERS_MAX}");
        assert_eq!(versions(&offers, &["tea-0", &last], second), [Some(1), None]);
        offers.keep(offer(&last, 1), 2 * second);
        assert_eq!(versions(&offers, &["tea-0", &last], 2 * second), [None, Some(1)]);
        assert_eq!(offers.read.lock().len(), 1);
    }
}
