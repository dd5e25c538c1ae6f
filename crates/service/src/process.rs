//! A process, from its command line to its exit code.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;

use crate::arguments::{self, BadConfiguration};

/// Exit code of a wrong command line or configuration, as clap has it.
const EXIT_USAGE: u8 = 2;

/// How long what is left of the runtime's tasks may take to end: what was answered is durable.
const LEFTOVERS_MAX: Duration = Duration::from_millis(500);

/// Reads the command line, sets up logging with the filter that `log` finds in it, and runs
/// `main` to its end. `name` is what the messages begin with.
pub fn run<A: Parser, F: Future<Output = anyhow::Result<()>>>(
    name: &str,
    log: impl FnOnce(&A) -> &str,
    main: impl FnOnce(A) -> F,
) -> ExitCode {
    let empty = |variable: &std::ffi::OsStr| {
        std::env::var_os(variable).is_some_and(|value| value.is_empty())
    };
    let arguments: A = match arguments::read(empty) {
        Ok(arguments) => arguments,
        // Help and version are errors to clap; it prints those well itself.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            complain(&arguments::one_line(&error));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let done = telemetry(log(&arguments)).and_then(|()| run_to_end(main(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{name}: {error:#}"));
            let usage = error.chain().any(|cause| cause.is::<BadConfiguration>());
            if usage { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn telemetry(filter: &str) -> anyhow::Result<()> {
    let set_up = lmall_web::telemetry::init(filter);
    Ok(set_up.map_err(|error| BadConfiguration(error.to_string()))?)
}

fn run_to_end(main: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    // One thread: a task on Fargate has at most one processor, and two threads hand each other
    // their work at a price.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // On the heap: a future of this size has no place on the stack.
    let done = runtime.block_on(Box::pin(main));
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    done
}

/// Prints one line to standard output; that nobody reads it is no error.
pub(crate) fn say(line: &str) {
    let _reader_gone = writeln!(stdout().lock(), "{line}");
}

fn complain(text: &str) {
    let line = text.replace('\n', " ");
    let _reader_gone = writeln!(stderr().lock(), "{line}");
}
