//! What operators need: the audit, and dead letters.

pub mod audit;
pub mod dead_letters;
