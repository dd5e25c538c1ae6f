//! Quotes from the product service's own use case.

use async_trait::async_trait;
use lmall_app::{
    catalogue::{self, Catalogue},
    failure::Failure,
};
use lmall_domain::{
    Money,
    catalogue::{self as prices, Applied},
    money::Currency,
    order::{LineRequest, PlaceRejection},
};

use crate::{
    call::Call,
    quotes::{Explanation, Line, ProductQuotes, Quote, QuoteError, QuotedLine},
};

#[async_trait]
impl ProductQuotes for Catalogue {
    async fn quote(
        &self,
        _call: &Call,
        lines: &[Line],
        currency: Currency,
    ) -> Result<Quote, QuoteError> {
        let wanted: Vec<LineRequest> = lines
            .iter()
            .map(|line| LineRequest { sku: line.sku.clone(), quantity: line.quantity })
            .collect();
        let quoted = Self::quote(self, &wanted, Some(currency), self.now()).await.map_err(why)?;
        // By SKU, where the lines are as they were asked for.
        let mut found = Vec::with_capacity(lines.len());
        for line in lines {
            let quoted = quoted.lines.iter().find(|quoted| quoted.sku == line.sku);
            let quoted = quoted.ok_or_else(|| QuoteError::NotSold(line.sku.clone()))?;
            found.push(explained(line, quoted));
        }
        Ok(Quote { lines: found, total: quoted.total })
    }
}

fn explained(line: &Line, quoted: &prices::QuotedLine) -> QuotedLine {
    let explain = |Applied { rule, off }: &Applied| Explanation {
        rule: rule.clone(),
        text: format!("{off:?} off"),
        amount: Money::new(off.amount.saturating_neg(), off.currency),
    };
    QuotedLine {
        line: line.clone(),
        list_price: quoted.unit.list.price,
        unit_price: quoted.unit.price,
        total: quoted.total,
        explanations: quoted.unit.applied.iter().map(explain).collect(),
    }
}

fn why(error: catalogue::QuoteError) -> QuoteError {
    match error {
        catalogue::QuoteError::Failed(failure) => QuoteError::Failed(failure),
        catalogue::QuoteError::Rejected(
            PlaceRejection::UnknownSku { sku }
            | PlaceRejection::NotSold { sku, .. }
            | PlaceRejection::MixedCurrencies { sku },
        ) => QuoteError::NotSold(sku),
        catalogue::QuoteError::Rejected(PlaceRejection::Total) => QuoteError::TooLarge,
        // The server has counted lines and units before.
        catalogue::QuoteError::Rejected(
            rejection @ (PlaceRejection::LineCount | PlaceRejection::Quantity { .. }),
        ) => QuoteError::Failed(Failure::Never(rejection.to_string())),
    }
}
