//! `lmall demo`: two customers and the whole story of their orders, through the gateway, every step
//! checked by reading the state back.

mod people;
mod story;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use lmall_domain::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use self::{people::People, story::Story};
use crate::{
    cli::DemoArgs,
    client::{self, Api, Caller, Money, Order, Stock},
    process::{self, Server},
};

/// The payment time-out of the demo's own server: long enough to pay, short enough to watch.
const OWN_PAYMENT_TIMEOUT_S: &str = "2";

/// The demo's own server believes access tokens only, as one that faces customers does.
const OWN_SERVER: [(&str, &str); 2] =
    [("LMALL_PAYMENT_TIMEOUT_S", OWN_PAYMENT_TIMEOUT_S), ("LMALL_IDENTITY", "token")];

/// Beyond this the demo cancels the order itself instead of waiting for `pay_by`.
const WAIT_FOR_PAY_BY_S_MAX: u64 = 60;

/// Longest time for an effect to show; events take milliseconds, a retry up to 5 s.
const EFFECT_WITHIN: Duration = Duration::from_secs(10);

/// Price of the demo's product, in cents.
const PRICE: i64 = 1_999;

/// Runs `lmall demo`.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    process::block_on(async {
        let mut story = Story::new(args.json);
        let told = tell(args, &mut story).await;
        story.end(&told);
        Ok(if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn tell(args: &DemoArgs, story: &mut Story) -> Result<()> {
    if let Some(url) = &args.url {
        let api = Api::new(url, args.operator_token.as_deref(), args.provider_secret.as_deref())?;
        story.chapter(&format!("A running shop at {url}"));
        return Demo::new(api, None)?.tell(story).await;
    }
    let data = TempDir::with_prefix("lmall-demo-")?;
    let server = Server::start(data.path(), &OWN_SERVER)?;
    story.chapter(&format!("A fresh shop at {} (data: {})", server.base(), data.path().display()));
    Demo::new(server.api()?, Some(&server))?.tell(story).await?;
    server.stop()
}

/// The story's setting.
struct Demo<'a> {
    api: Api,
    /// The server, if nobody else uses it: it comes to rest, and its mail can be read.
    own: Option<&'a Server>,
    /// Names this run's product, customers and events.
    tag: String,
    sku: String,
}

impl<'a> Demo<'a> {
    fn new(api: Api, own: Option<&'a Server>) -> Result<Self> {
        let tag = process::random_hex(4)?;
        Ok(Self { api, own, sku: format!("demo-tea-{tag}"), tag })
    }

    async fn tell(&self, story: &mut Story) -> Result<()> {
        self.stock_up(story).await?;
        let people = match self.own {
            Some(server) => self.register(story, server).await?,
            None => People::named(&self.tag),
        };
        let paid = self.paid_order(story, &people.anna).await?;
        let canceled = self.unpaid_order(story, &people.ben).await?;
        self.late_payment(story, &people.ben, &canceled).await?;
        if self.own.is_some() {
            self.take_along(story, &people.anna, &paid).await?;
        }
        self.audit(story).await
    }

    async fn stock_up(&self, story: &mut Story) -> Result<()> {
        let (sku, tag) = (&self.sku, &self.tag);
        self.api.put_product(sku, "Demo tea", &eur(PRICE)).await?;
        let seen = self.api.receive(sku, 12, &format!("demo-{tag}-delivery")).await?;
        let title = format!("12 units of {sku} received, at 19.99 EUR each");
        story.check(title, stock(12, 0, 0), show(&seen))?;
        self.api.receive(sku, 12, &format!("demo-{tag}-delivery")).await?;
        self.api.adjust(sku, -2, "broken in transit", &format!("demo-{tag}-broken")).await?;
        let title = "the same delivery reported again counts once; 2 broken units written off";
        self.stock_becomes(story, title, stock(10, 0, 0)).await
    }

    async fn paid_order(&self, story: &mut Story, anna: &Caller) -> Result<Order> {
        story.chapter("An order that is paid");
        let order = self.place(story, "anna", anna, 2).await?;
        self.stock_becomes(story, "2 of 10 units are reserved for it", stock(8, 2, 0)).await?;

        let event = self.captured("on-time", &order);
        let title = "its payment arrives as a signed webhook";
        story.check(title, "received, duplicate: false", self.deliver(&event).await?)?;
        let title = "the provider delivers it again";
        story.check(title, "received, duplicate: true", self.deliver(&event).await?)?;

        let expected = order_text("CONFIRMED", order.total.amount, order.total.amount, 0);
        self.order_becomes(story, "the order is confirmed", anna, &order.id, expected).await?;
        self.stock_becomes(story, "its 2 units are sold", stock(8, 0, 2)).await?;
        Ok(order)
    }

    /// An order that nobody pays in time.
    async fn unpaid_order(&self, story: &mut Story, ben: &Caller) -> Result<Order> {
        story.chapter("An order that nobody pays");
        let order = self.place(story, "ben", ben, 3).await?;
        self.stock_becomes(story, "3 more units are reserved", stock(5, 3, 2)).await?;

        let pay_by: Timestamp = order.pay_by.parse().context("pay_by is not RFC 3339")?;
        let left_s = pay_by.since(client::now()).as_secs();
        let mut within = EFFECT_WITHIN;
        let title = if left_s > WAIT_FOR_PAY_BY_S_MAX {
            story.note(&format!("its time is over in {left_s} s only: the buyer cancels it"));
            self.api.cancel(ben, &order.id).await?;
            "the order is canceled"
        } else {
            story.note(&format!("waiting for its time to be over, {}", order.pay_by));
            within += Duration::from_secs(left_s);
            "its time is over: the order is canceled"
        };
        let expected = order_text("CANCELED", order.total.amount, 0, 0);
        let look = || self.look_at(&order.id, ben);
        story.becomes(title, expected, within, look).await?;
        self.stock_becomes(story, "its 3 units are available again", stock(8, 0, 2)).await?;
        Ok(order)
    }

    async fn late_payment(&self, story: &mut Story, ben: &Caller, order: &Order) -> Result<()> {
        story.chapter("A payment that comes too late");
        let title = "the payment of the canceled order arrives after all";
        let seen = self.deliver(&self.captured("late", order)).await?;
        story.check(title, "received, duplicate: false", seen)?;

        let paid = order.total.amount;
        let expected = order_text("CANCELED", paid, paid, paid);
        let title = "all of it is refunded, and the order stays canceled";
        self.order_becomes(story, title, ben, &order.id, expected).await?;
        let look = async || {
            let payment = self.api.payment(ben, &order.id).await?;
            Ok(payment_text(payment.captured.amount, payment.refunded.amount))
        };
        let title = "the payment service agrees";
        story.becomes(title, payment_text(paid, paid), EFFECT_WITHIN, look).await?;
        self.stock_becomes(story, "the stock has not moved", stock(8, 0, 2)).await
    }

    async fn audit(&self, story: &mut Story) -> Result<()> {
        story.chapter("The audit");
        let within = if self.own.is_some() { EFFECT_WITHIN } else { Duration::from_secs(2) };
        let audit = self.api.audit_at_rest(within).await?;
        for check in &audit.checks {
            let title = format!("{} {} ({} checked)", check.invariant, check.title, check.checked);
            let seen = if check.ok { "holds".to_owned() } else { check.violations.join("; ") };
            story.check(title, "holds", seen)?;
        }
        if self.own.is_some() {
            story.check("nothing is left in between", "true", audit.at_rest.to_string())?;
        }
        story.check("the audit as a whole", "true", audit.ok.to_string())
    }

    /// Places an order twice under one key, as a buyer with a bad connection does.
    async fn place(
        &self,
        story: &mut Story,
        name: &str,
        caller: &Caller,
        quantity: u32,
    ) -> Result<Order> {
        let key = format!("demo-{}-{name}", self.tag);
        let lines = [(self.sku.as_str(), quantity)];
        let order = self.api.place(caller, &lines, Some(&key), Some(5)).await?;
        let total = PRICE * i64::from(quantity);
        let title = format!("{name} orders {quantity} units: order {}, stock held", order.id);
        let expected = format!("{}, stock held", order_text("PENDING", total, 0, 0));
        story.check(title, expected, format!("{}, stock {}", show_order(&order), order.stock))?;

        let again = self.api.place(caller, &lines, Some(&key), None).await?;
        let title = "sent again under the same key, it is the same order";
        story.check(title, order.id.as_str(), again.id)?;
        Ok(order)
    }

    /// The provider's event that all of the order's total is captured.
    fn captured(&self, name: &str, order: &Order) -> serde_json::Value {
        json!({
            "id": format!("evt-{}-{name}", self.tag),
            "type": "payment.captured",
            "created": client::now(),
            "data": {
                "order_id": order.id,
                "payment_id": format!("pay-{}-{name}", self.tag),
                "amount": order.total.amount,
                "currency": order.total.currency,
            },
        })
    }

    async fn deliver(&self, event: &serde_json::Value) -> Result<String> {
        let receipt = self.api.webhook(event).await?;
        let received = if receipt.received { "received" } else { "not received" };
        Ok(format!("{received}, duplicate: {}", receipt.duplicate))
    }

    async fn look_at(&self, id: &str, caller: &Caller) -> Result<String, client::Error> {
        Ok(show_order(&self.api.order(caller, id, None).await?))
    }

    async fn order_becomes(
        &self,
        story: &mut Story,
        title: &str,
        caller: &Caller,
        id: &str,
        expected: String,
    ) -> Result<()> {
        story.becomes(title, expected, EFFECT_WITHIN, || self.look_at(id, caller)).await
    }

    async fn stock_becomes(&self, story: &mut Story, title: &str, expected: String) -> Result<()> {
        let look = async || Ok(show(&self.api.stock(&self.sku).await?));
        story.becomes(title, expected, EFFECT_WITHIN, look).await
    }
}

fn eur(amount: i64) -> Money {
    Money { amount, currency: "EUR".to_owned() }
}

fn stock(available: i64, reserved: i64, sold: i64) -> String {
    show(&Stock { available, reserved, sold })
}

fn show(stock: &Stock) -> String {
    format!("available {}, reserved {}, sold {}", stock.available, stock.reserved, stock.sold)
}

fn order_text(status: &str, total: i64, captured: i64, refunded: i64) -> String {
    format!("{status}, total {total}, {}", payment_text(captured, refunded))
}

fn payment_text(captured: i64, refunded: i64) -> String {
    format!("captured {captured}, refunded {refunded}")
}

fn show_order(order: &Order) -> String {
    let (total, captured) = (order.total.amount, order.captured.amount);
    order_text(&order.status, total, captured, order.refunded.amount)
}
