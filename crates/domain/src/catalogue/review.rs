//! What customers say of a product that they bought.

use serde::{Deserialize, Serialize};

use crate::{
    CustomerId, Sku, Timestamp,
    limits::{REVIEW_AUTHOR_MAX, REVIEW_TEXT_MAX},
};

/// One to five stars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Rating(u8);

/// What one customer says of one product: a later one takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Of what.
    pub sku: Sku,
    /// By whom: for us alone.
    pub customer_id: CustomerId,
    /// What the customer wants to be called in public.
    pub author: String,
    /// How good it is.
    pub rating: Rating,
    /// Why; may be empty.
    pub text: String,
    /// When it was written, or replaced.
    pub written_at: Timestamp,
}

/// How many reviews have how many stars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stars {
    /// One star.
    pub one: i64,
    /// Two stars.
    pub two: i64,
    /// Three stars.
    pub three: i64,
    /// Four stars.
    pub four: i64,
    /// Five stars.
    pub five: i64,
}

/// A review that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReview {
    /// None, or more than there are.
    #[error("a rating is 1 to 5")]
    Rating,
    /// No name, or too long a one.
    #[error("an author has 1 to {REVIEW_AUTHOR_MAX} characters")]
    Author,
    /// Too long.
    #[error("a text has at most {REVIEW_TEXT_MAX} characters")]
    Text,
}

impl Rating {
    /// So many stars.
    ///
    /// # Errors
    /// [`InvalidReview::Rating`] unless they are 1 to 5.
    pub fn new(stars: i64) -> Result<Self, InvalidReview> {
        let stars = u8::try_from(stars).ok().filter(|stars| (1..=5).contains(stars));
        stars.map(Self).ok_or(InvalidReview::Rating)
    }

    /// How many stars.
    #[must_use]
    pub const fn stars(self) -> u8 {
        self.0
    }

    /// The member of [`Stars`] that counts it.
    #[must_use]
    pub const fn counter(self) -> &'static str {
        match self.0 {
            1 => "one",
            2 => "two",
            3 => "three",
            4 => "four",
            // `new` lets no other number in.
            _ => "five",
        }
    }
}

impl Stars {
    /// Those of one review.
    #[must_use]
    pub fn one(rating: Rating) -> Self {
        let count = |stars| i64::from(rating.stars() == stars);
        let [one, two, three, four, five] = [1, 2, 3, 4, 5].map(count);
        Self { one, two, three, four, five }
    }
}

impl TryFrom<u8> for Rating {
    type Error = InvalidReview;

    fn try_from(stars: u8) -> Result<Self, InvalidReview> {
        Self::new(stars.into())
    }
}

impl From<Rating> for u8 {
    fn from(rating: Rating) -> Self {
        rating.stars()
    }
}

impl Review {
    /// The same, if it can be shown.
    ///
    /// # Errors
    /// [`InvalidReview`] names what is wrong.
    pub fn checked(self) -> Result<Self, InvalidReview> {
        if self.author.trim().is_empty() || self.author.chars().count() > REVIEW_AUTHOR_MAX {
            return Err(InvalidReview::Author);
        }
        if self.text.chars().count() > REVIEW_TEXT_MAX {
            return Err(InvalidReview::Text);
        }
        Ok(self)
    }
}
