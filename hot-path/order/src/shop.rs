//! What the routes work with.

use lmall_app::order::Orders;
use lmall_web::Guarded;

/// The state of the router.
pub(crate) type Shop = Guarded<Parts>;

/// What a [`Shop`] gives access to.
pub(crate) struct Parts {
    pub(crate) orders: Orders,
}
