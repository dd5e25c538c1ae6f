//! The operator's commands over HTTP: dead letters and the audit.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{
    cli::{AuditArgs, DlqCommand, DlqListArgs, DlqReplayArgs, FilterArgs},
    client::{Api, Call, Error},
    output, process,
};

/// Longest time for an audit, which reads everything: a million orders at 10,000 a second is 100 s.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(600);

/// Largest page that the API serves.
const PAGE_MAX: u32 = 100;

/// Runs `lmall dlq …`.
pub(crate) fn dlq(command: &DlqCommand) -> Result<ExitCode> {
    process::block_on(async {
        match command {
            DlqCommand::List(args) => list(args).await,
            DlqCommand::Replay(args) => replay(args).await,
        }
    })
}

/// Runs `lmall audit` against a running server.
pub(crate) fn audit(args: &AuditArgs) -> Result<ExitCode> {
    let api = Api::new(&args.url, args.operator_token.as_deref(), None)?;
    let audit = process::block_on(async { Ok(api.audit().await?) })?;
    print_audit(&audit, args.json);
    Ok(if audit.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints an audit as a table or as one JSON object.
pub(crate) fn print_audit(audit: &Audit, as_json: bool) {
    if as_json {
        return output::json(audit);
    }
    let rows = audit.checks.iter().map(|check| {
        let verdict = if check.ok { "✓" } else { "✗" };
        let seen = check.violations.join("\n");
        vec![
            check.invariant.clone(),
            check.title.clone(),
            check.checked.to_string(),
            verdict.to_owned(),
            seen,
        ]
    });
    output::table(&["invariant", "what it says", "checked", "holds", "violations"], rows);
    let verdict = if audit.ok { "every invariant holds" } else { "an invariant is broken" };
    let rest = if audit.at_rest { "at rest" } else { "work in progress" };
    output::say(format!("{verdict} ({rest})"));
    audit.notes.iter().for_each(|note| output::say(format_args!("note: {note}")));
}

async fn list(args: &DlqListArgs) -> Result<ExitCode> {
    let api = Api::new(&args.remote.url, Some(&args.remote.operator_token), None)?;
    let filter = filter(&args.filter, false);
    let mut found = DeadLetters { items: Vec::new(), next_cursor: None };
    loop {
        let missing = args.limit.saturating_sub(u32::try_from(found.items.len())?);
        let page = api.dead_letters(&filter, missing.min(PAGE_MAX), found.next_cursor.as_deref());
        let page = page.await?;
        let ended = page.next_cursor.is_none() || page.items.is_empty();
        found.items.extend(page.items);
        found.next_cursor = page.next_cursor;
        if ended || found.items.len() >= usize::try_from(args.limit)? {
            break;
        }
    }
    if args.remote.json {
        output::json(&found);
    } else {
        print_dead_letters(&found);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_dead_letters(found: &DeadLetters) {
    if found.items.is_empty() {
        return output::say("no dead letters");
    }
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let rows = found.items.iter().map(|letter| {
        let replays = format!("{}{}", letter.replays, if letter.parked { ", parked" } else { "" });
        vec![
            letter.dead_at.clone(),
            letter.queue.clone(),
            or_dash(&letter.event_type),
            or_dash(&letter.order_id),
            letter.cause.clone(),
            letter.receive_count.to_string(),
            replays,
        ]
    });
    output::table(&["since", "queue", "event", "order", "cause", "receives", "replays"], rows);
    let more = if found.next_cursor.is_some() { " (there are more: --limit)" } else { "" };
    output::say(format!("{} dead letters{more}", found.items.len()));
}

async fn replay(args: &DlqReplayArgs) -> Result<ExitCode> {
    let api = Api::new(&args.remote.url, Some(&args.remote.operator_token), None)?;
    let done = api.replay(&filter(&args.filter, args.dry_run)).await?;
    if args.remote.json {
        output::json(&done);
    } else {
        let hint = if done.dry_run { " (dry run)" } else { "" };
        output::say(format!("{} matched, {} sent again{hint}", done.matched, done.replayed));
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &FilterArgs, dry_run: bool) -> Filter {
    Filter {
        queue: args.queue.clone(),
        event_type: args.event_type.clone(),
        order_id: args.order_id.clone(),
        dry_run,
    }
}

/// The state of a whole installation.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) outbox: Outbox,
    pub(crate) queues: Vec<Queue>,
    pub(crate) dead_letters: u64,
    pub(crate) parked: u64,
}

impl Summary {
    /// Whether no event is on its way.
    fn is_settled(&self) -> bool {
        self.outbox.pending == 0 && self.queues.iter().all(|q| q.visible + q.in_flight == 0)
    }
}

/// Events not yet published.
#[derive(Debug, Deserialize)]
pub(crate) struct Outbox {
    pub(crate) pending: u64,
}

/// One queue's depth.
#[derive(Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
}

/// A page of dead letters.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DeadLetters {
    pub(crate) items: Vec<DeadLetter>,
    pub(crate) next_cursor: Option<String>,
}

/// A message that could not be processed.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DeadLetter {
    pub(crate) id: String,
    pub(crate) queue: String,
    pub(crate) event_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) order_id: Option<String>,
    pub(crate) cause: String,
    pub(crate) receive_count: u64,
    pub(crate) replays: u64,
    pub(crate) dead_at: String,
    pub(crate) parked: bool,
}

/// Which dead letters.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_id: Option<String>,
    pub(crate) dry_run: bool,
}

/// What a replay did.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Replayed {
    pub(crate) matched: u64,
    pub(crate) replayed: u64,
    pub(crate) dry_run: bool,
}

/// What an audit found.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Audit {
    pub(crate) ok: bool,
    pub(crate) at_rest: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) notes: Vec<String>,
}

/// What an audit found about one invariant.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Check {
    pub(crate) invariant: String,
    pub(crate) title: String,
    pub(crate) ok: bool,
    pub(crate) checked: u64,
    pub(crate) violations: Vec<String>,
}

impl Api {
    /// Reads the state of the installation.
    pub(crate) async fn summary(&self) -> Result<Summary, Error> {
        self.answer(self.as_operator(Call::get("/v1/ops/summary"))?).await
    }

    /// Reads one page of dead letters.
    pub(crate) async fn dead_letters(
        &self,
        filter: &Filter,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<DeadLetters, Error> {
        let mut path = format!("/v1/ops/dead-letters?limit={limit}");
        let wanted = [
            ("queue", filter.queue.as_deref()),
            ("event_type", filter.event_type.as_deref()),
            ("order_id", filter.order_id.as_deref()),
            ("cursor", cursor),
        ];
        for (name, value) in wanted.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            path.push_str(&format!("&{name}={}", percent_encoded(value)));
        }
        self.answer(self.as_operator(Call::get(path))?).await
    }

    /// Sends dead letters again.
    pub(crate) async fn replay(&self, filter: &Filter) -> Result<Replayed, Error> {
        let body = serde_json::to_vec(filter).expect("a filter has plain values");
        let call = Call::post("/v1/ops/dead-letters/replay").json(body);
        self.answer(self.as_operator(call)?).await
    }

    /// Checks the invariants on the live data.
    pub(crate) async fn audit(&self) -> Result<Audit, Error> {
        let mut call = self.as_operator(Call::post("/v1/ops/audit"))?;
        call.within = AUDIT_TIMEOUT;
        self.answer(call).await
    }

    /// Waits until no event is on its way, then checks the invariants; again until the
    /// installation is at rest or the time is over.
    pub(crate) async fn audit_at_rest(&self, within: Duration) -> Result<Audit, Error> {
        let deadline = Instant::now() + within;
        loop {
            let late = Instant::now() >= deadline;
            if late || self.summary().await?.is_settled() {
                let audit = self.audit().await?;
                if late || audit.at_rest {
                    return Ok(audit);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A value as it may stand in a query.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Prints what a provider's statement came to.
pub(crate) fn print_reconciliation(report: &lmall_app::payment::Reconciliation, as_json: bool) {
    if as_json {
        return output::json(report);
    }
    output::say(format_args!("matched        {}", report.matched));
    let lists = [
        ("missing here", &report.missing_here, "applied"),
        ("missing there", &report.missing_there, "look at them"),
        ("differs", &report.differs, "look at them"),
    ];
    for (name, lines, advice) in lists {
        output::say(format_args!("{name:<14} {}", lines.len()));
        lines.iter().for_each(|line| output::say(format_args!("  {line} ({advice})")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_cannot_break_the_query() {
        assert_eq!(percent_encoded("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }
}
