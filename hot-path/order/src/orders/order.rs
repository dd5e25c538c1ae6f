//! An order on the wire.

use lmall_app::row::Versioned;
use lmall_domain::{CustomerId, OrderId, Sku, Timestamp, order};
use lmall_web::Money;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::{CancelReason, Status, Stock};

/// An order, as its customer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Order {
    /// Its id; ids sort by the time of placing.
    #[schema(value_type = String, pattern = "^[1-9][0-9]{0,18}$", example = "7212345678901")]
    id: OrderId,
    /// Where it stands.
    status: Status,
    /// What it knows of its stock.
    stock: Stock,
    /// Who placed it.
    #[schema(value_type = String, example = "customer-7")]
    customer_id: CustomerId,
    /// By SKU, ascending, each once.
    lines: Vec<Line>,
    /// The sum of the lines.
    total: Money,
    /// What was collected, in the currency of the total.
    captured: Money,
    /// What was given back, in the currency of the total.
    refunded: Money,
    /// When it was placed.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:30:00.123Z")]
    placed_at: Timestamp,
    /// When it is canceled unless it is paid.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:45:00.123Z")]
    pay_by: Timestamp,
    /// Grows with each change of the order.
    #[schema(example = 1)]
    version: u64,
    /// Why it is being or was canceled; absent while it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancel_reason: Option<CancelReason>,
}

/// A line of an order, priced when it was placed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub(crate) struct Line {
    /// What.
    #[schema(value_type = String, example = "tea-01")]
    sku: Sku,
    /// The product's name at that time.
    #[schema(example = "Green tea")]
    name: String,
    /// How many.
    #[schema(example = 2)]
    quantity: u32,
    /// The price of one unit at that time.
    unit_price: Money,
    /// The price of all units.
    line_total: Money,
}

impl From<Versioned<order::Order>> for Order {
    fn from(order: Versioned<order::Order>) -> Self {
        let Versioned { value: order, version } = order;
        let currency = order.total.currency;
        Self {
            id: order.id,
            status: order.status.into(),
            stock: order.stock.into(),
            customer_id: order.customer_id,
            lines: order.lines.into_iter().map(Line::from).collect(),
            total: order.total.into(),
            captured: Money { amount: order.captured, currency },
            refunded: Money { amount: order.refunded, currency },
            placed_at: order.placed_at,
            pay_by: order.pay_by,
            version,
            cancel_reason: order.cancel_reason.map(CancelReason::from),
        }
    }
}

impl From<order::Line> for Line {
    fn from(line: order::Line) -> Self {
        let line_total = line.total().into();
        Self {
            sku: line.sku,
            name: line.name,
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            line_total,
        }
    }
}

#[cfg(test)]
mod tests {
    use lmall_domain::{event, money::Currency};
    use serde_json::{Value, json, to_value};

    use super::*;

    fn order() -> order::Order {
        let eur = |amount| lmall_domain::Money::new(amount, Currency::from_code("EUR").unwrap());
        order::Order {
            id: OrderId::new(7_212_345_678_901).unwrap(),
            customer_id: "ann".parse().unwrap(),
            status: order::Status::Pending,
            stock: order::Stock::Held,
            lines: vec![order::Line {
                sku: "tea-01".parse().unwrap(),
                name: "Green tea".to_owned(),
                quantity: 2,
                unit_price: eur(1999),
            }],
            total: eur(3998),
            captured: 5000,
            refunded: 2,
            refund_requested: 1002,
            refunds: 1,
            placed_at: Timestamp::from_millis(1_768_386_600_123),
            pay_by: Timestamp::from_millis(1_768_387_500_123),
            cancel_reason: None,
            events: 3,
        }
    }

    fn wire(order: order::Order) -> Value {
        to_value(Order::from(Versioned { value: order, version: 4 })).unwrap()
    }

    #[test]
    fn an_order_has_the_members_of_the_contract_and_no_others() {
        let eur = |amount| json!({ "amount": amount, "currency": "EUR" });
        let expected = json!({
            "id": "7212345678901",
            "status": "PENDING",
            "stock": "held",
            "customer_id": "ann",
            "lines": [{
                "sku": "tea-01",
                "name": "Green tea",
                "quantity": 2,
                "unit_price": eur(1999),
                "line_total": eur(3998),
            }],
            "total": eur(3998),
            "captured": eur(5000),
            "refunded": eur(2),
            "placed_at": "2026-01-14T10:30:00.123Z",
            "pay_by": "2026-01-14T10:45:00.123Z",
            "version": 4,
        });
        assert_eq!(wire(order()), expected);
    }

    #[test]
    fn states_are_written_as_the_domain_stores_them() {
        use event::CancelReason as Reason;
        for status in order::Status::ALL {
            assert_eq!(to_value(Status::from(status)).unwrap(), status.name());
        }
        for stock in [
            order::Stock::Pending,
            order::Stock::Held,
            order::Stock::Refused,
            order::Stock::Released,
            order::Stock::Sold,
        ] {
            assert_eq!(to_value(Stock::from(stock)).unwrap(), to_value(stock).unwrap());
        }
        for reason in [
            Reason::Customer,
            Reason::PaymentTimeout,
            Reason::OutOfStock,
            Reason::ReservationExpired,
        ] {
            let order = order::Order { cancel_reason: Some(reason), ..order() };
            assert_eq!(wire(order)["cancel_reason"], to_value(reason).unwrap());
        }
    }
}
