//! What a customer sends to order, and where it is wrong.

use lmall_domain::{
    Sku,
    limits::{ORDER_LINES_MAX, QUANTITY_MAX},
    money::Currency,
    order::{LineRequest, PlaceRejection},
};
use lmall_web::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

/// A wish to order: what and how many, never a price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceOrder {
    /// Lines with one SKU are merged.
    #[schema(min_items = 1, max_items = 40)]
    lines: Vec<Line>,
    /// What to pay in; when absent, the products' own currency, which has to be one.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<Currency>,
}

/// A line of that wish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlaceOrderLine)]
pub(crate) struct Line {
    /// What.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_.-]{1,64}$", example = "tea-01")]
    sku: Sku,
    /// How many, over all lines with that SKU.
    #[schema(minimum = 1, maximum = 1000, example = 2)]
    quantity: i64,
}

// What the document says is what the domain says.
const _: () = assert!(ORDER_LINES_MAX == 40 && QUANTITY_MAX == 1_000);

impl PlaceOrder {
    /// What to pay in, if that was said.
    pub(crate) const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The lines as the use case takes them.
    ///
    /// # Errors
    /// 422 that names every quantity out of range.
    pub(crate) fn lines(&self) -> Result<Vec<LineRequest>, Problem> {
        if !(1..=ORDER_LINES_MAX).contains(&self.lines.len()) {
            return Err(self.refusal(&PlaceRejection::LineCount));
        }
        let mut requests = Vec::with_capacity(self.lines.len());
        let mut problem = None;
        for (index, line) in self.lines.iter().enumerate() {
            match u32::try_from(line.quantity) {
                Ok(quantity) if (1..=QUANTITY_MAX).contains(&quantity) => {
                    requests.push(LineRequest { sku: line.sku.clone(), quantity });
                }
                Ok(_) | Err(_) => {
                    let detail = format!("must be 1 to {QUANTITY_MAX}, not {}", line.quantity);
                    let so_far = problem.unwrap_or_else(Problem::invalid);
                    problem = Some(so_far.error(format!("/lines/{index}/quantity"), detail));
                }
            }
        }
        problem.map_or(Ok(requests), Err)
    }

    /// The answer to a wish that cannot be an order, with the place in the body as it was sent.
    pub(crate) fn refusal(&self, rejection: &PlaceRejection) -> Problem {
        let (pointer, detail) = match rejection {
            PlaceRejection::LineCount | PlaceRejection::Total => {
                ("/lines".to_owned(), rejection.to_string())
            }
            PlaceRejection::Quantity { index } => {
                (format!("/lines/{index}/quantity"), rejection.to_string())
            }
            PlaceRejection::UnknownSku { sku } | PlaceRejection::NotSold { sku, .. } => {
                (self.first_with(sku), rejection.to_string())
            }
            // The domain speaks of the lines before it, in an order that the customer never saw.
            PlaceRejection::MixedCurrencies { sku } => {
                (self.first_with(sku), format!("`{sku}` is sold in another currency than the rest"))
            }
        };
        Problem::invalid().error(pointer, detail)
    }

    /// The pointer to a SKU: the domain sorts and merges lines, this is the first sent with it.
    fn first_with(&self, sku: &Sku) -> String {
        let sent = self.lines.iter().position(|line| line.sku == *sku);
        sent.map_or_else(|| "/lines".to_owned(), |index| format!("/lines/{index}/sku"))
    }
}

#[cfg(test)]
mod tests {
    use lmall_domain::order::merge_lines;
    use serde_json::json;

    use super::*;

    /// Lines as sent, and the pointers of the refusal.
    type Row<'row> = (&'row [(&'row str, i64)], &'row [&'row str]);

    fn body(lines: &[(&str, i64)]) -> PlaceOrder {
        let line = |(sku, quantity): &(&str, i64)| json!({ "sku": sku, "quantity": quantity });
        let lines: Vec<_> = lines.iter().map(line).collect();
        serde_json::from_value(json!({ "lines": lines })).unwrap()
    }

    fn pointers(problem: &Problem) -> Vec<String> {
        let body = problem.body(None);
        assert_eq!((body.status, body.kind.as_str()), (422, "/problems/validation"));
        body.errors.into_iter().map(|violation| violation.pointer).collect()
    }

    #[test]
    fn a_refusal_points_into_the_body_as_sent() {
        let [quantity_0, quantity_1] = [0, 1].map(|index| format!("/lines/{index}/quantity"));
        let rows: [Row<'_>; 8] = [
            (&[], &["/lines"]),
            (&[("tea", 1); 41], &["/lines"]),
            (&[("tea", 0)], &[&quantity_0]),
            (&[("tea", -1), ("oil", 1001)], &[&quantity_0, &quantity_1]),
            (&[("tea", 1), ("oil", i64::MAX)], &[&quantity_1]),
            (&[("tea", 600), ("tea", 401)], &[&quantity_1]),
            (&[("tea", 1), ("tea", 999)], &[]),
            (&[("tea", 25); 40], &[]),
        ];
        for (lines, expected) in rows {
            let body = body(lines);
            let merged = body
                .lines()
                .and_then(|lines| merge_lines(&lines).map_err(|error| body.refusal(&error)));
            let found = merged.as_ref().map_or_else(pointers, |_| Vec::new());
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    #[test]
    fn a_sku_is_found_where_it_was_first_sent() {
        let body = body(&[("tea", 1), ("oil", 1), ("oil", 2)]);
        let sku: Sku = "oil".parse().unwrap();
        let unknown = PlaceRejection::UnknownSku { sku: sku.clone() };
        assert_eq!(pointers(&body.refusal(&unknown)), ["/lines/1/sku"]);
        assert_eq!(
            pointers(&body.refusal(&PlaceRejection::MixedCurrencies { sku })),
            ["/lines/1/sku"]
        );
    }
}
