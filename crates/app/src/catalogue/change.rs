//! Changing products and categories.

use lmall_domain::{
    AggregateId, Sku,
    catalogue::{CategoryPath, Change, Invalid, Offer, Product, change},
};

use super::{Catalogue, Category, row as rows};
use crate::{
    Changeset, OutboxRow, Trace,
    failure::{Failure, Round, chain, committed, rounds},
    row,
};

/// A product after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it is now.
    pub product: Product,
    /// Whether it is new.
    pub created: bool,
    /// Whether orders are priced by it from now on. If not, they soon will be: the change is
    /// durable, and so is its event.
    pub is_ordered_by: bool,
}

/// Why a product was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It could not be sold as described.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A category that is named is not there.
    #[error("there is no category `{0}`")]
    UnknownCategory(CategoryPath),
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

type Outcome = Result<Product, ChangeError>;

impl Catalogue {
    /// Changes a product: that is durable, and its event with it, before this returns. The order
    /// service is told in person besides, so that whoever changed a price may order by it.
    ///
    /// # Errors
    /// [`ChangeError`]; only a `Failed` may work later.
    pub async fn change(
        &self,
        sku: &Sku,
        wish: &Change,
        trace: &Trace,
    ) -> Result<Changed, ChangeError> {
        let salt = AggregateId::Product(sku.clone()).mixed();
        // Looked at first: a creation whose outcome was unknown is one all the same.
        let was_there = self.product(sku).await?.is_some();
        let product = rounds(&*self.clock, salt, async || {
            self.change_round(sku, wish.clone(), trace.clone()).await
        })
        .await??;
        let created = !was_there && product.version == 1;
        let is_ordered_by = self.tell(&product).await;
        Ok(Changed { product, created, is_ordered_by })
    }

    /// Takes over what the order service sold before there was a product service, unless the
    /// product is known here.
    ///
    /// # Errors
    /// When the store does not answer, or the product is not valid.
    pub async fn adopt(&self, offer: Offer) -> Result<(), ChangeError> {
        if let Some(product) = self.product(&offer.sku).await? {
            self.tell(&product).await;
            return Ok(());
        }
        let Offer { sku, name, pricing, .. } = offer;
        let wish = Change::Put { name, price: pricing.base, description: None, categories: None };
        self.change(&sku, &wish, &Trace::default()).await.map(drop)
    }

    /// Creates or renames a category; whether it is new. `None` when the category that it is in
    /// is not there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_category(&self, category: &Category) -> Result<Option<bool>, Failure> {
        if let Some(parent) = category.path.parent()
            && self.category(&parent).await?.is_none()
        {
            return Ok(None);
        }
        rounds(&*self.clock, 0, async || {
            let before = self.category(&category.path).await?;
            if before.as_ref().is_some_and(|before| before.value == *category) {
                return Ok(Round::Done(Some(false)));
            }
            let version = before.as_ref().map_or(0, |before| before.version);
            let changes = Changeset::new().put(rows::category(category), version);
            Ok(match committed(self.store.commit(changes).await)? {
                Ok(()) => Round::Done(Some(version == 0)),
                Err(_) => Round::Again,
            })
        })
        .await
    }

    async fn change_round(
        &self,
        sku: &Sku,
        wish: Change,
        trace: Trace,
    ) -> Result<Round<Outcome>, Failure> {
        let now = self.clock.now();
        let item = self.store.get(&rows::product_key(sku)).await?;
        let before = item.as_ref().map(row::decode::<Product>).transpose()?;
        let product = match change(sku, before.as_ref().map(|before| &before.value), wish, now) {
            Ok(Some(product)) => product,
            Ok(None) => {
                let before = before.map(|before| Ok(before.value));
                return Ok(before.map_or(Round::Again, Round::Done));
            }
            Err(invalid) => return Ok(Round::Done(Err(invalid.into()))),
        };
        let known = before.as_ref().map_or(&[][..], |before| &before.value.text.categories);
        for path in product.text.categories.iter().filter(|path| !known.contains(path)) {
            if self.category(path).await?.is_none() {
                return Ok(Round::Done(Err(ChangeError::UnknownCategory(path.clone()))));
            }
        }
        let version = before.map_or(0, |before| before.version);
        let event = product.changed().into();
        let outbox = OutboxRow::new(sku.clone(), product.version, event, now, trace);
        let changes = Changeset::new().put(rows::product(&product), version).event(Some(outbox));
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Ok(product)),
            Err(_) => Round::Again,
        })
    }

    /// Whether the order service has it. That it does not answer is no failure of the change.
    async fn tell(&self, product: &Product) -> bool {
        match self.copies.tell(&product.sku, &product.changed()).await {
            Ok(()) => true,
            Err(failure) => {
                let error = chain(&failure);
                tracing::warn!(product.sku = %product.sku, error, "orders learn of a price later");
                false
            }
        }
    }
}
