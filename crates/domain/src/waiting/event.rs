//! What happens in a room.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::{CustomerId, Timestamp};

/// What happened in a room; what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It lets customers through in another way from now on.
    Changed {
        /// How.
        settings: Settings,
    },
    /// A customer has taken the next place.
    Joined {
        /// Who.
        customer_id: CustomerId,
    },
    /// Who waited there has gone.
    Left {
        /// The place.
        place: u32,
    },
    /// Who waited there is let through.
    Admitted {
        /// The place.
        place: u32,
        /// Units that may be ordered.
        quantity: u32,
        /// When.
        at: Timestamp,
        /// Until when they may.
        expires_at: Timestamp,
    },
    /// Who was let through has ordered.
    Ordered {
        /// The place.
        place: u32,
        /// How many units.
        quantity: u32,
    },
    /// Who was let through did not order, and cannot any more.
    Lapsed {
        /// The place.
        place: u32,
    },
}

/// What became of an admission, by the order service's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was used.
    Ordered {
        /// For so many units.
        quantity: u32,
    },
    /// It was not, and is void from now on.
    Void,
}
