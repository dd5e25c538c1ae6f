//! Sending webhooks until they are taken.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use lmall_app::payment::{Secret, sign};
use rand::RngExt;

use super::{Answer, Event, Origin, SECRET, SharedProvider, Webhook, attack};
use crate::kernel::{Fault, WORLD};

/// A sender of a webhook waits so long for an answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A refund is told so long after it was asked for.
pub(super) const REFUND_TOLD: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(600));

/// Pauses between the attempts to send a webhook. The last one is taken again and again.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    LONGEST_PAUSE,
];

const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3_600);

/// The pause while there are no faults, so that a seed comes to rest.
const QUICK_PAUSE: Duration = Duration::from_secs(5);

/// A webhook that nobody took for so long is given up. It is sent again when faults are over: a
/// person at the merchant's clicks it in the provider's dashboard, or reads the statement.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 3_600);

/// A webhook that is late is so late at most.
const LATE: Duration = Duration::from_secs(20 * 60);

/// Copies of a webhook come so late at most.
const COPIED: Duration = Duration::from_secs(2 * 3_600);

/// Copies of a webhook, beside itself, at most.
const COPIES_MAX: u32 = 2;

impl SharedProvider {
    /// Sends webhooks about the event, the first one after `delay` where nothing is wrong.
    pub(super) fn tell(self: &Arc<Self>, event: Event, delay: Duration) {
        self.counts.lock().open += 1;
        let provider = Arc::clone(self);
        let task = async move { provider.send_until_taken(event, delay).await };
        self.kernel.spawn(WORLD, Box::pin(task));
    }

    async fn send_until_taken(self: Arc<Self>, event: Event, delay: Duration) {
        let kernel = &self.kernel;
        if kernel.strikes(Fault::WebhookDoubled) {
            for _ in 0..kernel.draw(|rng| rng.random_range(1..=COPIES_MAX)) {
                self.send_copy(event.clone(), delay);
            }
        }
        kernel.sleep(delay).await;
        if kernel.strikes(Fault::WebhookLate) {
            kernel.sleep(kernel.between(Duration::ZERO, LATE)).await;
        }
        if kernel.strikes(Fault::WebhookForged) {
            let forgery = kernel.draw(attack::Forgery::drawn);
            self.attack(self.signed(&event), forgery.delay(kernel), move |seen| forgery.of(seen));
        }
        let began = kernel.elapsed();
        let mut pauses = PAUSES.into_iter();
        let taken = loop {
            let webhook = self.signed(&event);
            if self.attempt(webhook.clone()).await == Answer::Taken {
                break webhook;
            }
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            self.pause(pause).await;
            if kernel.elapsed().saturating_sub(began) > GIVEN_UP_AFTER && kernel.faults_on() {
                kernel.note(WORLD, || format!("the provider gives up {}", event.id));
                self.pause(Duration::MAX).await;
            }
        };
        self.counts.lock().open -= 1;
        if kernel.strikes(Fault::WebhookReplayed) {
            let replay = kernel.draw(attack::Replay::drawn);
            self.attack(taken, replay.delay(kernel), move |seen| replay.of(seen));
        }
    }

    fn send_copy(self: &Arc<Self>, event: Event, delay: Duration) {
        let delay = delay + self.kernel.between(Duration::ZERO, COPIED);
        self.stray(delay, move |provider| provider.signed(&event));
    }

    /// Sends what becomes of a webhook that was seen.
    fn attack(
        self: &Arc<Self>,
        seen: Webhook,
        delay: Duration,
        attack: impl FnOnce(Webhook) -> Webhook + Send + 'static,
    ) {
        self.stray(delay, move |_| attack(seen));
    }

    /// Sends a webhook once, after `delay`, whatever is answered.
    fn stray(
        self: &Arc<Self>,
        delay: Duration,
        webhook: impl FnOnce(&Self) -> Webhook + Send + 'static,
    ) {
        self.counts.lock().strays += 1;
        let provider = Arc::clone(self);
        let task = async move {
            provider.kernel.sleep(delay).await;
            let webhook = webhook(&provider);
            provider.attempt(webhook).await;
            provider.counts.lock().strays -= 1;
        };
        self.kernel.spawn(WORLD, Box::pin(task));
    }

    /// The webhook about the event, signed now.
    fn signed(&self, event: &Event) -> Webhook {
        let body = event.body();
        let headers = sign(&Secret::new(SECRET), &body, self.kernel.now())
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec();
        Webhook { headers, body, origin: Origin::Provider }
    }

    async fn attempt(&self, webhook: Webhook) -> Answer {
        let (kernel, origin) = (&self.kernel, webhook.origin);
        let text = kernel.is_traced().then(|| String::from_utf8_lossy(&webhook.body).into_owned());
        // What is wrong with a forgery may be in its headers alone.
        let what = text.map(|text| match origin {
            Origin::Provider => text,
            Origin::Replayed | Origin::Forged => format!("{:?} {text}", webhook.headers),
        });
        let delivered = self.door.deliver(webhook);
        let answer = match select(delivered, pin!(kernel.sleep(ANSWER_WITHIN))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Answer::NoAnswer,
        };
        kernel
            .note(WORLD, || format!("webhook {origin:?} {answer:?}: {}", what.unwrap_or_default()));
        if origin == Origin::Forged && answer == Answer::Taken {
            kernel.violate("I8", "a forged webhook was taken");
        }
        answer
    }

    /// Returns after `pause`, or sooner once faults are over.
    async fn pause(&self, pause: Duration) {
        let (kernel, began) = (&self.kernel, self.kernel.elapsed());
        loop {
            let pause = if kernel.faults_on() { pause } else { pause.min(QUICK_PAUSE) };
            let (now, due) = (kernel.elapsed(), began.saturating_add(pause));
            if now >= due {
                return;
            }
            // Also without being told, it looks again now and then.
            self.hurry.wait_until(kernel, due.min(now + LONGEST_PAUSE)).await;
        }
    }
}
