//! The order service's own copy of the catalogue: what orders are priced by.
//!
//! It is told of a change twice: at once by the product service ([`PriceCopies`]), so that whoever
//! changed a price may order by it, and by `product.changed`, for certain. The version of the
//! product guards the copy, so neither has to come first, or once.

use std::time::Duration;

use async_trait::async_trait;
use lmall_domain::{
    Money, Sku,
    catalogue::{Offer, Pricing},
    event::ProductChanged,
};
use serde::Deserialize;

use super::{Orders, TABLE, offers};
use crate::{
    Changeset, Refusal,
    consumer::Incoming,
    failure::{Failure, Round, committed, rounds},
    ports::{Item, PriceCopies, Query},
    row::{self, Versioned},
};

/// What a row of the copy may be like.
#[derive(Deserialize)]
struct Kept {
    sku: Sku,
    name: String,
    #[serde(default)]
    version: u32,
    #[serde(default)]
    pricing: Option<Pricing>,
    /// In rows from before the product service: the only price.
    #[serde(default)]
    price: Option<Money>,
}

impl Orders {
    /// The product as it is priced now; `None` when the order service was never told of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn offer(&self, sku: &Sku) -> Result<Option<Offer>, Failure> {
        let now = self.clock.monotonic();
        if let Some(offer) = self.kept_offers.as_ref().and_then(|kept| kept.get(sku, now)) {
            return Ok(Some(offer));
        }
        let offer = self.copy(sku).await?.map(|copy| copy.value);
        if let Some(offer) = &offer {
            self.keep(offer, now);
        }
        Ok(offer)
    }

    /// Takes a product into the copy, unless that has this version or a newer one. Where offers
    /// are kept, it returns when nobody can have kept an older one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn learn(&self, offer: &Offer) -> Result<(), Failure> {
        let was_there = rounds(&*self.clock, 0, async || {
            let now = self.clock.monotonic();
            let before = self.copy(&offer.sku).await?;
            let newest = known(before.as_ref(), offer);
            if newest.is_none() {
                let changes = Changeset::new().put(copy_row(offer), version(before.as_ref()));
                if committed(self.store.commit(changes).await)?.is_err() {
                    return Ok(Round::Again);
                }
            }
            self.keep(newest.unwrap_or(offer), now);
            Ok(Round::Done(before.is_some()))
        })
        .await?;
        if was_there && self.kept_offers.is_some() {
            self.clock.sleep(offers::FRESH_FOR).await;
        }
        Ok(())
    }

    /// What was in the copy before there was a product service, past `after`; and `after` of the
    /// next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn offers_of_old(
        &self,
        after: Option<String>,
    ) -> Result<(Vec<Offer>, Option<String>), Failure> {
        let query = Query {
            table: TABLE,
            partition: row::CATALOGUE.to_owned(),
            prefix: String::new(),
            after,
            limit: PAGE,
            descending: false,
        };
        let page = self.store.query(&query).await?;
        let offers = page.items.iter().map(|item| decode(item).map(|copy| copy.value));
        let offers: Vec<_> = offers.collect::<Result<_, _>>()?;
        Ok((offers.into_iter().filter(|offer| offer.version == 0).collect(), page.next))
    }

    /// `product.changed`: the same as [`Orders::learn`], with the dedupe row.
    pub(super) async fn hear_of_product(
        &self,
        incoming: &Incoming,
        changed: &ProductChanged,
    ) -> Result<(), Failure> {
        let offer = Offer::told(incoming.product()?.clone(), changed);
        rounds(&*self.clock, incoming.envelope.aggregate_id.mixed(), async || {
            let now = self.clock.monotonic();
            let handled = incoming.dedupe_row(TABLE, self.clock.now());
            let mut changes = Changeset::new().insert(handled, Refusal::AlreadyHandled);
            let before = self.copy(&offer.sku).await?;
            let newest = known(before.as_ref(), &offer);
            if newest.is_none() {
                changes = changes.put(copy_row(&offer), version(before.as_ref()));
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => {
                    self.keep(newest.unwrap_or(&offer), now);
                    Round::Done(())
                }
                Err(Refusal::AlreadyHandled) => Round::Done(()),
                Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
            })
        })
        .await
    }

    fn keep(&self, offer: &Offer, at: Duration) {
        if let Some(kept) = &self.kept_offers {
            kept.keep(offer.clone(), at);
        }
    }

    async fn copy(&self, sku: &Sku) -> Result<Option<Versioned<Offer>>, Failure> {
        self.store.get(&row::offer_key(sku)).await?.as_ref().map(decode).transpose()
    }
}

#[async_trait]
impl PriceCopies for Orders {
    async fn tell(&self, sku: &Sku, changed: &ProductChanged) -> Result<(), Failure> {
        self.learn(&Offer::told(sku.clone(), changed)).await
    }
}

/// Rows read in one query.
const PAGE: usize = 256;

/// What the copy has, if that is not older than the offer.
fn known<'a>(before: Option<&'a Versioned<Offer>>, offer: &Offer) -> Option<&'a Offer> {
    before.map(|before| &before.value).filter(|before| before.version >= offer.version)
}

fn version(before: Option<&Versioned<Offer>>) -> u64 {
    before.map_or(0, |before| before.version)
}

fn copy_row(offer: &Offer) -> crate::ports::NewRow {
    row::plain(row::offer_key(&offer.sku), offer)
}

fn decode(item: &Item) -> Result<Versioned<Offer>, Failure> {
    let Versioned { value: kept, version } = row::decode::<Kept>(item)?;
    let pricing = kept.pricing.or_else(|| kept.price.map(Pricing::fixed));
    let pricing = pricing.ok_or_else(|| {
        let error = serde::de::Error::missing_field("pricing");
        Failure::Corrupt(item.key.clone(), error)
    })?;
    let Kept { sku, name, version: of_product, .. } = kept;
    Ok(Versioned { value: Offer { sku, name, version: of_product, pricing }, version })
}
