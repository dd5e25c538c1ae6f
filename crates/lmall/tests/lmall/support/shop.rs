//! What most tests do with a shop.

use serde_json::{Value, json};

use super::{Answer, Api, Call, SECRET_DEMO, Scheme, eventually, signed, unix_now_s};

/// An amount in euro cents.
pub(crate) fn eur(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// A member that must be text.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

/// A provider's event in the generic form: money came for an order.
pub(crate) fn captured(event_id: &str, order_id: &str, money: &Value) -> Value {
    json!({
        "id": event_id,
        "type": "payment.captured",
        "created": "2026-01-14T10:31:00Z",
        "data": {
            "order_id": order_id,
            "payment_id": format!("pay-{event_id}"),
            "amount": money["amount"],
            "currency": money["currency"],
        },
    })
}

impl Api {
    /// Puts a product into the catalogue.
    pub(crate) async fn product(&self, sku: &str, price: &Value) {
        let body = json!({ "name": format!("Product {sku}"), "price": price });
        let call = Call::put(format!("/v1/products/{sku}")).operator().json(&body);
        let answer = self.send(call).await;
        assert!(matches!(answer.status, 200 | 201), "{sku}: {}", answer.text());
    }

    /// Books stock, under a reference that tells the SKUs and quantities apart.
    pub(crate) async fn receive(&self, sku: &str, units: i64) {
        let body = json!({ "quantity": units, "reference": format!("delivery-{sku}-{units}") });
        let call = Call::post(format!("/v1/inventory/{sku}/receipts")).operator().json(&body);
        let answer = self.send(call).await;
        assert!(matches!(answer.status, 200 | 201), "{sku}: {}", answer.text());
    }

    /// A product at 10 euro, with so many units of it.
    pub(crate) async fn stock_up(&self, sku: &str, units: i64) {
        self.product(sku, &eur(1_000)).await;
        self.receive(sku, units).await;
    }

    /// Places an order and waits for its stock.
    pub(crate) async fn place(&self, customer: &str, lines: &[(&str, i64)]) -> Value {
        self.send(Call::place(customer, lines).wait(10)).await.json(201)
    }

    /// The order as its customer sees it.
    pub(crate) async fn order(&self, customer: &str, id: &str) -> Value {
        self.send(Call::get(format!("/v1/orders/{id}")).customer(customer)).await.json(200)
    }

    /// The order, as soon as its status is this one.
    pub(crate) async fn order_becomes(&self, placed: &Value, status: &str) -> Value {
        let wanted = format!("order becomes {status}");
        self.order_where(placed, &wanted, |order| order["status"] == status).await
    }

    /// The order, as soon as this holds.
    pub(crate) async fn order_where(
        &self,
        placed: &Value,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, async || {
            let order = self.order(text(placed, "customer_id"), text(placed, "id")).await;
            if holds(&order) { Ok(order) } else { Err(order.to_string()) }
        })
        .await
    }

    /// Delivers an event of the `demo` provider, signed now.
    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        self.send(Call::demo_webhook(event)).await
    }

    /// Pays an order in full; the provider's event is named after the order.
    pub(crate) async fn pay(&self, order: &Value) {
        let id = text(order, "id");
        let answer = self.deliver(&captured(&format!("evt-{id}"), id, &order["total"])).await;
        assert_eq!(answer.json(200), json!({ "received": true, "duplicate": false }));
    }

    /// Units available, reserved and sold.
    pub(crate) async fn level(&self, sku: &str) -> [i64; 3] {
        let level = self.send(Call::get(format!("/v1/inventory/{sku}"))).await.json(200);
        ["available", "reserved", "sold"].map(|name| level[name].as_i64().expect("a number"))
    }

    /// Waits until the ledger says this.
    pub(crate) async fn level_becomes(&self, sku: &str, expected: [i64; 3]) {
        let what = format!("{sku} has {expected:?} available, reserved, sold");
        eventually(&what, async || {
            let seen = self.level(sku).await;
            if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }

    /// What was captured and refunded for an order, as its customer sees it.
    pub(crate) async fn payment(&self, order: &Value) -> Value {
        let path = format!("/v1/payments/{}", text(order, "id"));
        self.send(Call::get(path).customer(text(order, "customer_id"))).await.json(200)
    }

    /// The types of the order's events, in order.
    pub(crate) async fn event_types(&self, order: &Value) -> Vec<String> {
        let events = self.events(order).await;
        events.iter().map(|event| text(event, "event_type").to_owned()).collect()
    }

    /// The order's events, in order.
    pub(crate) async fn events(&self, order: &Value) -> Vec<Value> {
        let path = format!("/v1/orders/{}/events", text(order, "id"));
        let call = Call::get(path).customer(text(order, "customer_id"));
        let page = self.send(call).await.json(200);
        page["items"].as_array().expect("a list of events").clone()
    }

    /// Waits until nothing is under way, and checks that every invariant holds.
    pub(crate) async fn audit_is_green(&self) {
        eventually("the shop comes to rest", async || {
            let audit = self.send(Call::post("/v1/ops/audit").operator()).await.json(200);
            assert_eq!(audit["ok"], true, "{audit:#}");
            if audit["at_rest"] == true { Ok(()) } else { Err(audit.to_string()) }
        })
        .await;
    }
}

impl Call {
    /// An order of these SKUs and quantities.
    pub(crate) fn place(customer: &str, lines: &[(&str, i64)]) -> Self {
        let line = |(sku, quantity): &(&str, i64)| json!({ "sku": sku, "quantity": quantity });
        let lines: Vec<_> = lines.iter().map(line).collect();
        Self::post("/v1/orders").customer(customer).json(&json!({ "lines": lines }))
    }

    /// An event of the `demo` provider, signed now.
    pub(crate) fn demo_webhook(event: &Value) -> Self {
        let (body, now) = (event.to_string(), unix_now_s().to_string());
        let headers = signed(Scheme::Generic, SECRET_DEMO, "", &now, body.as_bytes());
        Self::post("/v1/webhooks/demo").headers(headers).json_text(body)
    }
}
