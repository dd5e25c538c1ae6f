//! The story as it is told: its steps, checked one by one, for people or for machines.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::Serialize;

use crate::{client, output};

/// One checked step.
#[derive(Serialize)]
struct Step {
    step: String,
    ok: bool,
    expected: String,
    seen: String,
    at_ms: u128,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    error: Option<String>,
    duration_ms: u128,
    steps: &'a [Step],
}

/// Tells and remembers the steps.
pub(super) struct Story {
    json: bool,
    steps: Vec<Step>,
    started: Instant,
}

impl Story {
    /// A story that begins now; `json` tells it at the end only, as one object.
    pub(super) fn new(json: bool) -> Self {
        Self { json, steps: Vec::new(), started: Instant::now() }
    }

    /// A heading.
    pub(super) fn chapter(&self, title: &str) {
        if !self.json {
            output::say(format!("\n{title}"));
        }
    }

    /// A remark.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            output::say(format!("  … {text}"));
        }
    }

    /// Records a step; an unexpected sight ends the story.
    pub(super) fn check(
        &mut self,
        title: impl Into<String>,
        expected: impl Into<String>,
        seen: String,
    ) -> Result<()> {
        let (step, expected) = (title.into(), expected.into());
        let ok = expected == seen;
        if !self.json {
            output::say(format!("  {} {step}", if ok { "✓" } else { "✗" }));
        }
        let failed = format!("{step}: expected [{expected}], seen [{seen}]");
        let at_ms = self.started.elapsed().as_millis();
        self.steps.push(Step { step, ok, expected, seen, at_ms });
        if ok { Ok(()) } else { bail!(failed) }
    }

    /// Looks until what is expected is seen, or the time is over; then records the step.
    pub(super) async fn becomes(
        &mut self,
        title: &str,
        expected: String,
        within: Duration,
        look: impl AsyncFn() -> Result<String, client::Error>,
    ) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let seen = look().await?;
            if seen == expected || Instant::now() >= deadline {
                return self.check(title, expected, seen);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its last words.
    pub(super) fn end(&self, told: &Result<()>) {
        let duration = self.started.elapsed();
        let error = told.as_ref().err().map(|error| format!("{error:#}"));
        if self.json {
            let (ok, duration_ms) = (error.is_none(), duration.as_millis());
            return output::json(&Report { ok, error, duration_ms, steps: &self.steps });
        }
        match error {
            None => output::say(format!(
                "\n{} steps, all as expected, in {:.1} s",
                self.steps.len(),
                duration.as_secs_f32()
            )),
            Some(error) => output::complain(format!("\nthe demo failed: {error}")),
        }
    }
}
