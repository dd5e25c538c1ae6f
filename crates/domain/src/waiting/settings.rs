//! How a room lets customers through.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::QUANTITY_MAX;

/// Units of one sale: a line of a million is an hour at the largest rate that makes sense.
pub const UNITS_MAX: u32 = 1_000_000;

/// Customers let through in a second: twice the orders that a large deployment takes.
pub const ADMITTED_PER_S_MAX: u32 = 10_000;

/// The longest life of an admission. While it lasts, its units are nobody else's.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(3_600);

/// The longest time between two signs of life that a room may ask for.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(300);

/// Signs of life that are missed until a customer is taken to have gone: one that is lost on the
/// way, or one that comes late, costs nobody their place.
pub const BEATS_MISSED_MAX: u32 = 3;

/// How a room lets customers through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Units for sale.
    pub units: u32,
    /// Customers let through in a second, at most.
    pub admitted_per_s: u32,
    /// How long an admission lasts.
    pub token_life_ms: u32,
    /// How often a customer who waits has to give a sign of life.
    pub heartbeat_ms: u32,
    /// Units that one admission is good for.
    pub quantity_max: u32,
}

/// Settings that no room can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` must be {min} to {max}")]
pub struct InvalidSettings {
    /// Which.
    pub name: &'static str,
    /// The least allowed.
    pub min: u32,
    /// The most allowed.
    pub max: u32,
}

impl Settings {
    /// The same, if a room can have them.
    ///
    /// # Errors
    /// [`InvalidSettings`] names the first one that is out of range.
    pub fn checked(self) -> Result<Self, InvalidSettings> {
        for (name, value, max) in [
            ("units", self.units, UNITS_MAX),
            ("admitted_per_s", self.admitted_per_s, ADMITTED_PER_S_MAX),
            ("token_life_ms", self.token_life_ms, millis(TOKEN_LIFE_MAX)),
            ("heartbeat_ms", self.heartbeat_ms, millis(HEARTBEAT_MAX)),
            ("quantity_max", self.quantity_max, QUANTITY_MAX),
        ] {
            if !(1..=max).contains(&value) {
                return Err(InvalidSettings { name, min: 1, max });
            }
        }
        Ok(self)
    }

    /// How long an admission lasts.
    #[must_use]
    pub const fn token_life(&self) -> Duration {
        Duration::from_millis(widened(self.token_life_ms))
    }

    /// How often a customer who waits has to give a sign of life.
    #[must_use]
    pub const fn heartbeat(&self) -> Duration {
        Duration::from_millis(widened(self.heartbeat_ms))
    }

    /// How long after the last sign of life a customer is taken to have gone.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        Duration::from_millis(widened(self.heartbeat_ms) * widened(BEATS_MISSED_MAX))
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[expect(clippy::as_conversions, reason = "`From` is not const, and this only widens")]
const fn widened(value: u32) -> u64 {
    value as u64
}
