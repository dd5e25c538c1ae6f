//! What an operator sends to change the ledger, and where it is wrong.

use lmall_domain::id::Reference;
use lmall_web::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

/// Units of one receipt: a thousandth of what the ledger of a SKU may hold, so that one slip of
/// the finger does not fill it.
pub(super) const QUANTITY_MAX: i64 = 1_000_000_000;

/// Characters of a reason.
const REASON_LEN_MAX: usize = 200;

const _: () = assert!(QUANTITY_MAX <= lmall_domain::limits::STOCK_MAX / 1_000);

/// Stock that came in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    /// Units.
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 50)]
    pub(super) quantity: i64,
    /// Takes effect once for a SKU; adjustments use the same names.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_.:/#@ -]{1,128}$", example = "delivery-2026-14")]
    pub(super) reference: Reference,
}

/// A correction of the stock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adjustment {
    /// Units to add, or, below zero, to take; not 0.
    #[schema(example = -3)]
    pub(super) delta: i64,
    /// Why: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200, example = "broken in the warehouse")]
    pub(super) reason: String,
    /// Takes effect once for a SKU; receipts use the same names.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_.:/#@ -]{1,128}$", example = "count-2026-01-14")]
    pub(super) reference: Reference,
}

impl Receipt {
    /// # Errors
    /// 422 that names what is out of range.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if (1..=QUANTITY_MAX).contains(&self.quantity) {
            return Ok(());
        }
        let detail = format!("must be 1 to {QUANTITY_MAX}, not {}", self.quantity);
        Err(Problem::invalid().error("/quantity", detail))
    }
}

impl Adjustment {
    /// # Errors
    /// 422 that names everything out of range.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let mut problem = None;
        let mut refuse = |pointer: &str, detail: String| {
            let so_far = problem.take().unwrap_or_else(Problem::invalid);
            problem = Some(so_far.error(pointer, detail));
        };
        if self.delta == 0 {
            refuse("/delta", "must not be 0".to_owned());
        }
        if self.reason.trim().is_empty() || self.reason.chars().count() > REASON_LEN_MAX {
            refuse("/reason", format!("must have 1 to {REASON_LEN_MAX} characters"));
        }
        problem.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(result: Result<(), Problem>) -> Vec<String> {
        let Err(problem) = result else { return Vec::new() };
        assert_eq!(problem.status(), http::StatusCode::UNPROCESSABLE_ENTITY);
        problem.body(None).errors.into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn a_receipt_brings_something_but_not_everything() {
        let rows = [(1, true), (QUANTITY_MAX, true), (0, false), (-1, false), (i64::MAX, false)];
        for (quantity, good) in rows.into_iter().chain([(QUANTITY_MAX + 1, false)]) {
            let receipt = Receipt { quantity, reference: "r".parse().unwrap() };
            let expected: &[&str] = if good { &[] } else { &["/quantity"] };
            assert_eq!(pointers(receipt.check()), expected, "{quantity}");
        }
    }

    #[test]
    fn an_adjustment_changes_something_and_says_why() {
        let (longest, too_long) = ("ü".repeat(200), "ü".repeat(201));
        let rows: [(i64, &str, &[&str]); 5] = [
            (1, "found", &[]),
            (-1, &longest, &[]),
            (i64::MIN, &too_long, &["/reason"]),
            (0, "count", &["/delta"]),
            (0, " ", &["/delta", "/reason"]),
        ];
        for (delta, reason, expected) in rows {
            let reference = "r".parse().unwrap();
            let adjustment = Adjustment { delta, reason: reason.to_owned(), reference };
            assert_eq!(pointers(adjustment.check()), expected, "{delta} {reason}");
        }
    }
}
