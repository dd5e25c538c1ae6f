//! Where log lines go and what they look like.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error("the log filter `{filter}` is not valid")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Somebody set up logging before.
    #[error("logging is set up already")]
    AlreadySet,
}

/// Logs to standard error what passes `filter`, such as `info,http=debug`.
///
/// As text on a terminal, else one JSON object a line.
///
/// # Errors
///
/// See [`Error`]; its message has one line.
pub fn init(filter: &str) -> Result<(), Error> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| Error::Filter { filter: filter.escape_debug().to_string(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(stderr);
    let outcome = if stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    };
    outcome.map_err(|_| Error::AlreadySet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named_in_one_line() {
        for filter in ["http=loud", "a=b=c", "in\nfo=,=", "[span{"] {
            let error = init(filter).expect_err(filter).to_string();
            assert!(error.contains("filter") && error.lines().count() == 1, "{error}");
        }
    }
}
