//! The order service's own copy of the catalogue: what orders are priced by.
//!
//! It is told of a change twice: at once by the product service ([`PriceCopies`]), so that whoever
//! changed a price may order by it, and by `product.changed`, for certain. The version of the
//! product guards the copy, so neither has to come first, or once.

use async_trait::async_trait;
use lmall_domain::{
    Money, Sku,
    catalogue::{Offer, Pricing},
    event::ProductChanged,
};
use serde::Deserialize;

use super::{Orders, TABLE};
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
        Ok(self.copy(sku).await?.map(|copy| copy.value))
    }

    /// Takes a product into the copy, unless that has this version or a newer one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn learn(&self, offer: &Offer) -> Result<(), Failure> {
        rounds(&*self.clock, 0, async || {
            let before = self.copy(&offer.sku).await?;
            if is_known(before.as_ref(), offer) {
                return Ok(Round::Done(()));
            }
            let changes = Changeset::new().put(copy_row(offer), version(before.as_ref()));
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(()),
                Err(_) => Round::Again,
            })
        })
        .await
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
            let handled = incoming.dedupe_row(TABLE, self.clock.now());
            let mut changes = Changeset::new().insert(handled, Refusal::AlreadyHandled);
            let before = self.copy(&offer.sku).await?;
            if !is_known(before.as_ref(), &offer) {
                changes = changes.put(copy_row(&offer), version(before.as_ref()));
            }
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) | Err(Refusal::AlreadyHandled) => Round::Done(()),
                Err(Refusal::Stale | Refusal::OutOfStock) => Round::Again,
            })
        })
        .await
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

fn is_known(before: Option<&Versioned<Offer>>, offer: &Offer) -> bool {
    before.is_some_and(|before| before.value.version >= offer.version)
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
