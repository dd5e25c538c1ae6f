//! Rooms and places as clients see them.

use lmall_app::waiting::AdmissionKeys;
use lmall_domain::{
    Sku,
    waiting::{self, Settings, Standing},
};
use lmall_web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a waiting room lets customers through.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenRoom {
    /// Units for sale: no more are promised, and stock decides about each order all the same.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1000)]
    units: i64,
    /// Customers let through in a second at most; fewer while orders are slow.
    #[schema(minimum = 1, maximum = 10_000, example = 50)]
    admitted_per_s: i64,
    /// How long a token is good for.
    #[serde(default = "token_life_s")]
    #[schema(minimum = 1, maximum = 3_600, default = 120)]
    token_life_s: i64,
    /// How often a customer has to look at their place; after three times as long they have gone.
    #[serde(default = "heartbeat_s")]
    #[schema(minimum = 1, maximum = 300, default = 5)]
    heartbeat_s: i64,
    /// Units that a token is good for.
    #[serde(default = "quantity_max")]
    #[schema(minimum = 1, maximum = 1_000, default = 1)]
    quantity_max: i64,
}

/// Two minutes: as long as it takes to fill in an order.
const fn token_life_s() -> i64 {
    120
}

/// Five seconds: who has gone is out of the line after fifteen.
const fn heartbeat_s() -> i64 {
    5
}

const fn quantity_max() -> i64 {
    1
}

impl OpenRoom {
    /// The settings of the room.
    ///
    /// # Errors
    /// 422 that names every value out of range.
    pub(crate) fn settings(&self) -> Result<Settings, Problem> {
        use waiting::settings::{ADMITTED_PER_S_MAX, HEARTBEAT_MAX, TOKEN_LIFE_MAX, UNITS_MAX};
        let mut problem = None;
        let mut checked = |name: &str, value: i64, max: u64| match u32::try_from(value) {
            Ok(fits) if (1..=max).contains(&fits.into()) => fits,
            Ok(_) | Err(_) => {
                let so_far = problem.take().unwrap_or_else(Problem::invalid);
                let detail = format!("must be 1 to {max}, not {value}");
                problem = Some(so_far.error(format!("/{name}"), detail));
                1
            }
        };
        let quantity_max = lmall_domain::limits::QUANTITY_MAX;
        let settings = Settings {
            units: checked("units", self.units, UNITS_MAX.into()),
            admitted_per_s: checked(
                "admitted_per_s",
                self.admitted_per_s,
                ADMITTED_PER_S_MAX.into(),
            ),
            token_life_ms: 1_000
                * checked("token_life_s", self.token_life_s, TOKEN_LIFE_MAX.as_secs()),
            heartbeat_ms: 1_000 * checked("heartbeat_s", self.heartbeat_s, HEARTBEAT_MAX.as_secs()),
            quantity_max: checked("quantity_max", self.quantity_max, quantity_max.into()),
        };
        match problem {
            Some(problem) => Err(problem),
            // The domain has the last word.
            None => settings.checked().map_err(|invalid| {
                Problem::invalid().error(format!("/{}", invalid.name), invalid.to_string())
            }),
        }
    }
}

/// A waiting room in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingRoom {
    /// What is sold behind it.
    #[schema(example = "tea-01")]
    sku: String,
    /// When it was opened.
    #[schema(format = DateTime)]
    opened_at: String,
    /// Units for sale.
    units: u32,
    /// Customers let through in a second at most.
    admitted_per_s: u32,
    /// How long a token is good for.
    token_life_s: u32,
    /// How often a customer has to look at their place.
    heartbeat_s: u32,
    /// Units that a token is good for.
    quantity_max: u32,
    /// Customers in line.
    waiting: u32,
    /// Customers who were let through and have not ordered yet.
    admitted: u32,
    /// Units promised to them.
    promised: u32,
    /// Units that are known to be ordered.
    ordered: u32,
    /// Customers who left the line, or gave no sign of life.
    left: u32,
    /// Admissions that were not used.
    lapsed: u32,
}

impl WaitingRoom {
    pub(crate) fn new(sku: &Sku, summary: &waiting::Summary) -> Self {
        let waiting::Summary { settings, opened_at, .. } = summary;
        Self {
            sku: sku.to_string(),
            opened_at: opened_at.to_string(),
            units: settings.units,
            admitted_per_s: settings.admitted_per_s,
            token_life_s: settings.token_life_ms.div_ceil(1_000),
            heartbeat_s: settings.heartbeat_ms.div_ceil(1_000),
            quantity_max: settings.quantity_max,
            waiting: summary.waiting,
            admitted: summary.admitted,
            promised: summary.promised,
            ordered: summary.ordered,
            left: summary.left,
            lapsed: summary.lapsed,
        }
    }
}

/// What became of a customer in a waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// They are in line.
    Waiting,
    /// It is their turn: they have a token.
    Admitted,
    /// They have ordered.
    Ordered,
    /// It was their turn, and they did not order in time. They may join again.
    Lapsed,
    /// They are in line, and all units are sold.
    SoldOut,
}

/// A range in which somebody's turn is to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Estimate {
    /// Seconds until then at the earliest.
    from_s: u64,
    /// Seconds until then at the latest, if it goes on like this.
    to_s: u64,
}

/// Where a customer stands in a waiting room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Place {
    /// What is sold behind it.
    #[schema(example = "tea-01")]
    sku: String,
    /// What became of them.
    pub(super) status: Status,
    /// While waiting: the place in line, from 1. It never grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    place: Option<u32>,
    /// While waiting: when their turn is to be expected, as measured just now. Absent when that
    /// is not known, or depends on whether others give up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    estimate: Option<Estimate>,
    /// While waiting: how often to look again. Who does not for three times as long has gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) heartbeat_s: Option<u32>,
    /// When admitted: what to order with, as `X-Admission-Token`. The same one however often it
    /// is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
    /// When admitted: how many units at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quantity: Option<u32>,
    /// When admitted: until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    expires_at: Option<String>,
}

impl Place {
    pub(crate) fn new(sku: &Sku, standing: Standing, keys: &AdmissionKeys) -> Self {
        let mut view = Self {
            sku: sku.to_string(),
            status: Status::Waiting,
            place: None,
            estimate: None,
            heartbeat_s: None,
            token: None,
            quantity: None,
            expires_at: None,
        };
        match standing {
            Standing::Waiting { place, estimate, heartbeat_ms } => {
                view.place = Some(place);
                view.estimate =
                    estimate.map(|waiting::Estimate { from_s, to_s }| Estimate { from_s, to_s });
                view.heartbeat_s = Some(heartbeat_ms.div_ceil(1_000));
            }
            Standing::Admitted(ticket) => {
                view.status = Status::Admitted;
                view.token = keys.sign(&ticket);
                view.quantity = Some(ticket.quantity);
                view.expires_at = Some(ticket.expires_at.to_string());
            }
            Standing::Ordered => view.status = Status::Ordered,
            Standing::Lapsed => view.status = Status::Lapsed,
            Standing::SoldOut => view.status = Status::SoldOut,
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_value_out_of_range_is_named() {
        for (body, pointers) in [
            (json!({ "units": 1, "admitted_per_s": 1 }), vec![]),
            (json!({ "units": 0, "admitted_per_s": 10_001 }), vec!["/units", "/admitted_per_s"]),
            (
                json!({ "units": 1_000_000, "admitted_per_s": 10_000, "token_life_s": 3_601,
                        "heartbeat_s": 0, "quantity_max": i64::MAX }),
                vec!["/token_life_s", "/heartbeat_s", "/quantity_max"],
            ),
            (json!({ "units": -1, "admitted_per_s": 1 }), vec!["/units"]),
        ] {
            let room: OpenRoom = serde_json::from_value(body.clone()).unwrap();
            let found = match room.settings() {
                Ok(_) => vec![],
                Err(problem) => problem.body(None).errors,
            };
            let found: Vec<_> = found.into_iter().map(|violation| violation.pointer).collect();
            assert_eq!(found, pointers, "{body}");
        }
    }
}
