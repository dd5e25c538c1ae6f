//! Flash sales: a line in front of ordering, and a token for those who are let through.
//!
//! The rooms say who is next, the order service says what became of each admission, and neither
//! believes the other: an admission is used, or ended, by one row that the order service writes
//! once ([`crate::order`]). So units that were promised and not ordered go to the next in line,
//! and a token can be good for one order at most, whatever the rooms have forgotten.

mod doorman;
mod load;
mod token;

pub use doorman::{Doorman, ROUND};
pub use load::Load;
pub use token::{AdmissionKeys, InvalidKeys, InvalidToken, TOKEN_LEN_MAX, admission_id};
