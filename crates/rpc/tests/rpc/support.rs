//! A server on stand-ins.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lmall_app::{
    failure::Failure,
    shutdown::{self, Trigger},
    stock::Level,
};
use lmall_domain::{Money, Sku, money::Currency};
use lmall_rpc::{
    Availability, Call, Connection, Explanation, InventoryClient, Line, ProductQuotes, Quote,
    QuoteError, QuotedLine, Services, pb::inventory::inventory_client, serve,
};
use lmall_web::{Metrics, RequestContext};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::Channel;

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) metrics: Metrics,
    ready: Arc<AtomicBool>,
    stop: Trigger,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let shelf = Shelf::default();
        Self::on(|services| services.inventory(shelf).quotes(PriceList)).await
    }

    /// With the services that this adds.
    pub(crate) async fn on(add: impl FnOnce(Services) -> Services) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, mut stopped) = shutdown::channel();
        let (metrics, ready) = (Metrics::new(), Arc::new(AtomicBool::new(true)));
        let asked = ready.clone();
        let services = add(Services::new(Arc::new(move || {
            let is_ready = asked.load(Ordering::SeqCst);
            Box::pin(async move { is_ready.then_some(()).ok_or_else(|| "away".to_owned()) })
        })));
        let counted = metrics.clone();
        let running = tokio::spawn(async move {
            serve(listener, services, &counted, async move { stopped.fired().await }).await
        });
        Self { address, metrics, ready, stop, running }
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(self.address.clone()).expect("an address");
        endpoint.connect().await.expect("a server")
    }

    pub(crate) async fn inventory(&self) -> inventory_client::InventoryClient<Channel> {
        inventory_client::InventoryClient::new(self.channel().await)
    }

    pub(crate) fn connection(&self) -> Connection {
        self.address.parse().expect("an address")
    }

    /// Tells it to stop.
    pub(crate) fn stop(&self) {
        self.stop.fire();
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) {
        self.running.await.expect("no panic").expect("no failure");
    }
}

pub(crate) fn within(duration: Duration) -> Call {
    Call::new(RequestContext::default(), None, duration)
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().expect("a SKU")
}

pub(crate) const TEA: Level = Level { available: 40, reserved: 2, sold: 8 };

/// A ledger that does what the SKU says; with a warehouse behind it, it asks there.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) warehouse: Option<InventoryClient>,
}

#[async_trait]
impl Availability for Shelf {
    async fn level(&self, call: &Call, sku: &Sku) -> Result<Option<Level>, Failure> {
        if let Some(warehouse) = &self.warehouse {
            return warehouse.level(call, sku).await;
        }
        match sku.as_str() {
            "slow" => std::future::pending().await,
            "away" => Err(Failure::Unavailable("the secret store is away".into())),
            "broken" => Err(Failure::Never("the secret row is broken".to_owned())),
            "panics" => panic!("the secret is out"),
            "unknown" => Ok(None),
            // How long is left, and for whom: to be seen from outside.
            "call" => Ok(Some(Level {
                available: i64::try_from(call.remaining().as_millis()).expect("not for ever"),
                reserved: call
                    .customer()
                    .map_or(0, |id| i64::try_from(id.as_str().len()).unwrap_or(0)),
                sold: 0,
            })),
            _ => Ok(Some(TEA)),
        }
    }
}

/// Everything costs 10.00, and 9.00 from ten units on; nobody has a free lunch.
pub(crate) struct PriceList;

#[async_trait]
impl ProductQuotes for PriceList {
    async fn quote(
        &self,
        _call: &Call,
        lines: &[Line],
        currency: Currency,
    ) -> Result<Quote, QuoteError> {
        let money = |minor| Money::new(minor, currency);
        let mut quote = Quote { lines: Vec::new(), total: money(0) };
        for line in lines {
            match line.sku.as_str() {
                "lunch" => return Err(QuoteError::NotSold(line.sku.clone())),
                "moon" => return Err(QuoteError::TooLarge),
                "away" => return Err(Failure::Unavailable("the secret store".into()).into()),
                _ => {}
            }
            let cheaper = Explanation {
                rule: "ten".to_owned(),
                text: "10 % off from ten units on".to_owned(),
                amount: money(-100),
            };
            let explanations = if line.quantity >= 10 { vec![cheaper] } else { Vec::new() };
            let unit_price = money(if explanations.is_empty() { 1_000 } else { 900 });
            let total = unit_price.times(line.quantity).map_err(|_| QuoteError::TooLarge)?;
            quote.total = quote.total.plus(total).map_err(|_| QuoteError::TooLarge)?;
            let list_price = money(1_000);
            let line = line.clone();
            quote.lines.push(QuotedLine { line, list_price, unit_price, total, explanations });
        }
        Ok(quote)
    }
}
