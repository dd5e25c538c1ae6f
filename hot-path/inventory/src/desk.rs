//! What the routes work with.

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRef;
use lmall_app::stock::Inventory;
use lmall_web::OperatorToken;

/// The state of the router; a clone is one more reference.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Parts>);

/// What a [`Desk`] gives access to.
pub(crate) struct Parts {
    pub(crate) inventory: Inventory,
    operator_token: OperatorToken,
}

impl Desk {
    pub(crate) fn new(inventory: Inventory, operator_token: OperatorToken) -> Self {
        Self(Arc::new(Parts { inventory, operator_token }))
    }
}

impl Deref for Desk {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Desk> for OperatorToken {
    fn from_ref(desk: &Desk) -> Self {
        desk.operator_token.clone()
    }
}
