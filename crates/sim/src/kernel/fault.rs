//! What can go wrong, and how often.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $per_million:literal;)+) => {
        /// Something that goes wrong. Each strikes where it can, by chance.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the command line and in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How often it strikes, in a million occasions, where nothing else is said.
            #[must_use]
            pub const fn per_million(self) -> u32 {
                match self { $(Self::$variant => $per_million,)+ }
            }
        }
    };
}

faults! {
    /// A process dies between two steps.
    Crash = "crash", 150;
    /// A service is told to stop, finishes what it has, and is started again.
    Deploy = "deploy", 100_000;
    /// A process stands still for up to some minutes.
    Pause = "pause", 300;
    /// A process stands still for up to 30 hours.
    LongPause = "long-pause", 2;
    /// All processes of a service stand still at once, for up to forty minutes.
    Outage = "outage", 60_000;
    /// A process's wall clock is off by up to four minutes from here on.
    ClockJump = "clock-jump", 40;
    /// A function's clock is ahead, and set right while it runs.
    ClockSetBack = "clock-set-back", 30_000;
    /// A call takes up to 40 seconds.
    SlowPeer = "slow-peer", 300;

    /// A read of the store fails.
    ReadFails = "read-fails", 1_000;
    /// A transaction is refused for throttling.
    Throttled = "throttled", 2_000;
    /// A transaction is refused for another one that is under way.
    Conflict = "conflict", 4_000;
    /// A transaction never arrives, and nobody knows.
    CommitLost = "commit-lost", 1_500;
    /// A transaction takes effect, and its answer is lost.
    CommitUnanswered = "commit-unanswered", 3_000;
    /// A transaction takes effect after its sender has given it up.
    CommitLate = "commit-late", 1_000;
    /// A request is sent twice by the SDK, with the same token.
    CommitRepeated = "commit-repeated", 2_000;
    /// An index lags behind its table by up to a minute.
    IndexLag = "index-lag", 20_000;
    /// An index lags behind its table by up to twenty minutes: it is throttled.
    IndexStuck = "index-stuck", 2_000;
    /// Rows past their expiry are deleted now; they stay for up to two days.
    TtlDeletes = "ttl-deletes", 20_000;

    /// The change stream stands still for up to two hours.
    StreamStops = "stream-stops", 3_000;
    /// A batch of the stream is delivered again.
    StreamRepeats = "stream-repeats", 20_000;
    /// Records of the stream are lost: it was disabled, or they passed their 24 hours.
    StreamTrims = "stream-trims", 4_000;

    /// An entry of a batch to publish is refused.
    PublishRefused = "publish-refused", 4_000;
    /// An entry is published, and its answer is lost.
    PublishUnanswered = "publish-unanswered", 4_000;
    /// A receive fails.
    ReceiveFails = "receive-fails", 1_000;
    /// Messages are received, and the answer is lost.
    ReceiveUnanswered = "receive-unanswered", 1_500;
    /// An acknowledgement never arrives.
    AckLost = "ack-lost", 3_000;
    /// An acknowledgement takes effect, and its answer is lost.
    AckUnanswered = "ack-unanswered", 2_000;
    /// A change of visibility never arrives.
    VisibilityLost = "visibility-lost", 3_000;
    /// A message is in its queue up to ten times.
    Duplicated = "duplicated", 3_000;
    /// A message comes again 6 minutes later, outside the deduplication window.
    After6Minutes = "after-6-min", 8_000;
    /// A message comes again 11 minutes later, outside the window of the transaction token.
    After11Minutes = "after-11-min", 8_000;
    /// A message comes again 25 hours later, outside the stream's retention.
    After25Hours = "after-25-h", 4_000;
    /// A message comes again 15 days later, outside the queue's retention.
    After15Days = "after-15-d", 4_000;
    /// Sending to the dead-letter queue worked, removing from the queue did not.
    DeadLetterHalf = "dead-letter-half", 30_000;
    /// Sending again from the dead-letter queue worked, removing it there did not.
    RedriveHalf = "redrive-half", 30_000;
    /// A handler fails for a reason of its own, five times if need be.
    HandlerFails = "handler-fails", 4_000;
    /// A handler is cut off in the middle, each time anew.
    HandlerCut = "handler-cut", 3_000;
    /// A message that no consumer can read.
    Poison = "poison", 500_000;

    /// The gate does not answer, and did nothing.
    GateAway = "gate-away", 4_000;
    /// The gate did it, and its answer is lost.
    GateUnanswered = "gate-unanswered", 4_000;
    /// The gate forgets everything.
    GateFlushed = "gate-flushed", 200;
    /// The gate fails over to a replica that lacks the last writes.
    GateRolledBack = "gate-rolled-back", 400;
    /// The gate answers a read from a stale replica.
    GateStale = "gate-stale", 4_000;

    /// A run of a schedule is missed.
    RunMissed = "run-missed", 60_000;
    /// Two runs of a schedule overlap.
    RunDoubled = "run-doubled", 30_000;

    /// A webhook is late, so that others overtake it.
    WebhookLate = "webhook-late", 80_000;
    /// A webhook comes up to three times.
    WebhookDoubled = "webhook-doubled", 80_000;
    /// Somebody forges a webhook.
    WebhookForged = "webhook-forged", 40_000;
    /// Somebody sends a webhook of the provider again, hours later or under another id.
    WebhookReplayed = "webhook-replayed", 40_000;
    /// A refund is done, and the provider's answer is lost.
    RefundUnanswered = "refund-unanswered", 60_000;
    /// The provider does not answer a refund, and did nothing.
    RefundAway = "refund-away", 60_000;

    /// The answer to a customer's request is lost.
    AnswerLost = "answer-lost", 15_000;
    /// A service says again, under a new id, what means nothing any more.
    Stray = "stray", 500_000;
    /// A payment time-out comes when it is not due, or more than once.
    TimeOut = "time-out", 500_000;
}

impl Fault {
    /// Its place in [`Fault::ALL`].
    #[must_use]
    #[expect(clippy::as_conversions, reason = "its number, in the order of declaration")]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The fault with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

/// A chance that is multiplied is at most this, in a million: who tries again gets through.
const CHANCE_MAX: u32 = 900_000;

/// How often each fault strikes, in a million occasions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<u32>);

impl Faults {
    /// No fault at all.
    #[must_use]
    pub fn none() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }

    /// One fault alone, so often in a million occasions.
    #[must_use]
    pub fn only(fault: Fault, per_million: u32) -> Self {
        let mut faults = Self::none();
        faults.0[fault.index()] = per_million;
        faults
    }

    /// A mixture of faults as a seed draws it: each is there or not, and rare or frequent. A
    /// world where everything fails at once hides what one fault alone would show.
    #[must_use]
    pub fn drawn(rng: &mut ChaCha8Rng) -> Self {
        let draw = |fault: &Fault| {
            let base = fault.per_million();
            match rng.random_range(0..10_u32) {
                0..=3 => 0,
                4..=6 => base.div_ceil(2),
                7 | 8 => base.saturating_mul(2),
                _ => base.saturating_mul(6),
            }
        };
        Self(Fault::ALL.iter().map(draw).collect())
    }

    /// The same with one fault's chance multiplied; 0 switches it off.
    #[must_use]
    pub fn scaled(mut self, fault: Fault, factor: u32) -> Self {
        let chance = &mut self.0[fault.index()];
        *chance = times(*chance, factor);
        self
    }

    pub(super) fn chance(&self, fault: Fault, factor: u32) -> u32 {
        times(self.0[fault.index()], factor)
    }
}

fn times(chance: u32, factor: u32) -> u32 {
    if factor == 1 { chance } else { chance.saturating_mul(factor).min(CHANCE_MAX) }
}
