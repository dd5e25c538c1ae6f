//! Whether the wall clock is set back.

use std::time::Duration;

use lmall_domain::Timestamp;
use parking_lot::Mutex;

use crate::ports::Clock;

/// How far the wall clock may fall behind the monotonic one between two looks without having been
/// set back: time servers slew it by at most a two-thousandth, 10 ms in 20 s.
const SLEW_MAX: Duration = Duration::from_millis(500);

/// The wall clock beside the monotonic one, each time that somebody looks.
pub(super) struct WallClock(Mutex<Seen>);

struct Seen {
    wall: Timestamp,
    monotonic: Duration,
    rollbacks: u64,
}

impl WallClock {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self(Mutex::new(Seen { wall: clock.now(), monotonic: clock.monotonic(), rollbacks: 0 }))
    }

    /// How often it was found set back, this time included.
    pub(super) fn look(&self, clock: &dyn Clock) -> u64 {
        let mut seen = self.0.lock();
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let expected = seen.wall.after(monotonic.saturating_sub(seen.monotonic));
        if wall.after(SLEW_MAX) < expected {
            seen.rollbacks += 1;
            let back_ms = expected.as_millis() - wall.as_millis();
            tracing::warn!(back_ms, "the wall clock was set back; ids do not follow it");
        }
        (seen.wall, seen.monotonic) = (wall, monotonic);
        seen.rollbacks
    }
}
