//! The names of an order's states on the wire.

use lmall_domain::{event, order};
use serde::Serialize;
use utoipa::ToSchema;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Status {
    /// Placed, not fully paid.
    Pending,
    /// Paid, waiting for stock.
    Paid,
    /// Paid, and its stock is held or sold.
    Confirmed,
    /// Waiting for its stock to be released.
    Canceling,
    /// Ended without a sale.
    Canceled,
}

/// What an order knows of its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stock {
    /// Not answered yet.
    Pending,
    /// Reserved for this order.
    Held,
    /// There was not enough.
    Refused,
    /// Given back.
    Released,
    /// Sold to this order.
    Sold,
}

/// Why an order is being or was canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CancelReason {
    /// The customer asked for it.
    Customer,
    /// It was not paid by `pay_by`.
    PaymentTimeout,
    /// Its stock could not be held.
    OutOfStock,
    /// Its reservation lapsed before it was paid.
    ReservationExpired,
}

impl From<order::Status> for Status {
    fn from(status: order::Status) -> Self {
        match status {
            order::Status::Pending => Self::Pending,
            order::Status::Paid => Self::Paid,
            order::Status::Confirmed => Self::Confirmed,
            order::Status::Canceling => Self::Canceling,
            order::Status::Canceled => Self::Canceled,
        }
    }
}

impl From<order::Stock> for Stock {
    fn from(stock: order::Stock) -> Self {
        match stock {
            order::Stock::Pending => Self::Pending,
            order::Stock::Held => Self::Held,
            order::Stock::Refused => Self::Refused,
            order::Stock::Released => Self::Released,
            order::Stock::Sold => Self::Sold,
        }
    }
}

impl From<event::CancelReason> for CancelReason {
    fn from(reason: event::CancelReason) -> Self {
        match reason {
            event::CancelReason::Customer => Self::Customer,
            event::CancelReason::PaymentTimeout => Self::PaymentTimeout,
            event::CancelReason::OutOfStock => Self::OutOfStock,
            event::CancelReason::ReservationExpired => Self::ReservationExpired,
        }
    }
}
