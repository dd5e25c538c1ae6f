//! The product service: products, prices, search, reviews, recommendations.
