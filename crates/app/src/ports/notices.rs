//! What operators are told.

use async_trait::async_trait;

/// Something that an operator has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A message was replayed often enough, or cannot succeed.
    MessageParked {
        /// Its queue.
        queue: &'static str,
        /// Its id among the dead letters.
        id: String,
        /// What it tells of.
        event_type: String,
        /// The order.
        order_id: String,
        /// Why it died.
        cause: String,
    },
    /// A provider's statement and the payments here do not agree.
    ReconciliationDiffers {
        /// Rows of the statement.
        rows: usize,
        /// Rows that differ.
        differs: usize,
    },
    /// The stock gate had drifted from the ledger, and was rebuilt.
    GateDrifted {
        /// SKUs that had.
        skus: usize,
    },
}

impl Notice {
    /// What kind it is.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MessageParked { .. } => "MessageParked",
            Self::ReconciliationDiffers { .. } => "ReconciliationDiffers",
            Self::GateDrifted { .. } => "GateDrifted",
        }
    }
}

/// Tells nobody but the log.
#[derive(Debug, Clone, Copy)]
pub struct LoggedNotices;

#[async_trait]
impl Notices for LoggedNotices {
    async fn tell(&self, notice: Notice) {
        match &notice {
            Notice::MessageParked { queue, id, event_type, order_id, cause } => tracing::error!(
                queue.name = queue,
                message.id = id,
                message.group = order_id,
                message.event_type = event_type,
                error = cause,
                "message parked: an operator has to look at it"
            ),
            Notice::ReconciliationDiffers { rows, differs } => {
                tracing::error!(rows, differs, "a provider's statement differs from the payments");
            }
            Notice::GateDrifted { skus } => {
                tracing::warn!(skus, "the stock gate had drifted, and was rebuilt");
            }
        }
    }
}

/// A way to tell operators. Telling is best effort: what is told is stored elsewhere, and logged.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Tells it; a failure is logged.
    async fn tell(&self, notice: Notice);
}
