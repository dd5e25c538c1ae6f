//! Reviews: one for each customer and product, of what was bought.

use lmall_domain::{
    CustomerId, Sku,
    catalogue::{InvalidReview, Rating, Review, Stars},
};

use super::{Catalogue, TABLE, leave::while_there, row as rows};
use crate::{
    Changeset, Refusal, Write,
    failure::{Failure, Round, committed, rounds},
    ports::{Index, IndexQuery},
    row,
};

/// What a customer wants to say of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Of what.
    pub sku: Sku,
    /// By whom.
    pub customer_id: CustomerId,
    /// What the customer wants to be called.
    pub author: String,
    /// How good it is.
    pub rating: Rating,
    /// Why; may be empty.
    pub text: String,
}

/// Why there is no review.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// It cannot be shown.
    #[error(transparent)]
    Invalid(#[from] InvalidReview),
    /// No order of the customer with that product has been confirmed.
    #[error("only who has bought a product may review it")]
    NotBought,
    /// It could not be carried out; the same request may be sent again.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Catalogue {
    /// Takes a review in, in place of the one before; whether there was none.
    ///
    /// # Errors
    /// [`ReviewError`]; only a `Failed` may work later.
    pub async fn review(&self, wish: &Wish) -> Result<(Review, bool), ReviewError> {
        let Wish { sku, customer_id, author, rating, text } = wish.clone();
        let written_at = self.clock.now();
        let review = Review { sku, customer_id, author, rating, text, written_at }.checked()?;
        let taken = rounds(&*self.clock, 0, async || self.review_round(&review).await).await?;
        taken.ok_or(ReviewError::NotBought)
    }

    /// Reviews of a product, newest first, past `after`; and `after` of the next page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reviews(
        &self,
        sku: &Sku,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Review>, Option<String>), Failure> {
        let query = IndexQuery {
            table: TABLE,
            index: Index::ByProduct,
            partition: sku.to_string(),
            after,
            until: None,
            limit,
            descending: true,
        };
        let page = self.store.query_index(&query).await?;
        let reviews = page.items.iter().map(|item| row::decode(item).map(|row| row.value));
        Ok((reviews.collect::<Result<_, _>>()?, page.next))
    }

    /// How many reviews have how many stars.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn stars(&self, sku: &Sku) -> Result<Stars, Failure> {
        let item = self.store.get(&rows::stars_key(sku)).await?;
        let stars = item.as_ref().map(row::decode::<Stars>).transpose()?;
        Ok(stars.map(|stars| stars.value).unwrap_or_default())
    }

    /// `None` when who writes has not bought it, or is not that customer any more.
    async fn review_round(
        &self,
        review: &Review,
    ) -> Result<Round<Option<(Review, bool)>>, Failure> {
        let writer = &review.customer_id;
        if self.now_of(writer).await?.as_ref() != Some(writer)
            || !self.has_bought(writer, &review.sku).await?
        {
            return Ok(Round::Done(None));
        }
        let item = self.store.get(&rows::review_key(&review.customer_id, &review.sku)).await?;
        let before = item.as_ref().map(row::decode::<Review>).transpose()?;
        let at_once = |before: &Review| Review { written_at: review.written_at, ..before.clone() };
        if let Some(before) = &before
            && at_once(&before.value) == *review
        {
            // Sent again, or an outcome that was unknown. The date says which.
            let is_new = before.value.written_at == review.written_at && before.version == 1;
            return Ok(Round::Done(Some((before.value.clone(), is_new))));
        }
        let version = before.as_ref().map_or(0, |before| before.version);
        let changes = while_there(Changeset::new(), writer).put(rows::review(review), version);
        let old = before.map(|before| before.value.rating);
        let changes = self.counted(changes, review, old).await?;
        Ok(match committed(self.store.commit(changes).await)? {
            Ok(()) => Round::Done(Some((review.clone(), version == 0))),
            Err(_) => Round::Again,
        })
    }

    /// The same, with the stars of the review in place of the old ones.
    async fn counted(
        &self,
        changes: Changeset,
        review: &Review,
        old: Option<Rating>,
    ) -> Result<Changeset, Failure> {
        let key = rows::stars_key(&review.sku);
        let new = review.rating;
        if old == Some(new) {
            return Ok(changes);
        }
        let deltas: Vec<_> =
            old.map(|old| (old.counter(), -1)).into_iter().chain([(new.counter(), 1)]).collect();
        if self.store.get(&key).await?.is_some() {
            return Ok(changes.with(Write::Adjust(key, deltas), Refusal::Stale));
        }
        Ok(changes.insert(row::plain(key, &Stars::one(new)), Refusal::Stale))
    }
}
