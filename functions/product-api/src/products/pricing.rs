//! `GET` and `PUT /v1/products/{sku}/pricing`: all that a product costs, for operators.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use lmall_domain::{
    Sku, Timestamp,
    catalogue::{self, Change, InvalidPricing},
    limits::{PRICES_MAX, QUANTITY_MAX, RULE_ID_MAX, RULE_STEPS_MAX, RULES_MAX},
};
use lmall_web::{
    ApiJson, ApiPath, Money, Operator, Problem, RequestContext,
    openapi::{BodyRefused, Fault, OperatorRefused},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::put::{refused, status};
use crate::shop::Shop;

/// All that a product costs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pricing {
    /// The price where nothing else says one; its currency is the product's own.
    price: Money,
    /// Prices from some time on. Of those in force, the one that began last counts; two in one
    /// currency cannot begin at the same time.
    #[serde(default)]
    #[schema(max_items = 60)]
    prices: Vec<Price>,
    /// What takes off from the price: in the order of priority, then of id, each from what the
    /// one before has left, rounded half up. One minor unit is always left.
    #[serde(default)]
    #[schema(max_items = 32)]
    rules: Vec<Rule>,
}

/// A price from some time on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// For one unit.
    price: Money,
    /// From when.
    #[schema(value_type = String, format = DateTime, example = "2026-01-14T10:30:00.000Z")]
    from: Timestamp,
    /// Until just before when; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    until: Option<Timestamp>,
}

/// What takes off from a price.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PriceRule)]
pub(crate) struct Rule {
    /// Your name for it, unique in the product: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64, example = "spring")]
    id: String,
    /// Smaller ones apply first.
    #[schema(example = 10)]
    priority: u16,
    /// Whether it applies only where no rule did before, and none after it.
    #[serde(default)]
    exclusive: bool,
    /// From when; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    from: Option<Timestamp>,
    /// Until just before when; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    until: Option<Timestamp>,
    /// The one with the greatest quantity that a line reaches counts.
    #[schema(min_items = 1, max_items = 8)]
    steps: Vec<Step>,
}

/// What a rule takes off from this quantity on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PriceRuleStep)]
pub(crate) struct Step {
    /// Units of the line; they grow from step to step.
    #[schema(minimum = 1, maximum = 1000, example = 1)]
    min_quantity: u32,
    /// What is taken off each of them.
    off: Off,
}

/// What is taken off one unit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PriceOff)]
pub(crate) enum Off {
    /// Hundredths of a percent: 1 to 9999.
    BasisPoints(u32),
    /// An amount; nothing in another currency.
    Amount(Money),
}

// What the document says is what the domain says.
const _: () = assert!(PRICES_MAX == 60 && RULES_MAX == 32 && RULE_STEPS_MAX == 8);
const _: () = assert!(RULE_ID_MAX == 64 && QUANTITY_MAX == 1_000);

/// Read all that a product costs.
#[utoipa::path(
    get,
    path = "/v1/products/{sku}/pricing",
    operation_id = "get_pricing",
    tag = "catalogue",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    responses(
        (status = 200, description = "what it costs", body = Pricing),
        (status = 404, description = "`/problems/not-found`: the catalogue does not have it"),
        OperatorRefused, Fault,
    ),
)]
pub(crate) async fn get(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
) -> Result<Json<Pricing>, Problem> {
    let product = shop.catalogue.product(&sku).await?;
    Ok(Json(product.ok_or_else(Problem::not_found)?.pricing.into()))
}

/// Set all that a product costs.
///
/// What is not in the body is gone. Later orders use the new prices; placed ones keep theirs.
#[utoipa::path(
    put,
    path = "/v1/products/{sku}/pricing",
    operation_id = "put_pricing",
    tag = "catalogue",
    security(("operator" = [])),
    params(("sku" = String, Path, description = "the product's SKU", example = "tea-01")),
    request_body = Pricing,
    responses(
        (status = 200, description = "what it costs from now on", body = Pricing),
        (status = 202, description = "the same: durable, but the order service did not answer, \
            and its next orders may have the old price", body = Pricing),
        (status = 404, description = "`/problems/not-found`: the catalogue does not have it"),
        (status = 422, description = "`/problems/validation` names the place"),
        BodyRefused, OperatorRefused, Fault,
    ),
)]
pub(crate) async fn put(
    State(shop): State<Shop>,
    _: Operator,
    ApiPath(sku): ApiPath<Sku>,
    context: RequestContext,
    ApiJson(body): ApiJson<Pricing>,
) -> Result<Response, Problem> {
    let change = Change::Reprice(body.into());
    let changed = shop.catalogue.change(&sku, &change, &context.trace()).await;
    shop.reading.forget(&sku).await;
    let changed = changed.map_err(|error| refused(error, &[]))?;
    let answer = Json(Pricing::from(changed.product.pricing.clone()));
    Ok((status(&changed), answer).into_response())
}

/// Where in the body pricing is wrong.
pub(super) fn pointer(invalid: &InvalidPricing) -> String {
    match invalid {
        InvalidPricing::Base => "/price/amount".to_owned(),
        InvalidPricing::PriceCount => "/prices".to_owned(),
        InvalidPricing::Price(index) => format!("/prices/{index}/price/amount"),
        InvalidPricing::PriceWindow(index) => format!("/prices/{index}/until"),
        InvalidPricing::PriceTwice(index) => format!("/prices/{index}/from"),
        InvalidPricing::RuleCount => "/rules".to_owned(),
        InvalidPricing::RuleId(index) => format!("/rules/{index}/id"),
        InvalidPricing::RuleWindow(index) => format!("/rules/{index}/until"),
        InvalidPricing::Steps(index) | InvalidPricing::Off(index) => {
            format!("/rules/{index}/steps")
        }
    }
}

impl From<catalogue::Pricing> for Pricing {
    fn from(pricing: catalogue::Pricing) -> Self {
        let catalogue::Pricing { base, prices, rules } = pricing;
        let price = |price: catalogue::Price| {
            let catalogue::Price { price, from, until } = price;
            Price { price: price.into(), from, until }
        };
        Self {
            price: base.into(),
            prices: prices.into_iter().map(price).collect(),
            rules: rules.into_iter().map(Rule::from).collect(),
        }
    }
}

impl From<Pricing> for catalogue::Pricing {
    fn from(pricing: Pricing) -> Self {
        let Pricing { price, prices, rules } = pricing;
        let of = |price: Price| {
            let Price { price, from, until } = price;
            catalogue::Price { price: price.into(), from, until }
        };
        Self {
            base: price.into(),
            prices: prices.into_iter().map(of).collect(),
            rules: rules.into_iter().map(catalogue::Rule::from).collect(),
        }
    }
}

impl From<catalogue::Rule> for Rule {
    fn from(rule: catalogue::Rule) -> Self {
        let catalogue::Rule { id, priority, exclusive, from, until, steps } = rule;
        let step = |step: catalogue::Step| {
            let off = match step.off {
                catalogue::Off::BasisPoints(points) => Off::BasisPoints(points),
                catalogue::Off::Amount(money) => Off::Amount(money.into()),
            };
            Step { min_quantity: step.min_quantity, off }
        };
        let steps = steps.into_iter().map(step).collect();
        Self { id, priority, exclusive, from, until, steps }
    }
}

impl From<Rule> for catalogue::Rule {
    fn from(rule: Rule) -> Self {
        let Rule { id, priority, exclusive, from, until, steps } = rule;
        let step = |step: Step| {
            let off = match step.off {
                Off::BasisPoints(points) => catalogue::Off::BasisPoints(points),
                Off::Amount(money) => catalogue::Off::Amount(money.into()),
            };
            catalogue::Step { min_quantity: step.min_quantity, off }
        };
        let steps = steps.into_iter().map(step).collect();
        Self { id, priority, exclusive, from, until, steps }
    }
}
