//! `lmall.product.v1.Quotes`, answered.

use std::collections::BTreeSet;

use async_trait::async_trait;
use lmall_app::failure::Failure;
use lmall_domain::{
    Money, Sku,
    limits::{ORDER_LINES_MAX, QUANTITY_MAX},
    money::Currency,
};
use tonic::{Request, Response, Status};

use crate::{call::Call, details::Violations, pb::product as pb, server::call_of, status::status};

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which product.
    pub sku: Sku,
    /// How many units: 1 to [`QUANTITY_MAX`].
    pub quantity: u32,
}

/// What some lines cost. All amounts are of one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// As they were asked for.
    pub lines: Vec<QuotedLine>,
    /// Their sum.
    pub total: Money,
}

/// What a line costs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedLine {
    /// What is wanted.
    pub line: Line,
    /// One unit, before all rules.
    pub list_price: Money,
    /// One unit.
    pub unit_price: Money,
    /// All of it.
    pub total: Money,
    /// The steps from one to the other.
    pub explanations: Vec<Explanation>,
}

/// One step of a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Which rule.
    pub rule: String,
    /// What it did, for people.
    pub text: String,
    /// What it changed one unit by; below zero when that is cheaper.
    pub amount: Money,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// A product is not there, or has no price in that currency.
    #[error("{0} has no price")]
    NotSold(Sku),
    /// The sum is beyond what an order may cost.
    #[error("the total is too large")]
    TooLarge,
    /// It cannot be found out.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What the server asks about prices.
#[async_trait]
pub trait ProductQuotes: Send + Sync {
    /// What the lines, each SKU once, cost now.
    ///
    /// # Errors
    /// [`QuoteError`]; only a `Failed` may work later.
    async fn quote(
        &self,
        call: &Call,
        lines: &[Line],
        currency: Currency,
    ) -> Result<Quote, QuoteError>;
}

/// The server on a [`ProductQuotes`].
pub(crate) struct Server<Q>(pub(crate) Q);

#[async_trait]
impl<Q: ProductQuotes + 'static> pb::quotes_server::Quotes for Server<Q> {
    async fn get_quote(
        &self,
        request: Request<pb::GetQuoteRequest>,
    ) -> Result<Response<pb::GetQuoteResponse>, Status> {
        let call = call_of(&request)?;
        let (lines, currency) = decode(request.get_ref())?;
        match self.0.quote(&call, &lines, currency).await {
            Ok(quote) => Ok(Response::new(wire(&quote))),
            Err(QuoteError::NotSold(sku)) => {
                Err(Status::not_found(format!("{sku} has no price in {}", currency.code())))
            }
            Err(QuoteError::TooLarge) => Err(Status::failed_precondition("the total is too large")),
            Err(QuoteError::Failed(failure)) => Err(status(&failure)),
        }
    }
}

/// # Errors
/// `INVALID_ARGUMENT` that names every place.
fn decode(request: &pb::GetQuoteRequest) -> Result<(Vec<Line>, Currency), Status> {
    let mut violations = Violations::default();
    let count = request.lines.len();
    if !(1..=ORDER_LINES_MAX).contains(&count) {
        violations.add("lines", format!("must have 1 to {ORDER_LINES_MAX} lines, not {count}"));
        violations.refuse()?;
    }
    let (mut lines, mut seen) = (Vec::with_capacity(count), BTreeSet::new());
    for (index, pb::Line { sku, quantity }) in request.lines.iter().enumerate() {
        let at = |field: &str| format!("lines[{index}].{field}");
        let sku = violations.note(at("sku"), sku.parse::<Sku>());
        if !(1..=QUANTITY_MAX).contains(quantity) {
            let detail = format!("must be 1 to {QUANTITY_MAX}, not {quantity}");
            violations.add(at("quantity"), detail);
        }
        if let Some(sku) = sku {
            if !seen.insert(sku.clone()) {
                violations.add(at("sku"), "is there twice");
            }
            lines.push(Line { sku, quantity: *quantity });
        }
    }
    let currency = violations.note("currency", Currency::from_code(&request.currency));
    violations.refuse()?;
    let currency = currency.ok_or_else(|| Status::internal("no currency"))?;
    Ok((lines, currency))
}

fn wire(quote: &Quote) -> pb::GetQuoteResponse {
    let explanation = |explanation: &Explanation| pb::Explanation {
        rule: explanation.rule.clone(),
        text: explanation.text.clone(),
        amount_minor: explanation.amount.amount,
    };
    let line = |quoted: &QuotedLine| pb::QuotedLine {
        sku: quoted.line.sku.to_string(),
        quantity: quoted.line.quantity,
        list_price_minor: quoted.list_price.amount,
        unit_price_minor: quoted.unit_price.amount,
        total_minor: quoted.total.amount,
        explanations: quoted.explanations.iter().map(explanation).collect(),
    };
    pb::GetQuoteResponse {
        lines: quote.lines.iter().map(line).collect(),
        total_minor: quote.total.amount,
        currency: quote.total.currency.code().to_owned(),
    }
}

/// The quote that an answer is; `None` when it is none.
pub(crate) fn read(answer: pb::GetQuoteResponse) -> Option<Quote> {
    let currency = Currency::from_code(&answer.currency).ok()?;
    let money = |minor: i64| Money::new(minor, currency);
    let explanation = |explanation: pb::Explanation| Explanation {
        rule: explanation.rule,
        text: explanation.text,
        amount: money(explanation.amount_minor),
    };
    let line = |line: pb::QuotedLine| {
        Some(QuotedLine {
            line: Line { sku: line.sku.parse().ok()?, quantity: line.quantity },
            list_price: money(line.list_price_minor),
            unit_price: money(line.unit_price_minor),
            total: money(line.total_minor),
            explanations: line.explanations.into_iter().map(explanation).collect(),
        })
    };
    let lines = answer.lines.into_iter().map(line).collect::<Option<_>>()?;
    Some(Quote { lines, total: money(answer.total_minor) })
}
