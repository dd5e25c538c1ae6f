//! Placing an order: merged lines, limits, and prices that are the server's.

use lmall_domain::{
    Money,
    catalogue::{Invalid, InvalidPricing, Offer, Pricing},
    event::{Event, SkuQuantity},
    limits::{ORDER_LINES_MAX, QUANTITY_MAX, UNIT_PRICE_MAX},
    order::{Decision, LineRequest, PlaceOrder, PlaceRejection, Status, Stock, merge_lines, place},
};

use super::support::{ORDER, PLACED, at, eur, sku, yen};

fn lines(rows: &[(&str, u32)]) -> Vec<LineRequest> {
    let line = |(text, quantity): &(&str, u32)| LineRequest { sku: sku(text), quantity: *quantity };
    rows.iter().map(line).collect()
}

fn numbered(count: usize) -> Vec<LineRequest> {
    (0..count).map(|n| LineRequest { sku: sku(&format!("sku-{n:03}")), quantity: 1 }).collect()
}

#[test]
fn lines_of_one_sku_are_merged_and_sorted() {
    let max = QUANTITY_MAX;
    let quantity = |index| Err(PlaceRejection::Quantity { index });
    for (sent, merged) in [
        (lines(&[("b", 1), ("a", 2)]), Ok(lines(&[("a", 2), ("b", 1)]))),
        (lines(&[("a", 1), ("b", 1), ("a", 2)]), Ok(lines(&[("a", 3), ("b", 1)]))),
        (lines(&[("a", max)]), Ok(lines(&[("a", max)]))),
        (lines(&[("a", max - 1), ("a", 1)]), Ok(lines(&[("a", max)]))),
        (lines(&[("b", 1), ("a", max + 1)]), quantity(1)),
        (lines(&[("a", max), ("b", 1), ("a", 1)]), quantity(2)),
        (lines(&[("a", 1), ("b", 0)]), quantity(1)),
        (lines(&[("a", u32::MAX), ("a", u32::MAX)]), quantity(0)),
        (lines(&[("a", 1), ("a", u32::MAX)]), quantity(1)),
        (lines(&[]), Err(PlaceRejection::LineCount)),
        (numbered(ORDER_LINES_MAX), Ok(numbered(ORDER_LINES_MAX))),
        // The limit is on lines as sent: it bounds the work before any merging.
        (numbered(ORDER_LINES_MAX + 1), Err(PlaceRejection::LineCount)),
        (lines(&[("a", 1); ORDER_LINES_MAX + 1]), Err(PlaceRejection::LineCount)),
    ] {
        assert_eq!(merge_lines(&sent), merged, "{sent:?}");
    }
}

fn product(text: &str, price: Money) -> Option<Offer> {
    let (name, pricing) = (format!("the {text}"), Pricing::fixed(price));
    Some(Offer { sku: sku(text), name, version: 1, pricing })
}

fn wish(rows: &[(&str, u32)]) -> PlaceOrder {
    let customer_id = "ada".parse().expect("a customer id");
    PlaceOrder { id: ORDER, customer_id, lines: lines(rows), currency: None, pay_by: at(1_800) }
}

#[test]
fn an_order_has_the_prices_of_the_catalogue() {
    let products = [product("cup", eur(1_250)), product("tea", eur(399))];
    let placed = place(wish(&[("cup", 2), ("tea", 3)]), &products, PLACED);
    let Ok(Decision::Change(order, Some(Event::OrderCreated(created)))) = placed else {
        panic!("{placed:?}");
    };
    assert_eq!((order.status, order.stock), (Status::Pending, Stock::Pending));
    assert_eq!((order.placed_at, order.pay_by, order.events), (PLACED, at(1_800), 1));
    assert_eq!((order.total, order.captured), (eur(2 * 1_250 + 3 * 399), 0));
    let names: Vec<_> = order.lines.iter().map(|line| (&*line.name, line.total())).collect();
    assert_eq!(names, [("the cup", eur(2_500)), ("the tea", eur(1_197))]);
    let told = [("cup", 2), ("tea", 3)];
    let told = told.map(|(text, quantity)| SkuQuantity { sku: sku(text), quantity });
    assert_eq!(created.lines, told);
    assert_eq!((created.total, created.pay_by), (order.total, order.pay_by));
}

#[test]
fn an_order_that_cannot_be_priced_is_refused() {
    let two = wish(&[("cup", 2), ("tea", 3)]);
    let unknown = |text| PlaceRejection::UnknownSku { sku: sku(text) };
    for (products, why) in [
        ([None, product("tea", eur(1))], unknown("cup")),
        ([product("cup", eur(1)), None], unknown("tea")),
        (
            [product("cup", eur(1)), product("tea", yen(1))],
            PlaceRejection::MixedCurrencies { sku: sku("tea") },
        ),
        ([product("cup", eur(i64::MAX)), product("tea", eur(1))], PlaceRejection::Total),
        ([product("cup", eur(i64::MAX / 2)), product("tea", eur(1))], PlaceRejection::Total),
    ] {
        assert_eq!(place(two.clone(), &products, PLACED), Err(why), "{products:?}");
    }
    assert_eq!(place(wish(&[]), &[], PLACED), Err(PlaceRejection::LineCount));
}

#[test]
fn the_dearest_order_is_in_range() {
    let sent = numbered(ORDER_LINES_MAX);
    let lines: Vec<_> =
        sent.into_iter().map(|line| LineRequest { quantity: QUANTITY_MAX, ..line }).collect();
    let products: Vec<_> =
        lines.iter().map(|line| product(line.sku.as_str(), eur(UNIT_PRICE_MAX))).collect();
    let placed = place(PlaceOrder { lines, ..wish(&[]) }, &products, PLACED);
    let Ok(Decision::Change(order, _)) = placed else { panic!("{placed:?}") };
    assert_eq!(order.total, eur(400_000_000_000_000));
    // What JSON readers with doubles hold exactly.
    assert!(order.total.amount < 1 << 53);
}

#[test]
fn a_product_has_a_name_and_a_price_that_can_be_paid() {
    let check = |name: &str, amount| Offer::new(sku("tea"), name.to_owned(), eur(amount)).err();
    for (name, amount, why) in [
        ("Tea", 1, None),
        ("Tea", UNIT_PRICE_MAX, None),
        ("Tea", 0, Some(Invalid::Pricing(InvalidPricing::Base))),
        ("Tea", -1, Some(Invalid::Pricing(InvalidPricing::Base))),
        ("Tea", UNIT_PRICE_MAX + 1, Some(Invalid::Pricing(InvalidPricing::Base))),
        ("", 1, Some(Invalid::Name)),
        (" \t", 1, Some(Invalid::Name)),
        (&"\u{8336}".repeat(200), 1, None),
        (&"x".repeat(201), 1, Some(Invalid::Name)),
    ] {
        assert_eq!(check(name, amount), why, "{name:?} for {amount}");
    }
}
