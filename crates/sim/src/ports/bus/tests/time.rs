//! What happens by waiting, by dying, and from one seed.

use super::*;

/// Receives in a task of the process, and reports what came, and when.
fn poll(world: &World, port: BusPort, wait: Duration) -> Arc<Mutex<Option<(Duration, u32)>>> {
    let got = Arc::new(Mutex::new(None));
    let (report, kernel) = (Arc::clone(&got), world.kernel.clone());
    world.kernel.spawn(
        port.site.process,
        Box::pin(async move {
            let received = port.receive(QUEUE, 10, wait, VISIBILITY).await.unwrap();
            let first = received.first().map_or(0, |held| held.receive_count);
            *report.lock() = Some((kernel.elapsed(), first));
        }),
    );
    got
}

#[test]
fn a_receiver_that_waits_is_woken_by_a_message_and_by_nothing_else() {
    let run = run(1, Faults::none(), async |world| {
        let got = poll(&world, world.other(), Duration::from_secs(86_400));
        world.kernel.sleep(Duration::from_secs(3_600)).await;
        assert_eq!(*got.lock(), None);
        world.publish(&[("g", "1")]).await;
        assert!(got.lock().is_some_and(|(at, count)| at.as_secs() <= 3_602 && count == 1));
    });
    assert!(run.steps < 20, "{} steps", run.steps);
}

#[test]
fn a_receiver_that_waits_gives_up_in_time() {
    calmly(async |world| {
        let got = poll(&world, world.other(), Duration::from_secs(20));
        world.kernel.sleep(Duration::from_secs(21)).await;
        assert!(got.lock().is_some_and(|(at, count)| at.as_secs() == 20 && count == 0));
    });
}

#[test]
fn a_receiver_that_waits_gets_what_comes_back() {
    calmly(async |world| {
        world.publish(&[("g", "1")]).await;
        let held = receive(&world.port, 1).await;
        let start = world.kernel.elapsed();
        let got = poll(&world, world.other(), Duration::from_secs(3_600));
        world.kernel.sleep(VISIBILITY + Duration::from_secs(1)).await;
        let (at, count) = got.lock().unwrap();
        assert!((29..=30).contains(&(at - start).as_secs()) && count == 2, "{at:?}");
        delete(&world.port, &held).await;

        let got = poll(&world, world.port.clone(), Duration::from_secs(3_600));
        world.kernel.sleep(VISIBILITY).await;
        assert_eq!(got.lock().unwrap().1, 3, "of a stale receipt, nothing was deleted");
    });
}

#[test]
fn a_receiver_that_waits_gets_what_is_given_back_or_freed() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("g", "2")]).await;
        let held = receive(&world.port, 1).await;
        let got = poll(&world, world.port.clone(), Duration::from_secs(3_600));
        let none = Duration::ZERO;
        world.port.change_visibility(QUEUE, &held[0].receipt, none).await.unwrap();
        world.kernel.sleep(Duration::from_secs(1)).await;
        assert_eq!(got.lock().unwrap().1, 2);

        world.publish(&[("h", "3"), ("h", "4")]).await;
        let held = receive(&world.port, 1).await;
        let got = poll(&world, world.port.clone(), Duration::from_secs(3_600));
        delete(&world.port, &held).await;
        world.kernel.sleep(Duration::from_secs(1)).await;
        assert_eq!(got.lock().unwrap().1, 1);
    });
}

#[test]
fn what_a_process_held_when_it_died_comes_again() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("g", "2")]).await;
        let dying = world.other();
        let got = poll(&world, dying.clone(), Duration::ZERO);
        world.kernel.sleep(Duration::from_secs(1)).await;
        assert_eq!(got.lock().unwrap().1, 1);
        world.kernel.crash(dying.site.process);
        let received = world.port.receive(QUEUE, 10, VISIBILITY * 2, VISIBILITY).await.unwrap();
        assert_eq!((&*received[0].message.dedup_id, received[0].receive_count), ("1", 2));
    });
}

#[test]
fn a_message_that_nobody_can_handle_dies_at_its_sixth_receive() {
    calmly(async |world| {
        world.publish(&[("g", "1")]).await;
        for count in 1..=5 {
            assert_eq!(receive(&world.port, 10).await[0].receive_count, count);
            world.kernel.sleep(VISIBILITY).await;
        }
        assert!(receive(&world.port, 10).await.is_empty());
        let letter = world.port.aws.letters().remove(0);
        assert_eq!((&*letter.cause, letter.receive_count), ("received 5 times", 5));
        assert!(!letter.permanent && letter.message == message("g", "1"));
        assert!(world.log.of(QUEUE).contains(&"died (received 5 times) 1".to_owned()));
    });
}

#[test]
fn what_passes_its_retention_is_reported() {
    calmly(async |world| {
        world.publish(&[("g", "1"), ("h", "2"), ("i", "3")]).await;
        let held = world.receive().await;
        for (index, held) in held[..2].iter().enumerate() {
            world.port.dead_letter(held, "a cause", false).await.unwrap();
            if index == 0 {
                let letter = world.port.aws.letters().remove(0);
                assert!(world.port.park(&letter.id).await.unwrap());
            }
        }
        world.kernel.sleep(Duration::from_secs(15 * 86_400)).await;
        assert_eq!(world.depth(), (0, 0, 0, 1));
        let lost = world.log.of(QUEUE).into_iter().filter(|line| line.starts_with("lost"));
        assert_eq!(lost.count(), 2);
    });
}

/// Publishes and consumes for a while; returns what the observer heard, and the fingerprint.
fn history(seed: u64) -> (Vec<String>, u64) {
    let mut faults = Faults::drawn(&mut Kernel::new(seed, Faults::none(), Trace::Off).stream(9));
    faults = faults.scaled(Fault::LongPause, 0).scaled(Fault::Crash, 0);
    let report = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&report);
    let run = run(seed, faults, async move |world: World| {
        for _ in 0..3 {
            let port = world.other();
            let consume = async move {
                loop {
                    let wait = Duration::from_secs(20);
                    let received = port.receive(QUEUE, 10, wait, VISIBILITY).await;
                    for held in received.unwrap_or_default() {
                        let _answer = port.delete(QUEUE, vec![held.receipt]).await;
                    }
                }
            };
            world.kernel.spawn(world.port.site.process, Box::pin(consume));
        }
        for number in 0..300 {
            let group = (number % 17).to_string();
            let messages = vec![message(&group, &format!("e{number}"))];
            let _answer = world.port.publish(Topic::OrderEvents, messages).await;
        }
        world.kernel.sleep(Duration::from_secs(1_200)).await;
        *sink.lock() = std::mem::take(&mut *world.log.0.lock());
    });
    let lines = std::mem::take(&mut *report.lock());
    (lines, run.fingerprint)
}

#[test]
fn a_seed_is_one_history() {
    for seed in 0..10 {
        let first = history(seed);
        assert!(first.0.len() > 500, "{}", first.0.len());
        assert_eq!(first, history(seed));
        assert_ne!(first.1, history(seed + 1).1);
    }
}

/// In each queue, the messages of a group arrive first in the order of publishing.
#[test]
fn first_arrivals_are_in_order() {
    for seed in 0..10 {
        let (lines, _) = history(seed);
        let prefix = format!("{} first e", QUEUE.name());
        let numbers = lines.iter().filter_map(|line| line.strip_prefix(&prefix));
        let mut last = [None; 17];
        for number in numbers.map(|number| number.parse::<usize>().unwrap()) {
            let before = last[number % 17].replace(number);
            assert!(before < Some(number), "{before:?}, then {number}");
        }
    }
}
