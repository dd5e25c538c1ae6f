//! What the routes work with.

use lmall_app::stock::Inventory;
use lmall_web::Guarded;

/// The state of the router.
pub(crate) type Desk = Guarded<Parts>;

/// What a [`Desk`] gives access to.
pub(crate) struct Parts {
    pub(crate) inventory: Inventory,
}
