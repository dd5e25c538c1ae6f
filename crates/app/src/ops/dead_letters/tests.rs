use async_trait::async_trait;
use lmall_domain::Timestamp;
use parking_lot::Mutex;

use super::*;
use crate::{
    Trace,
    ports::{BusError, QueueDepth},
    topology::Queue,
};

/// Dead letters, time and operators, all in memory.
#[derive(Default)]
struct World {
    letters: Mutex<Vec<DeadLetter>>,
    runs: Mutex<Vec<ReplayRun>>,
    told: Mutex<Vec<Notice>>,
    passed: Mutex<Duration>,
    redrives_left: Option<usize>,
    forgets_runs: bool,
}

fn away() -> BusError {
    BusError("away".into())
}

#[async_trait]
impl DeadLetters for World {
    async fn list(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BusError> {
        let after = filter.after.as_deref().unwrap_or_default();
        let letters = self.letters.lock();
        Ok(letters.iter().filter(|letter| &*letter.id > after).take(limit).cloned().collect())
    }

    async fn redrive(&self, id: &str, _message: Message) -> Result<bool, BusError> {
        let mut letters = self.letters.lock();
        if self.redrives_left.is_some_and(|left| letters.len() <= left) {
            return Err(away());
        }
        let before = letters.len();
        letters.retain(|letter| letter.id != id);
        Ok(letters.len() < before)
    }

    async fn park(&self, id: &str) -> Result<bool, BusError> {
        let mut letters = self.letters.lock();
        let letter = letters.iter_mut().find(|letter| letter.id == id);
        let Some(letter) = letter.filter(|letter| letter.parked_at.is_none()) else {
            return Ok(false);
        };
        letter.parked_at = Some(self.now());
        Ok(true)
    }

    async fn record(&self, run: &ReplayRun) -> Result<(), BusError> {
        if self.forgets_runs {
            return Err(away());
        }
        self.runs.lock().push(run.clone());
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, BusError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_768_386_600_000).after(*self.passed.lock())
    }

    fn monotonic(&self) -> Duration {
        *self.passed.lock()
    }

    async fn sleep(&self, duration: Duration) {
        *self.passed.lock() += duration;
    }
}

#[async_trait]
impl Notices for World {
    async fn tell(&self, notice: Notice) {
        self.told.lock().push(notice);
    }
}

fn letter(number: usize, permanent: bool) -> DeadLetter {
    DeadLetter {
        id: format!("{number:04}"),
        queue: Queue::Order,
        message: Message {
            group: "7".into(),
            dedup_id: number.to_string().into(),
            event_type: "order.created".into(),
            body: "{}".into(),
            trace: Trace::default(),
            replays: 0,
        },
        cause: "a cause".to_owned(),
        receive_count: 5,
        permanent,
        dead_at: Timestamp::from_millis(0),
        parked_at: None,
    }
}

fn with_letters(count: usize, world: World) -> (Arc<World>, Replayer) {
    *world.letters.lock() = (0..count).map(|number| letter(number, false)).collect();
    let world = Arc::new(world);
    let replayer = Replayer::new(world.clone(), world.clone()).telling(world.clone());
    (world, replayer)
}

#[tokio::test]
async fn a_replay_keeps_to_its_rate() {
    for (count, seconds) in [(100, 0), (101, 1), (250, 2)] {
        let (world, replayer) = with_letters(count, World::default());
        let done = replayer.at_most(100).replay(DeadLetterFilter::default(), false).await;
        assert_eq!(done.expect("the bus answers").replayed, count);
        assert_eq!(world.monotonic(), Duration::from_secs(seconds), "{count}");
    }
}

#[tokio::test]
async fn a_run_that_did_something_is_recorded() {
    let (world, replayer) = with_letters(3, World::default());
    let all = DeadLetterFilter::default;
    assert_eq!(replayer.replay(all(), true).await.expect("the bus answers").matched, 3);
    assert!(world.runs.lock().is_empty(), "a dry run does nothing");
    let filter = DeadLetterFilter { event_type: Some("order.created".to_owned()), ..all() };
    replayer.replay(filter, false).await.expect("the bus answers");
    replayer.run_ladder().await.expect("the bus answers");
    let runs = world.runs.lock();
    assert_eq!((runs.len(), runs[0].trigger, runs[0].replayed), (1, ReplayTrigger::Operator, 3));
    assert_eq!(runs[0].filter.event_type.as_deref(), Some("order.created"));
}

#[tokio::test]
async fn what_a_failing_run_did_is_recorded() {
    let (world, replayer) = with_letters(5, World { redrives_left: Some(2), ..World::default() });
    assert!(replayer.run_ladder().await.is_err());
    let runs = world.runs.lock();
    assert_eq!((runs[0].trigger, runs[0].replayed), (ReplayTrigger::Schedule, 3));
}

#[tokio::test]
async fn a_record_that_is_lost_does_not_undo_the_replay() {
    let (_world, replayer) = with_letters(2, World { forgets_runs: true, ..World::default() });
    assert_eq!(replayer.run_ladder().await.expect("it was replayed").replayed, 2);
}

#[tokio::test]
async fn an_operator_is_told_of_each_parked_message_once() {
    let (world, replayer) = with_letters(0, World::default());
    *world.letters.lock() = vec![letter(1, true), letter(2, false)];
    for expected in [(1, 1), (0, 0)] {
        let done = replayer.run_ladder().await.expect("the bus answers");
        assert_eq!((done.parked, done.replayed), expected);
    }
    let told = world.told.lock();
    let [Notice::MessageParked { queue, id, order_id, cause, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (*queue, &**id, &**order_id, &**cause),
        ("lmall-order.fifo", "0001", "7", "a cause")
    );
}
