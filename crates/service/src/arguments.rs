//! What every service is configured with: flags, else environment, else defaults.

use std::{
    ffi::{OsStr, OsString},
    net::SocketAddr,
};

use clap::{Arg, Error, Parser, builder::Resettable};
use lmall_aws::Site;

/// A configuration that cannot be used: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadConfiguration(pub String);

/// What every service on AWS is configured with.
#[derive(clap::Args)]
// Each service has arguments of its own, of the same name.
#[group(skip)]
pub struct Arguments {
    /// Address to listen on; port 0 picks one and the ready line names it
    #[arg(long, env = "LMALL_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Tracing filter; logs go to standard error, as text on a terminal, else JSON
    #[arg(long, env = "LMALL_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// The region, such as eu-central-1
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    region: Option<String>,
    /// The twelve digits of the account
    #[arg(long, env = "LMALL_AWS_ACCOUNT", value_name = "DIGITS")]
    account: Option<String>,
    /// What the names of all resources begin with
    #[arg(long, env = "LMALL_PREFIX", value_name = "NAME")]
    prefix: Option<String>,
    /// Endpoint of a local AWS stack, instead of AWS
    #[arg(long, env = "LMALL_AWS_ENDPOINT", value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Token of the operator routes; the parameter `operator-token` if unset
    #[arg(long, env = "LMALL_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub operator_token: Option<String>,
}

impl Arguments {
    /// Where AWS is.
    ///
    /// # Errors
    /// [`BadConfiguration`] when a setting is missing or cannot be used.
    pub fn site(&self) -> Result<Site, BadConfiguration> {
        let value = |name: &str| match name {
            "AWS_REGION" => self.region.clone(),
            "LMALL_AWS_ACCOUNT" => self.account.clone(),
            "LMALL_PREFIX" => self.prefix.clone(),
            "LMALL_AWS_ENDPOINT" => self.aws_endpoint.clone(),
            _ => None,
        };
        Site::from_env(value).map_err(|error| BadConfiguration(error.to_string()))
    }
}

/// Reads the command line.
///
/// # Errors
/// clap's own, which are help and version, too.
pub(crate) fn read<A: Parser>(is_empty: impl Fn(&OsStr) -> bool) -> Result<A, Error> {
    read_from(std::env::args_os(), is_empty)
}

fn read_from<A: Parser>(
    words: impl IntoIterator<Item = OsString>,
    is_empty: impl Fn(&OsStr) -> bool,
) -> Result<A, Error> {
    let command = A::command().mut_args(|arg| without_empty(arg, &is_empty));
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// An empty variable is an unset one: compose files and templates pass those.
fn without_empty(arg: Arg, is_empty: impl Fn(&OsStr) -> bool) -> Arg {
    let unset = arg.get_env().is_some_and(is_empty);
    if unset { arg.env(Resettable::Reset) } else { arg }
}

/// The first paragraph of clap's message, which says what is wrong, without the usage after it.
pub(crate) fn one_line(error: &Error) -> String {
    let message = error.to_string();
    let said: Vec<&str> =
        message.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    format!("{} (see --help)", said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(words: &[&str]) -> Result<Arguments, Error> {
        let words = ["service"].iter().chain(words).map(Into::into);
        let read: Result<Command, _> = read_from(words, |_| true);
        read.map(|command| command.arguments)
    }

    #[test]
    fn an_empty_variable_is_unset_and_a_flag_is_not() {
        let arguments = parse(&["--region", "eu-central-1"]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(arguments.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(arguments.region.as_deref(), Some("eu-central-1"));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        let error = parse(&["--listen", "nowhere"]).err().expect("not an address");
        let line = one_line(&error);
        assert!(line.contains("nowhere") && !line.contains('\n'), "{line}");
    }
}
