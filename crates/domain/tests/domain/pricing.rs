//! What units cost: prices with a beginning, rules, and a naive model of both.

use lmall_domain::{
    Timestamp,
    catalogue::{
        Change, Invalid, InvalidPricing, Off, Offer, Price, Pricing, Product, Rule, Step, change,
        quote,
    },
    limits::{PRICES_MAX, QUANTITY_MAX, RULE_STEPS_MAX, RULES_MAX, UNIT_PRICE_MAX},
    money::Currency,
    order::{LineRequest, PlaceRejection},
};
use proptest::{collection::vec, option, prelude::*};

use super::support::{at, eur, sku, yen};

fn price(amount: i64, from: u64, until: Option<u64>) -> Price {
    Price { price: eur(amount), from: at(from), until: until.map(at) }
}

fn rule(id: &str, priority: u16, steps: &[(u32, Off)]) -> Rule {
    let steps = steps
        .iter()
        .map(|(min_quantity, off)| Step { min_quantity: *min_quantity, off: off.clone() })
        .collect();
    Rule { id: id.to_owned(), priority, exclusive: false, from: None, until: None, steps }
}

fn percent(points: u32) -> Off {
    Off::BasisPoints(points)
}

fn currency(code: &str) -> Currency {
    Currency::from_code(code).expect("ISO 4217 has it")
}

/// What a unit costs, before and after the rules, and what they took off.
fn unit(pricing: &Pricing, quantity: u32, now: u64) -> (i64, i64, Vec<(String, i64)>) {
    let unit = pricing.unit(quantity, currency("EUR"), at(now)).expect("it is sold");
    let applied = unit.applied.into_iter().map(|rule| (rule.rule, rule.off.amount)).collect();
    (unit.list.price.amount, unit.price.amount, applied)
}

#[test]
fn of_the_prices_in_force_the_one_that_began_last_counts() {
    let mut pricing = Pricing::fixed(eur(100));
    pricing.prices = vec![price(80, 10, None), price(50, 20, Some(30)), price(90, 40, None)];
    for (now, expected) in
        [(0, 100), (9, 100), (10, 80), (19, 80), (20, 50), (29, 50), (30, 80), (39, 80), (40, 90)]
    {
        assert_eq!(unit(&pricing, 1, now).0, expected, "at {now}");
    }
    pricing.prices.push(Price { price: yen(9), from: at(5), until: Some(at(15)) });
    for (now, expected) in [(4, None), (5, Some(yen(9))), (14, Some(yen(9))), (15, None)] {
        let list = pricing.list(currency("JPY"), at(now));
        assert_eq!(list.map(|list| list.price), expected, "at {now}");
    }
}

#[test]
fn rules_apply_by_priority_each_to_what_is_left_and_say_how_much() {
    let mut pricing = Pricing::fixed(eur(1_000));
    pricing.rules = vec![
        rule("second", 20, &[(1, Off::Amount(eur(100)))]),
        rule("first", 10, &[(1, percent(1_000)), (10, percent(2_000))]),
        rule("in yen", 5, &[(1, Off::Amount(yen(500)))]),
    ];
    let named = |rows: &[(&str, i64)]| -> Vec<(String, i64)> {
        rows.iter().map(|(id, off)| ((*id).to_owned(), *off)).collect()
    };
    assert_eq!(unit(&pricing, 1, 0), (1_000, 800, named(&[("first", 100), ("second", 100)])));
    assert_eq!(unit(&pricing, 9, 0).1, 800);
    assert_eq!(unit(&pricing, 10, 0), (1_000, 700, named(&[("first", 200), ("second", 100)])));

    pricing.rules[0].exclusive = true;
    assert_eq!(unit(&pricing, 1, 0).2, named(&[("first", 100)]), "something applied before");
    pricing.rules[0].priority = 1;
    assert_eq!(unit(&pricing, 1, 0).2, named(&[("second", 100)]), "nothing applies after");
    pricing.rules[0].from = Some(at(50));
    pricing.rules[0].until = Some(at(60));
    for (now, id) in [(49, "first"), (50, "second"), (59, "second"), (60, "first")] {
        assert_eq!(unit(&pricing, 1, now).2[0].0, id, "at {now}");
    }
}

#[test]
fn what_is_taken_off_is_rounded_half_up_and_something_is_left() {
    for (amount, off, left) in [
        // 0.5, 0.49 and 1.5 of a cent.
        (5, percent(1_000), 4),
        (49, percent(100), 49),
        (15, percent(1_000), 13),
        (1, percent(9_999), 1),
        (2, percent(9_999), 1),
        (100, Off::Amount(eur(99)), 1),
        (100, Off::Amount(eur(100)), 1),
        (100, Off::Amount(eur(UNIT_PRICE_MAX)), 1),
        (UNIT_PRICE_MAX, percent(5_000), UNIT_PRICE_MAX / 2),
    ] {
        let mut pricing = Pricing::fixed(eur(amount));
        pricing.rules = vec![rule("it", 1, &[(1, off.clone())])];
        assert_eq!(unit(&pricing, 1, 0).1, left, "{amount} less {off:?}");
    }
}

#[test]
fn pricing_that_nobody_could_sell_by_is_refused() {
    use InvalidPricing as Why;
    let with = |prices: Vec<Price>, rules: Vec<Rule>| Pricing { base: eur(100), prices, rules };
    let ok = || rule("a", 1, &[(1, percent(1))]);
    let stepped = |steps: &[(u32, Off)]| with(vec![], vec![rule("a", 1, steps)]);
    let begun = |count: u64| (0..count).map(|from| price(1, from, None)).collect::<Vec<_>>();
    let named = |count: usize| -> Vec<_> {
        (0..count).map(|n| rule(&n.to_string(), 1, &[(1, percent(1))])).collect()
    };
    let max = u64::try_from(PRICES_MAX).expect("small");
    let steps = |count: u32| (1..=count).map(|n| (n, percent(1))).collect::<Vec<_>>();
    let steps_max = u32::try_from(RULE_STEPS_MAX).expect("small");
    for (pricing, why) in [
        (with(vec![], vec![]), None),
        (Pricing::fixed(eur(0)), Some(Why::Base)),
        (Pricing::fixed(eur(UNIT_PRICE_MAX + 1)), Some(Why::Base)),
        (with(begun(max), named(RULES_MAX)), None),
        (with(begun(max + 1), vec![]), Some(Why::PriceCount)),
        (with(vec![], named(RULES_MAX + 1)), Some(Why::RuleCount)),
        (with(vec![price(1, 5, None), price(0, 6, None)], vec![]), Some(Why::Price(1))),
        (with(vec![price(1, 5, Some(5))], vec![]), Some(Why::PriceWindow(0))),
        (with(vec![price(1, 5, None), price(2, 5, Some(9))], vec![]), Some(Why::PriceTwice(1))),
        (with(vec![], vec![ok(), ok()]), Some(Why::RuleId(1))),
        (with(vec![], vec![Rule { id: String::new(), ..ok() }]), Some(Why::RuleId(0))),
        (with(vec![], vec![Rule { id: "x".repeat(65), ..ok() }]), Some(Why::RuleId(0))),
        (
            with(vec![], vec![Rule { from: Some(at(5)), until: Some(at(5)), ..ok() }]),
            Some(Why::RuleWindow(0)),
        ),
        (stepped(&[]), Some(Why::Steps(0))),
        (stepped(&steps(steps_max)), None),
        (stepped(&steps(steps_max + 1)), Some(Why::Steps(0))),
        (stepped(&[(0, percent(1))]), Some(Why::Steps(0))),
        (stepped(&[(2, percent(1)), (2, percent(2))]), Some(Why::Steps(0))),
        (stepped(&[(QUANTITY_MAX + 1, percent(1))]), Some(Why::Steps(0))),
        (stepped(&[(1, percent(0))]), Some(Why::Off(0))),
        (stepped(&[(1, percent(10_000))]), Some(Why::Off(0))),
        (stepped(&[(1, Off::Amount(eur(0)))]), Some(Why::Off(0))),
    ] {
        assert_eq!(pricing.clone().checked().err(), why, "{pricing:?}");
    }
}

fn put(amount: i64) -> Change {
    let (name, price) = ("Tea".to_owned(), eur(amount));
    Change::Put { name, price, description: None, categories: None }
}

fn made(before: Option<&Product>, wish: Change) -> Product {
    change(&sku("tea"), before, wish, at(1)).expect("valid").expect("it changes something")
}

#[test]
fn a_price_that_is_put_counts_from_then_on_and_what_is_not_named_stays() {
    let first = made(None, put(100));
    assert_eq!((first.version, first.pricing.base), (1, eur(100)));
    assert_eq!(change(&sku("tea"), Some(&first), put(100), at(9)), Ok(None), "nothing new");
    let mut pricing = first.pricing.clone();
    pricing.prices = vec![price(80, 10, None), Price { price: yen(9), from: at(5), until: None }];
    pricing.rules = vec![rule("a", 1, &[(1, percent(1_000))])];
    let second = made(Some(&first), Change::Reprice(pricing));
    let third = made(Some(&second), put(120));
    assert_eq!(third.version, 3);
    assert_eq!(unit(&third.pricing, 1, 99), (120, 108, vec![("a".to_owned(), 12)]));
    assert!(third.pricing.list(currency("JPY"), at(99)).is_some(), "in yen it costs what it did");
    let reprice = Change::Reprice(Pricing::fixed(eur(1)));
    assert_eq!(change(&sku("tea"), None, reprice, at(1)), Err(Invalid::Unknown));
}

#[test]
fn a_currency_that_is_named_is_the_one_that_all_lines_are_priced_in() {
    let offer = |name: &str, pricing: Pricing| {
        Some(Offer { sku: sku(name), name: name.to_owned(), version: 1, pricing })
    };
    let mut both = Pricing::fixed(eur(100));
    both.prices = vec![Price { price: yen(9), from: at(0), until: None }];
    let offers = [offer("cup", both), offer("tea", Pricing::fixed(yen(4)))];
    let lines = ["cup", "tea"].map(|name| LineRequest { sku: sku(name), quantity: 2 });
    let quoted = |code: Option<&str>| {
        quote(&lines, &offers, code.map(currency), at(1)).map(|quote| quote.total)
    };
    assert_eq!(quoted(Some("JPY")), Ok(yen(26)));
    assert_eq!(quoted(None), Err(PlaceRejection::MixedCurrencies { sku: sku("tea") }));
    let not_sold = PlaceRejection::NotSold { sku: sku("tea"), currency: currency("EUR") };
    assert_eq!(quoted(Some("EUR")), Err(not_sold));
}

/// The same, computed without any cleverness: every minute on its own, and every rule in turn.
fn naive(pricing: &Pricing, quantity: u32, now: Timestamp) -> i64 {
    let mut list = pricing.base.amount;
    let mut began = None;
    for price in &pricing.prices {
        let in_force = price.from <= now && price.until.is_none_or(|until| until > now);
        if in_force && began.is_none_or(|began| began < price.from) {
            (list, began) = (price.price.amount, Some(price.from));
        }
    }
    let (mut left, mut applied) = (i128::from(list), 0);
    let mut rules = pricing.rules.clone();
    while !rules.is_empty() {
        let mut next = 0;
        for index in 1..rules.len() {
            let (this, best) = (&rules[index], &rules[next]);
            if this.priority < best.priority
                || (this.priority == best.priority && this.id < best.id)
            {
                next = index;
            }
        }
        let rule = rules.remove(next);
        let in_force =
            rule.from.is_none_or(|from| from <= now) && rule.until.is_none_or(|until| until > now);
        if !in_force || (rule.exclusive && applied > 0) {
            continue;
        }
        let step = rule.steps.iter().rev().find(|step| step.min_quantity <= quantity);
        let off = match step.map(|step| &step.off) {
            None => 0,
            Some(Off::BasisPoints(points)) => {
                let exact = left * i128::from(*points);
                exact / 10_000 + i128::from(exact % 10_000 >= 5_000)
            }
            Some(Off::Amount(money)) => i128::from(money.amount),
        };
        let off = off.min(left - 1);
        if off > 0 {
            left -= off;
            applied += 1;
            if rule.exclusive {
                break;
            }
        }
    }
    i64::try_from(left).expect("never more than the list price")
}

fn off() -> impl Strategy<Value = Off> {
    prop_oneof![
        (1_u32..=9_999).prop_map(Off::BasisPoints),
        (1_i64..=2_000).prop_map(|amount| Off::Amount(eur(amount))),
    ]
}

fn window() -> impl Strategy<Value = (u64, Option<u64>)> {
    (0_u64..50, option::of(1_u64..30)).prop_map(|(from, life)| (from, life.map(|s| from + s)))
}

prop_compose! {
    fn rules()(
        drawn in vec(
            (0_u16..4, any::<bool>(), option::of(window()), vec(off(), 1..4), 1_u32..5),
            0..6,
        )
    ) -> Vec<Rule> {
        let rule = |(index, (priority, exclusive, window, offs, apart)): (usize, _)| {
            let offs: Vec<Off> = offs;
            let window: Option<(u64, Option<u64>)> = window;
            let steps = (1..).zip(offs).map(|(n, off)| Step { min_quantity: n * apart, off });
            Rule {
                id: format!("rule-{index}"),
                priority,
                exclusive,
                from: window.map(|(from, _)| at(from)),
                until: window.and_then(|(_, until)| until).map(at),
                steps: steps.collect(),
            }
        };
        drawn.into_iter().enumerate().map(rule).collect()
    }
}

proptest! {
    #[test]
    fn a_unit_costs_what_the_model_says_never_nothing_and_never_more_than_the_list_price(
        base in 1_i64..3_000,
        prices in vec((1_i64..3_000, window()), 0..6),
        rules in rules(),
        quantity in 1_u32..=20,
        now in 0_u64..80,
    ) {
        let mut pricing = Pricing::fixed(eur(base));
        pricing.rules = rules;
        for (amount, (from, until)) in prices {
            if pricing.prices.iter().all(|other| other.from != at(from)) {
                pricing.prices.push(price(amount, from, until));
            }
        }
        let pricing = pricing.checked().expect("it is drawn to be valid");
        let (list, left, applied) = unit(&pricing, quantity, now);
        prop_assert_eq!(left, naive(&pricing, quantity, at(now)));
        prop_assert!((1..=list).contains(&left));
        let taken: i64 = applied.iter().map(|(_, off)| off).sum();
        prop_assert_eq!(list - taken, left, "what is said adds up");
        prop_assert!(applied.iter().all(|(_, off)| *off > 0));
    }
}
