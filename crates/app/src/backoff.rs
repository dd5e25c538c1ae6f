//! The backoff ladder: one for the whole system.

use std::time::Duration;

/// How often a message is tried before it goes to its dead-letter queue.
pub const RECEIVES_MAX: u32 = 5;

/// Messages in one receive: what SQS gives at most.
const BATCH_MAX: u32 = 10;

/// How often a message is received before the queue itself takes it for dead: `maxReceiveCount`.
///
/// It is for consumers that die of a message; whoever lives moves it after [`RECEIVES_MAX`] tries.
/// A receive is no try for what stands behind a message of its group that fails. So nine that
/// are tried five times each may come before five tries of its own, and ten more receives are
/// for processes that end meanwhile.
pub const RECEIVES_BACKSTOP: u32 = BATCH_MAX * RECEIVES_MAX + 10;

/// The delays between the receives of a message: its visibility time-outs after a failure.
pub const RECEIVE_DELAYS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];

/// How long a dead letter waits for its first and its second replay. After that it is parked.
pub const REPLAY_DELAYS: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(1_800)];

/// How often a use case loads, decides and commits before it gives up on conflicts.
pub const CONFLICT_TRIES: u32 = 5;

// Four delays lie between five receives.
const _: () = assert!(RECEIVE_DELAYS.len() + 1 == 5 && RECEIVES_MAX == 5);

/// How long a message is invisible after it failed on its `receive_count`-th receive; `None`
/// when it has to go to the dead-letter queue.
#[must_use]
pub fn after_receive(receive_count: u32) -> Option<Duration> {
    let index = usize::try_from(receive_count).ok()?.checked_sub(1)?;
    RECEIVE_DELAYS.get(index).copied()
}

/// How long a dead letter that was replayed `replays` times waits for the next replay; `None`
/// when it has to be parked.
#[must_use]
pub fn before_replay(replays: u32) -> Option<Duration> {
    REPLAY_DELAYS.get(usize::try_from(replays).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_the_documented_one() {
        let secs = |delay: Option<Duration>| delay.map(|delay| delay.as_secs());
        let receives: Vec<_> = (1..=6).map(|count| secs(after_receive(count))).collect();
        assert_eq!(receives, [Some(1), Some(5), Some(30), Some(120), None, None]);
        let replays: Vec<_> = (0..=2).map(|count| secs(before_replay(count))).collect();
        assert_eq!(replays, [Some(600), Some(1800), None]);
    }
}
