//! `lmall bench ids`: how fast ids are drawn, and whether any comes twice.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::report::per_second;
use crate::{cli::IdsArgs, output};

/// Ids of all threads together that are kept and compared with each other: 200 MiB of them.
const VERIFIED: usize = 25 * 1_024 * 1_024;

/// Longest time after the timed part to draw what is missing to [`VERIFIED`].
const TOP_UP: Duration = Duration::from_secs(30);

/// Ids drawn between two looks at the clock.
const BATCH: usize = 1_024;

/// What `lmall bench ids` prints.
#[derive(Debug, PartialEq, Serialize)]
struct Report {
    ids_per_s: f64,
    /// Ids that came more than once among those verified.
    duplicates: usize,
    /// Ids that were not above the one before in the same thread, in the whole run.
    out_of_order: u64,
    threads: u32,
    ids: u64,
    verified: usize,
}

/// Runs `lmall bench ids`; `make` makes one thread's generator.
pub(super) fn run(
    args: &IdsArgs,
    make: impl Fn() -> Box<dyn FnMut() -> u64 + Send>,
) -> Result<ExitCode> {
    let report = measure(args, VERIFIED, make)?;
    if args.json {
        output::json(&report);
    } else {
        let rows = [
            ("ids per second", report.ids_per_s.to_string()),
            ("threads", report.threads.to_string()),
            ("ids in the timed part", report.ids.to_string()),
            ("ids compared with each other", report.verified.to_string()),
            ("duplicates", report.duplicates.to_string()),
            ("out of order in their thread", report.out_of_order.to_string()),
        ];
        output::table(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]));
    }
    let right = report.duplicates == 0 && report.out_of_order == 0;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(
    args: &IdsArgs,
    verified: usize,
    make: impl Fn() -> Box<dyn FnMut() -> u64 + Send>,
) -> Result<Report> {
    let kept_max = verified / usize::try_from(args.threads)?;
    let mut drawers: Vec<_> = (0..args.threads).map(|_| Drawer::new(make(), kept_max)).collect();

    let (started, length) = (Instant::now(), Duration::from_secs(args.seconds.into()));
    in_parallel(&mut drawers, |drawer| drawer.draw_until(started + length))?;
    let elapsed = started.elapsed();
    let ids = drawers.iter().map(|drawer| drawer.drawn).sum();

    let deadline = Instant::now() + TOP_UP;
    in_parallel(&mut drawers, |drawer| drawer.top_up(deadline))?;
    let out_of_order = drawers.iter().map(|drawer| drawer.out_of_order).sum();
    let mut kept: Vec<u64> = drawers.into_iter().flat_map(|drawer| drawer.kept).collect();
    let verified = kept.len();
    kept.sort_unstable();
    kept.dedup();
    Ok(Report {
        ids_per_s: per_second(ids, elapsed),
        duplicates: verified - kept.len(),
        out_of_order,
        threads: args.threads,
        ids,
        verified,
    })
}

fn in_parallel(drawers: &mut [Drawer], work: impl Fn(&mut Drawer) + Sync) -> Result<()> {
    let work = &work;
    thread::scope(|scope| {
        let running: Vec<_> =
            drawers.iter_mut().map(|drawer| scope.spawn(move || work(drawer))).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a generator panicked")))
    })
}

/// One thread's generator and what it has drawn.
struct Drawer {
    next: Box<dyn FnMut() -> u64 + Send>,
    last: Option<u64>,
    drawn: u64,
    out_of_order: u64,
    kept: Vec<u64>,
    kept_max: usize,
}

impl Drawer {
    fn new(next: Box<dyn FnMut() -> u64 + Send>, kept_max: usize) -> Self {
        let kept = Vec::with_capacity(kept_max);
        Self { next, last: None, drawn: 0, out_of_order: 0, kept, kept_max }
    }

    fn draw_until(&mut self, deadline: Instant) {
        while Instant::now() < deadline {
            self.draw_batch();
        }
    }

    fn top_up(&mut self, deadline: Instant) {
        while self.kept.len() < self.kept_max && Instant::now() < deadline {
            self.draw_batch();
        }
    }

    fn draw_batch(&mut self) {
        for _ in 0..BATCH {
            let id = (self.next)();
            self.out_of_order += u64::from(self.last.is_some_and(|last| id <= last));
            self.last = Some(id);
            self.drawn += 1;
            if self.kept.len() < self.kept_max {
                self.kept.push(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    const ARGS: IdsArgs = IdsArgs { seconds: 0, threads: 2, json: true };

    #[test]
    fn a_good_generator_passes() {
        let shared = Arc::new(AtomicU64::new(1));
        let make = || -> Box<dyn FnMut() -> u64 + Send> {
            let shared = Arc::clone(&shared);
            Box::new(move || shared.fetch_add(1, Ordering::Relaxed))
        };
        let report = measure(&ARGS, 8 * BATCH, make).expect("no panic");
        assert_eq!((report.duplicates, report.out_of_order), (0, 0));
        assert_eq!(report.verified, 8 * BATCH);
    }

    #[test]
    fn ids_of_two_threads_that_clash_are_counted() {
        let make = || -> Box<dyn FnMut() -> u64 + Send> {
            let mut last = 0;
            Box::new(move || {
                last += 1;
                last
            })
        };
        let report = measure(&ARGS, 8 * BATCH, make).expect("no panic");
        assert_eq!((report.duplicates, report.out_of_order), (4 * BATCH, 0));
    }

    #[test]
    fn an_id_that_repeats_in_its_thread_is_seen() {
        let make = || -> Box<dyn FnMut() -> u64 + Send> { Box::new(|| 7) };
        let report = measure(&ARGS, 2 * BATCH, make).expect("no panic");
        assert_eq!((report.duplicates, report.out_of_order), (2 * BATCH - 1, 2 * 1_023));
    }
}
