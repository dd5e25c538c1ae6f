//! The payload of each event. Fields may be added within schema 1.x, never removed or renamed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CustomerId, Money, PaymentId, ProviderName, RefundId, Sku, Timestamp, catalogue::Pricing,
};

/// How many units of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SkuQuantity {
    /// The SKU; each stands in an order once.
    pub sku: Sku,
    /// Units, at least 1.
    pub quantity: u32,
}

/// Money that an order wants to be given back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RefundDue {
    /// `{order_id}-refund-{n}`.
    pub refund_id: RefundId,
    /// How much.
    pub amount: Money,
}

/// Why an order was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The customer asked for it.
    Customer,
    /// It was not paid by `pay_by`.
    PaymentTimeout,
    /// Its stock could not be held.
    OutOfStock,
    /// Its reservation lapsed before it was paid.
    ReservationExpired,
}

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct OrderCreated {
    /// Who placed it.
    pub customer_id: CustomerId,
    /// What to hold, by SKU in ascending order.
    pub lines: Vec<SkuQuantity>,
    /// What to collect.
    pub total: Money,
    /// When an unpaid order is canceled.
    pub pay_by: Timestamp,
}

/// An order wants its stock back on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelRequested {
    /// Why.
    pub reason: CancelReason,
}

/// An order is paid and its stock is held.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    /// Who placed it; absent in events of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// What was bought, by SKU in ascending order; empty in events of old.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<SkuQuantity>,
    /// What was collected beyond the total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<RefundDue>,
}

/// An order ended without a sale.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct OrderCanceled {
    /// Why.
    pub reason: CancelReason,
    /// What was collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<RefundDue>,
}

/// Money came that is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct OrderRefundRequested {
    /// What to give back.
    pub refund_due: RefundDue,
}

/// All lines of an order are held.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InventoryReserved {
    /// When the reservation lapses.
    pub expires_at: Timestamp,
}

/// The lines of an order cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InventoryRejected {
    /// The first SKU that there was not enough of, when one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
}

/// Why stock went back on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The order asked for it.
    Canceled,
    /// The reservation lapsed.
    Expired,
}

/// The order holds no stock (any more).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InventoryReleased {
    /// Why.
    pub reason: ReleaseReason,
}

/// The lines of an order are sold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct InventoryConfirmed {}

/// A provider collected money for an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptured {
    /// Which provider.
    pub provider: ProviderName,
    /// The provider's event.
    pub provider_event_id: PaymentId,
    /// The provider's payment.
    pub payment_id: PaymentId,
    /// How much, at least one minor unit.
    pub amount: Money,
}

/// A provider could not collect money for an order; the buyer may try again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFailed {
    /// Which provider.
    pub provider: ProviderName,
    /// The provider's event.
    pub provider_event_id: PaymentId,
}

/// A provider gave money back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    /// Which provider.
    pub provider: ProviderName,
    /// The refund that the order asked for; absent when the provider acted on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// How much.
    pub amount: Money,
}

/// A product was created or changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ProductChanged {
    /// Counts the changes of the product, from 1: an older one never overwrites a newer one.
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// All that it costs from now on.
    pub pricing: Pricing,
}

/// What a mail to a customer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailPurpose {
    /// To prove that the address is theirs.
    VerifyEmail,
    /// To set a new password.
    ResetPassword,
    /// To tell the owner of an account that somebody registers with its address.
    AlreadyRegistered,
}

/// What a mail says of another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// To the address that an account is to have: to prove that it is theirs.
    Asked,
    /// To the address that an account had: it has another one.
    Done,
}

/// A customer is to be sent a mail.
///
/// It holds no secret, for events are kept for ever: the sender makes the token of the mail from
/// its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CustomerMailRequested {
    /// What for.
    pub purpose: MailPurpose,
    /// Counts the mails of the customer, from 1.
    pub number: u32,
    /// What it says of another address. `purpose` is `verify_email` then: a reader that does not
    /// know this finds that nobody waits for such a mail, and sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<Move>,
}

/// A customer is another one from now on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CustomerMerged {
    /// Who they are now.
    pub into: CustomerId,
}

/// A customer is gone: nothing personal is left.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CustomerErased {}
