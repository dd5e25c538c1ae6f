//! A process dies with messages in its hands.

use std::{sync::atomic::Ordering, time::Duration};

use lmall_app::{consumer::Options, ports::DeadLetters};

use super::trade;
use crate::{
    process::{OPTIONS, Process},
    setup::Setup,
    world::{LOOK, World, soon},
};

const OF_SHORT_LIFE: Options = Options { visibility: Duration::from_secs(3), ..OPTIONS };

const DEATHS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_over_from_one_that_died() {
    let mut world = World::open(Setup { consumers: OF_SHORT_LIFE, ..Setup::default() }).await;
    let mut process = world.process.take();
    let dying = async {
        for _ in 0..DEATHS {
            let log = &world.shared.log;
            let before = log.sights.lock().len();
            // What is handled from now on takes effect, and is never deleted.
            log.stall.store(true, Ordering::SeqCst);
            soon("messages are in its hands", LOOK, async || {
                (log.sights.lock().len() > before).then_some(())
            })
            .await;
            drop(process.take());
            log.stall.store(false, Ordering::SeqCst);
            let depths = world.book().depths().await.expect("the queues are there");
            assert!(depths.iter().any(|depth| depth.in_flight > 0), "{depths:?}");
            process = Some(Process::start(&world.endpoints, &world.shared, world.consumers));
        }
    };
    let (sold, ()) = tokio::join!(trade(&world, 12), dying);
    world.ends_well(sold).await;
    assert!(world.dead().await.is_empty());
    drop(process);
}
