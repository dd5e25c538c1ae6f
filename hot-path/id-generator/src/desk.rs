//! What the routes work with.

use std::sync::Arc;

use lmall_app::ids::{Ids, public::PublicIds};
use lmall_web::Guarded;

use crate::watch::Made;

/// The state of the router.
pub(crate) type Desk = Guarded<(Parts, Made)>;

/// What the routes need.
pub struct Parts {
    /// Where ids come from.
    pub ids: Arc<Ids>,
    /// What ids are called in public.
    pub public_ids: PublicIds,
}
