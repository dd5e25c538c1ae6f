//! Ordering in a flash sale: who may, and once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use lmall_app::{
    Trace,
    order::{
        FLASH_SKUS_MAX, Idempotency, NotAdmitted, Orders, Place, PlaceError, Placed, Settings,
    },
    ports::{Admissions, NoId, OrderIds},
};
use lmall_contract::clock::ManualClock;
use lmall_domain::{
    OrderId, Sku,
    catalogue::Offer,
    order::LineRequest,
    waiting::{Outcome, Ticket},
};
use lmall_embedded::Embedded;
use tempfile::TempDir;

use super::world::{admission_keys, eur, now};

/// Ids from 1 on.
#[derive(Default)]
struct Ids(AtomicU64);

impl OrderIds for Ids {
    fn next(&self) -> Result<OrderId, NoId> {
        OrderId::new(self.0.fetch_add(1, Ordering::SeqCst) + 1).ok_or(NoId)
    }
}

pub(crate) struct Shop {
    pub(crate) orders: Orders,
    /// The order service in another process.
    others: Orders,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) embedded: Embedded,
    _dir: TempDir,
}

pub(crate) fn sku(name: &str) -> Sku {
    name.parse().expect("a SKU")
}

fn ticket(customer: &str, place: u32) -> Ticket {
    Ticket {
        sku: sku("tea"),
        customer_id: customer.parse().expect("a customer"),
        opened_at: now(),
        place,
        quantity: 2,
        expires_at: now().after(Duration::from_secs(60)),
    }
}

fn token(ticket: &Ticket) -> String {
    admission_keys().sign(ticket).expect("there are keys")
}

impl Shop {
    async fn new() -> Self {
        let dir = TempDir::new().expect("a place for files");
        let clock = Arc::new(ManualClock::new());
        let embedded = Embedded::open(dir.path(), clock.clone()).expect("a directory of our own");
        let (store, ids) = (embedded.store(), Arc::new(Ids::default()));
        let settings = Settings { payment_timeout: Duration::from_secs(900) };
        let orders = || {
            let orders =
                Orders::new(store.clone(), store.clone(), clock.clone(), ids.clone(), settings);
            orders.with_admissions(admission_keys())
        };
        let (orders, others) = (orders(), orders());
        orders.prepare().await.expect("the store is there");
        for name in ["tea", "oil", "wax"] {
            let offer = Offer::new(sku(name), name.to_owned(), eur(1_000)).expect("a product");
            orders.learn(&offer).await.expect("the store is there");
        }
        Self { orders, others, clock, embedded, _dir: dir }
    }

    pub(crate) async fn in_sale(names: &[&str]) -> Self {
        let shop = Self::new().await;
        for name in names {
            assert!(shop.orders.set_flash(&sku(name), true).await.expect("the store is there"));
        }
        shop
    }

    async fn place(
        &self,
        customer: &str,
        lines: &[(&str, u32)],
        token: Option<&str>,
    ) -> Result<Placed, PlaceError> {
        self.orders.place_admitted(wish(customer, lines, None), token).await
    }
}

pub(crate) fn wish(customer: &str, lines: &[(&str, u32)], key: Option<&str>) -> Place {
    let line = |(name, quantity): &(&str, u32)| LineRequest { sku: sku(name), quantity: *quantity };
    Place {
        customer_id: customer.parse().expect("a customer"),
        lines: lines.iter().map(line).collect(),
        currency: None,
        idempotency: key.map(|key| Idempotency { key: key.to_owned() }),
        trace: Trace::default(),
    }
}

fn reason(placed: Result<Placed, PlaceError>) -> NotAdmitted {
    match placed {
        Err(PlaceError::NotAdmitted(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

type Lines = &'static [(&'static str, u32)];

#[tokio::test]
async fn only_who_was_let_through_may_order_what_they_were_let_through_for() {
    let shop = Shop::in_sale(&["tea", "oil"]).await;
    let (good, tea): (_, Lines) = (ticket("ann", 0), &[("tea", 1)]);
    let other_sku = Ticket { sku: sku("oil"), ..good.clone() };
    let expired = Ticket { expires_at: now(), ..good.clone() };
    let forged = token(&good).replace("v1.a.", "v1.b.");
    let foreign = NotAdmitted::Foreign;
    let rows: [(Lines, Option<String>, NotAdmitted); 9] = [
        (tea, None, NotAdmitted::NoToken(sku("tea"))),
        (tea, Some(String::new()), foreign.clone()),
        (tea, Some(forged), foreign.clone()),
        (tea, Some(token(&ticket("bob", 0))), foreign.clone()),
        (tea, Some(token(&other_sku)), foreign),
        (tea, Some(token(&expired)), NotAdmitted::Expired),
        (&[("tea", 3)], Some(token(&good)), NotAdmitted::Quantity(2)),
        (&[("tea", 1), ("tea", 2)], Some(token(&good)), NotAdmitted::Quantity(2)),
        (&[("tea", 1), ("oil", 1)], Some(token(&good)), NotAdmitted::Several),
    ];
    for (lines, token, expected) in rows {
        let refused = shop.place("ann", lines, token.as_deref()).await;
        assert_eq!(reason(refused), expected, "{lines:?}");
    }
    assert_eq!(shop.orders.outcome(&good).await.expect("it answers"), None, "it is as it was");
    let placed = shop.place("ann", &[("tea", 2), ("wax", 9)], Some(&token(&good))).await;
    placed.expect("who was let through may order");
    let again = shop.place("ann", tea, Some(&token(&good))).await;
    assert_eq!(reason(again), NotAdmitted::Used);
    shop.clock.advance(Duration::from_secs(60));
    let late = shop.place("ann", tea, Some(&token(&ticket("ann", 1)))).await;
    assert_eq!(reason(late), NotAdmitted::Expired);
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_whatever_became_of_its_admission() {
    let shop = Shop::in_sale(&["tea"]).await;
    let token = token(&ticket("ann", 0));
    let wish = || wish("ann", &[("tea", 1)], Some("once"));
    let first = shop.orders.place_admitted(wish(), Some(&token)).await.expect("an order");
    shop.clock.advance(Duration::from_secs(3_600));
    for token in [Some(token.as_str()), None] {
        let again = shop.orders.place_admitted(wish(), token).await.expect("the first answer");
        assert!(again.replayed && again.order == first.order);
    }
}

#[tokio::test]
async fn of_many_orders_with_one_token_one_is_placed() {
    let shop = Shop::in_sale(&["tea"]).await;
    let token = token(&ticket("ann", 0));
    let places = (0..30).map(|_| shop.place("ann", &[("tea", 1)], Some(&token)));
    let placed = join_all(places).await;
    let (good, refused): (Vec<_>, Vec<_>) = placed.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    assert!(refused.into_iter().all(|refused| reason(refused) == NotAdmitted::Used));
}

#[tokio::test]
async fn an_admission_is_used_or_ended_and_never_both() {
    let shop = Shop::in_sale(&["tea"]).await;
    for place in 0..20 {
        let (ticket, tea) = (ticket("ann", place), [("tea", 1)]);
        let token = token(&ticket);
        let (placed, ended) =
            tokio::join!(shop.place("ann", &tea, Some(&token)), shop.others.end(&ticket));
        let ended = ended.expect("it answers");
        match placed {
            Ok(_) => assert_eq!(ended, Outcome::Ordered { quantity: 1 }),
            refused @ Err(_) => {
                assert_eq!((reason(refused), ended), (NotAdmitted::Expired, Outcome::Void));
            }
        }
        for orders in [&shop.orders, &shop.others] {
            assert_eq!(orders.outcome(&ticket).await.expect("it answers"), Some(ended));
            assert_eq!(orders.end(&ticket).await.expect("it answers"), ended);
        }
    }
}

#[tokio::test]
async fn flash_mode_is_switched_for_one_product_and_heard_of_within_a_second() {
    let shop = Shop::new().await;
    let (token, tea) = (token(&ticket("ann", 0)), [("tea", 1)]);
    shop.place("ann", &tea, Some(&token)).await.expect("a token is no hindrance");
    shop.others.place(wish("ann", &tea, None)).await.expect("none is needed");
    shop.orders.set_flash(&sku("tea"), true).await.expect("the store is there");
    shop.place("ann", &[("oil", 1)], None).await.expect("another product");
    assert_eq!(reason(shop.place("ann", &tea, None).await), NotAdmitted::NoToken(sku("tea")));
    shop.clock.advance(Duration::from_secs(1));
    let refused = shop.others.place(wish("ann", &tea, None)).await;
    assert_eq!(reason(refused), NotAdmitted::NoToken(sku("tea")));
    shop.place("ann", &tea, Some(&token)).await.expect("it was not used up before");
    for _ in 0..2 {
        assert!(shop.orders.set_flash(&sku("tea"), false).await.expect("the store is there"));
    }
    shop.place("bob", &tea, None).await.expect("it is over");
}

#[tokio::test]
async fn only_so_many_products_are_in_a_flash_sale() {
    let names: Vec<_> = (0..FLASH_SKUS_MAX).map(|number| format!("s{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let shop = Shop::in_sale(&names).await;
    let set =
        async |name, is_on| shop.orders.set_flash(&sku(name), is_on).await.expect("it answers");
    assert!(!set("tea", true).await);
    assert!(set("s7", true).await, "it is one of them");
    assert!(set("s7", false).await);
    assert!(set("tea", true).await);
}
