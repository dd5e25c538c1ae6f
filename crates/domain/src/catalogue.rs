//! The catalogue: products, what they cost, and what customers say of them.

mod category;
mod offer;
mod pricing;
mod product;
mod quote;
mod review;

pub use category::CategoryPath;
pub use offer::Offer;
pub use pricing::{InvalidPricing, Off, Price, Pricing, Rule, Step};
pub use product::{Change, Invalid, Product, Text, change};
pub use quote::{Applied, ListPrice, Quote, QuotedLine, UnitPrice, quote};
pub use review::{InvalidReview, Rating, Review, Stars};
