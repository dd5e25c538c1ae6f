//! The product service's use cases.

mod buy;
mod change;
mod find;
mod leave;
mod read;
mod review;
pub mod row;

use std::sync::Arc;

pub use buy::Together;
pub use change::{ChangeError, Changed};
pub use find::{FOLLOW_EVERY, ProductSearch};
pub use read::{Category, QuoteError};
pub use review::{ReviewError, Wish as ReviewWish};

use crate::ports::{Clock, PriceCopies, Store, Table};

/// The product service.
#[derive(Clone)]
pub struct Catalogue {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) copies: Arc<dyn PriceCopies>,
}

impl Catalogue {
    /// The service on these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, copies: Arc<dyn PriceCopies>) -> Self {
        Self { store, clock, copies }
    }

    /// Now, as prices are in force.
    #[must_use]
    pub fn now(&self) -> lmall_domain::Timestamp {
        self.clock.now()
    }
}

/// The table of this service.
pub(crate) const TABLE: Table = Table::Catalogue;
