//! `lmall demo`: the whole story of three orders, every step checked by reading the state back.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use lmall_domain::Timestamp;
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    cli::DemoArgs,
    client::{self, Api, Money, Order, Stock},
    output,
    process::{self, Server},
};

/// The payment time-out of the demo's own server: long enough to pay, short enough to watch.
const OWN_PAYMENT_TIMEOUT_S: &str = "2";

/// Beyond this the demo cancels the order itself instead of waiting for `pay_by`.
const WAIT_FOR_PAY_BY_S_MAX: u64 = 60;

/// Longest time for an effect to show; events take milliseconds, a retry up to 5 s.
const EFFECT_WITHIN: Duration = Duration::from_secs(10);

/// Price of the demo's product, in cents.
const PRICE: i64 = 1_999;

/// Runs `lmall demo`.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    process::block_on(async {
        let mut story = Story { json: args.json, steps: Vec::new(), started: Instant::now() };
        let told = tell(args, &mut story).await;
        story.end(&told);
        Ok(if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn tell(args: &DemoArgs, story: &mut Story) -> Result<()> {
    if let Some(url) = &args.url {
        let api = Api::new(url, args.operator_token.as_deref(), args.provider_secret.as_deref())?;
        story.chapter(&format!("A running shop at {url}"));
        return Demo::new(api, false)?.tell(story).await;
    }
    let data = TempDir::with_prefix("lmall-demo-")?;
    let server = Server::start(data.path(), &[("LMALL_PAYMENT_TIMEOUT_S", OWN_PAYMENT_TIMEOUT_S)])?;
    story.chapter(&format!("A fresh shop at {} (data: {})", server.base(), data.path().display()));
    Demo::new(server.api()?, true)?.tell(story).await?;
    server.stop()
}

/// The story's setting.
struct Demo {
    api: Api,
    /// Whether nobody else uses the server, so that it comes to rest.
    alone: bool,
    /// Names this run's product, customers and events.
    tag: String,
    sku: String,
}

impl Demo {
    fn new(api: Api, alone: bool) -> Result<Self> {
        let tag = process::random_hex(4)?;
        Ok(Self { api, alone, sku: format!("demo-tea-{tag}"), tag })
    }

    async fn tell(&self, story: &mut Story) -> Result<()> {
        self.stock_up(story).await?;
        self.paid_order(story).await?;
        let canceled = self.unpaid_order(story).await?;
        self.late_payment(story, &canceled).await?;
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

    async fn paid_order(&self, story: &mut Story) -> Result<()> {
        story.chapter("An order that is paid");
        let order = self.place(story, "anna", 2).await?;
        self.stock_becomes(story, "2 of 10 units are reserved for it", stock(8, 2, 0)).await?;

        let event = self.captured("on-time", &order);
        let title = "its payment arrives as a signed webhook";
        story.check(title, "received, duplicate: false", self.deliver(&event).await?)?;
        let title = "the provider delivers it again";
        story.check(title, "received, duplicate: true", self.deliver(&event).await?)?;

        let expected = order_text("CONFIRMED", order.total.amount, order.total.amount, 0);
        self.order_becomes(story, "the order is confirmed", "anna", &order.id, expected).await?;
        self.stock_becomes(story, "its 2 units are sold", stock(8, 0, 2)).await
    }

    /// An order that nobody pays in time.
    async fn unpaid_order(&self, story: &mut Story) -> Result<Order> {
        story.chapter("An order that nobody pays");
        let order = self.place(story, "ben", 3).await?;
        self.stock_becomes(story, "3 more units are reserved", stock(5, 3, 2)).await?;

        let pay_by: Timestamp = order.pay_by.parse().context("pay_by is not RFC 3339")?;
        let left_s = pay_by.since(client::now()).as_secs();
        let mut within = EFFECT_WITHIN;
        let title = if left_s > WAIT_FOR_PAY_BY_S_MAX {
            story.note(&format!("its time is over in {left_s} s only: the buyer cancels it"));
            self.api.cancel(&self.customer("ben"), &order.id).await?;
            "the order is canceled"
        } else {
            story.note(&format!("waiting for its time to be over, {}", order.pay_by));
            within += Duration::from_secs(left_s);
            "its time is over: the order is canceled"
        };
        let expected = order_text("CANCELED", order.total.amount, 0, 0);
        let look = || self.look_at(&order.id, "ben");
        story.becomes(title, expected, within, look).await?;
        self.stock_becomes(story, "its 3 units are available again", stock(8, 0, 2)).await?;
        Ok(order)
    }

    async fn late_payment(&self, story: &mut Story, order: &Order) -> Result<()> {
        story.chapter("A payment that comes too late");
        let title = "the payment of the canceled order arrives after all";
        let seen = self.deliver(&self.captured("late", order)).await?;
        story.check(title, "received, duplicate: false", seen)?;

        let paid = order.total.amount;
        let expected = order_text("CANCELED", paid, paid, paid);
        let title = "all of it is refunded, and the order stays canceled";
        self.order_becomes(story, title, "ben", &order.id, expected).await?;
        let look = async || {
            let payment = self.api.payment(&self.customer("ben"), &order.id).await?;
            Ok(payment_text(payment.captured.amount, payment.refunded.amount))
        };
        let title = "the payment service agrees";
        story.becomes(title, payment_text(paid, paid), EFFECT_WITHIN, look).await?;
        self.stock_becomes(story, "the stock has not moved", stock(8, 0, 2)).await
    }

    async fn audit(&self, story: &mut Story) -> Result<()> {
        story.chapter("The audit");
        let within = if self.alone { EFFECT_WITHIN } else { Duration::from_secs(2) };
        let audit = self.api.audit_at_rest(within).await?;
        for check in &audit.checks {
            let title = format!("{} {} ({} checked)", check.invariant, check.title, check.checked);
            let seen = if check.ok { "holds".to_owned() } else { check.violations.join("; ") };
            story.check(title, "holds", seen)?;
        }
        if self.alone {
            story.check("nothing is left in between", "true", audit.at_rest.to_string())?;
        }
        story.check("the audit as a whole", "true", audit.ok.to_string())
    }

    /// Places an order twice under one key, as a buyer with a bad connection does.
    async fn place(&self, story: &mut Story, name: &str, quantity: u32) -> Result<Order> {
        let (customer, key) = (self.customer(name), format!("demo-{}-{name}", self.tag));
        let lines = [(self.sku.as_str(), quantity)];
        let order = self.api.place(&customer, &lines, Some(&key), Some(5)).await?;
        let total = PRICE * i64::from(quantity);
        let title = format!("{name} orders {quantity} units: order {}, stock held", order.id);
        let expected = format!("{}, stock held", order_text("PENDING", total, 0, 0));
        story.check(title, expected, format!("{}, stock {}", show_order(&order), order.stock))?;

        let again = self.api.place(&customer, &lines, Some(&key), None).await?;
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

    fn customer(&self, name: &str) -> String {
        format!("demo-{name}-{}", self.tag)
    }

    async fn look_at(&self, id: &str, name: &str) -> Result<String, client::Error> {
        Ok(show_order(&self.api.order(&self.customer(name), id, None).await?))
    }

    async fn order_becomes(
        &self,
        story: &mut Story,
        title: &str,
        name: &str,
        id: &str,
        expected: String,
    ) -> Result<()> {
        story.becomes(title, expected, EFFECT_WITHIN, || self.look_at(id, name)).await
    }

    async fn stock_becomes(&self, story: &mut Story, title: &str, expected: String) -> Result<()> {
        let look = async || Ok(show(&self.api.stock(&self.sku).await?));
        story.becomes(title, expected, EFFECT_WITHIN, look).await
    }
}

/// One checked step.
#[derive(Serialize)]
struct Step {
    step: String,
    ok: bool,
    expected: String,
    seen: String,
    at_ms: u128,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    error: Option<String>,
    duration_ms: u128,
    steps: &'a [Step],
}

/// Tells and remembers the steps.
struct Story {
    json: bool,
    steps: Vec<Step>,
    started: Instant,
}

impl Story {
    fn chapter(&self, title: &str) {
        if !self.json {
            output::say(format!("\n{title}"));
        }
    }

    fn note(&self, text: &str) {
        if !self.json {
            output::say(format!("  … {text}"));
        }
    }

    /// Records a step; an unexpected sight ends the story.
    fn check(
        &mut self,
        title: impl Into<String>,
        expected: impl Into<String>,
        seen: String,
    ) -> Result<()> {
        let (step, expected) = (title.into(), expected.into());
        let ok = expected == seen;
        if !self.json {
            output::say(format!("  {} {step}", if ok { "✓" } else { "✗" }));
        }
        let failed = format!("{step}: expected [{expected}], seen [{seen}]");
        let at_ms = self.started.elapsed().as_millis();
        self.steps.push(Step { step, ok, expected, seen, at_ms });
        if ok { Ok(()) } else { bail!(failed) }
    }

    /// Looks until what is expected is seen, or the time is over; then records the step.
    async fn becomes(
        &mut self,
        title: &str,
        expected: String,
        within: Duration,
        look: impl AsyncFn() -> Result<String, client::Error>,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let seen = look().await?;
            if seen == expected || Instant::now() >= deadline {
                return self.check(title, expected, seen);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn end(&self, told: &Result<()>) {
        let duration = self.started.elapsed();
        let error = told.as_ref().err().map(|error| format!("{error:#}"));
        if self.json {
            let (ok, duration_ms) = (error.is_none(), duration.as_millis());
            return output::json(&Report { ok, error, duration_ms, steps: &self.steps });
        }
        match error {
            None => output::say(format!(
                "\n{} steps, all as expected, in {:.1} s",
                self.steps.len(),
                duration.as_secs_f32()
            )),
            Some(error) => output::complain(format!("\nthe demo failed: {error}")),
        }
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
