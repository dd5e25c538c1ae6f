//! The command line of `lmall`: flags, else environment, else defaults.

mod bench;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{
    Args, CommandFactory, Parser, Subcommand,
    builder::NonEmptyStringValueParser,
    error::{Error, ErrorKind},
    value_parser,
};
use lmall_aws::redis::Redis;
use lmall_gateway::IdentityMode;

pub(crate) use self::bench::{
    BenchCommand, GateArgs, GatewayArgs, IdsArgs, OrdersArgs, Rate, ReserveArgs, SearchArgs,
    WaitingArgs,
};
use crate::output;

/// Where `lmall serve` listens unless told otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";

/// Exit code of a wrong command line, as clap has it.
const EXIT_USAGE: i32 = 2;

/// LMall: the transactional core of a shop (orders, stock, payments) in one process.
#[derive(Debug, Parser)]
#[command(name = "lmall", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Examples:
  lmall serve                       start the shop on http://127.0.0.1:8080
  lmall demo                        see an order's life, checked step by step
  lmall bench orders --rate 500     measure whole sagas at 500 a second
  lmall audit --url http://127.0.0.1:8080 --operator-token T

Exit codes: 0 all is well, 1 something is not, 2 wrong usage.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start every service, the relay and the schedules in one process
    Serve(Box<ServeArgs>),
    /// Tell the whole story against a fresh temporary installation, and check it
    Demo(DemoArgs),
    /// Measure
    #[command(subcommand, arg_required_else_help = true)]
    Bench(BenchCommand),
    /// Check the invariants on a running server or on a data directory
    Audit(AuditArgs),
    /// Look at dead letters, or send them again
    #[command(subcommand, arg_required_else_help = true)]
    Dlq(DlqCommand),
    /// Compare a payment provider's settlement file with the payments on record
    Reconcile(ReconcileArgs),
    /// Make keys for the user service on AWS, or the next ones: a secret, on standard output
    Keys(KeysArgs),
}

/// How `lmall serve` runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall serve
  lmall serve --listen 127.0.0.1:0 --data /var/lib/lmall
  LMALL_OPERATOR_TOKEN=… LMALL_LOG=warn lmall serve --catalogue shop.json")]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 picks one and the ready line names it
    #[arg(long, env = "LMALL_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Address to listen on for gRPC, within a private network; nowhere if unset. Port 0 picks one
    /// and the ready line names it
    // A text, because clap refuses an empty address, and compose files pass empty variables.
    #[arg(long, env = "LMALL_GRPC_LISTEN", value_name = "ADDR")]
    grpc_listen: Option<String>,
    /// Directory of the SQLite file; made if absent
    #[arg(long, env = "LMALL_DATA", value_name = "DIR", default_value = "./lmall-data")]
    pub(crate) data: PathBuf,
    /// Token of the operator routes; made at start and printed if unset
    #[arg(long, env = "LMALL_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    operator_token: Option<String>,
    /// Payment providers as JSON: [{"name":"demo","scheme":"generic","secrets":["whsec_…"]}];
    /// one `demo` provider if unset, its secret made and printed
    #[arg(long, env = "LMALL_PROVIDERS", value_name = "JSON", hide_env_values = true)]
    providers: Option<String>,
    /// Keys that sign admissions in flash sales as name:hex,…, the one that signs first; made once
    /// and kept in the data directory if unset
    #[arg(long, env = "LMALL_ADMISSION_KEYS", value_name = "KEYS", hide_env_values = true)]
    admission_keys: Option<String>,
    /// Keys of public ids, the newest first: NAME:HEX,NAME:HEX, with a name of one digit of
    /// base 32 and 32 hexadecimal digits each; no public ids if unset
    #[arg(long, env = "LMALL_PUBLIC_ID_KEYS", value_name = "KEYS", hide_env_values = true)]
    public_id_keys: Option<String>,
    /// Seconds from placing an order to its `pay_by`
    #[arg(long, env = "LMALL_PAYMENT_TIMEOUT_S", value_name = "S", default_value_t = 900)]
    pub(crate) payment_timeout_s: u32,
    /// Seconds a reservation outlives `pay_by`
    #[arg(long, env = "LMALL_RESERVATION_GRACE_S", value_name = "S", default_value_t = 300)]
    pub(crate) reservation_grace_s: u32,
    /// What a password's hash costs: 2^N rounds of bcrypt; passwords are hashed anew at login when
    /// it changes
    #[arg(long, env = "LMALL_BCRYPT_COST", value_name = "N", default_value_t = lmall_app::customer::COST)]
    pub(crate) bcrypt_cost: u32,
    /// Identity providers that customers may come from, as JSON: a list of objects with `name`,
    /// `issuer`, `client_id`, `client_secret` and `redirect_url`, which ends in
    /// `/v1/sessions/providers/{name}/callback`; none if unset
    #[arg(long, env = "LMALL_IDENTITY_PROVIDERS", value_name = "JSON", hide_env_values = true)]
    identity_providers: Option<String>,
    /// Tracing filter; logs go to standard error, as text on a terminal, else JSON
    #[arg(long, env = "LMALL_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// Endpoint of a local AWS stack (AWS form only); empty means unset
    #[arg(long, env = "LMALL_AWS_ENDPOINT", value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Seed file of products and initial stock; empty means unset
    // An OsString, because clap refuses an empty path, and compose files pass empty variables.
    #[arg(long, env = "LMALL_CATALOGUE", value_name = "FILE")]
    catalogue: Option<OsString>,
    /// How callers are known: as they say in `X-Customer-Id`, or by their access token, which
    /// puts the gateway in front of all services
    #[arg(long, env = "LMALL_IDENTITY", value_name = "MODE", default_value = "direct")]
    pub(crate) identity: IdentityMode,
    /// What the gateway does with `--identity token`.
    #[command(flatten)]
    pub(crate) edge: lmall_gateway::Options,
}

impl ServeArgs {
    /// The operator token, unless it is unset or empty.
    pub(crate) fn operator_token(&self) -> Option<&str> {
        set(&self.operator_token)
    }

    /// The providers' JSON, unless it is unset or empty.
    pub(crate) fn providers(&self) -> Option<&str> {
        set(&self.providers)
    }

    /// The keys of admissions, unless they are unset or empty.
    pub(crate) fn admission_keys(&self) -> Option<&str> {
        set(&self.admission_keys)
    }

    /// The keys of public ids, unless they are unset or empty.
    pub(crate) fn public_id_keys(&self) -> Option<&str> {
        set(&self.public_id_keys)
    }

    /// Where gRPC is listened for, unless it is unset or empty.
    pub(crate) fn grpc_listen(&self) -> Option<&str> {
        set(&self.grpc_listen)
    }

    /// The identity providers' JSON; an empty list when it is unset or empty.
    pub(crate) fn identity_providers(&self) -> &str {
        set(&self.identity_providers).unwrap_or("[]")
    }

    /// The AWS endpoint, unless it is unset or empty.
    pub(crate) fn aws_endpoint(&self) -> Option<&str> {
        set(&self.aws_endpoint)
    }

    /// The seed file, unless it is unset or empty.
    pub(crate) fn catalogue(&self) -> Option<PathBuf> {
        self.catalogue.as_ref().filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}

fn set(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

/// How `lmall demo` runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall demo
  lmall demo --json
  lmall demo --url http://127.0.0.1:8080 --operator-token T --provider-secret whsec_…")]
pub(crate) struct DemoArgs {
    /// A running server to use instead of a temporary one. Its mail cannot be read, so it has to
    /// believe customers by name: --identity direct
    #[arg(long, value_parser = http_url)]
    #[arg(requires = "operator_token", requires = "provider_secret")]
    pub(crate) url: Option<String>,
    /// That server's operator token
    #[arg(long, env = "LMALL_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub(crate) operator_token: Option<String>,
    /// The secret of that server's `demo` payment provider
    #[arg(long, env = "LMALL_PROVIDER_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub(crate) provider_secret: Option<String>,
    /// Print one JSON object instead of the story
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `lmall audit` looks at.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall audit --operator-token T
  lmall audit --data ./lmall-data --json")]
pub(crate) struct AuditArgs {
    /// A running server
    #[arg(long, default_value = URL_DEFAULT, conflicts_with = "data", value_parser = http_url)]
    pub(crate) url: String,
    /// Its operator token
    #[arg(long, env = "LMALL_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    #[arg(required_unless_present = "data", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) operator_token: Option<String>,
    /// A data directory that no server uses, instead of a server
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  lmall dlq list --queue lmall-order.fifo
  lmall dlq replay --event-type payment.captured --dry-run
  lmall dlq replay --order-id 7212345678901")]
pub(crate) enum DlqCommand {
    /// Show dead letters and why they died
    List(DlqListArgs),
    /// Send dead letters to their queue again
    Replay(DlqReplayArgs),
}

/// How `lmall dlq list` runs.
#[derive(Debug, Args)]
pub(crate) struct DlqListArgs {
    /// The server.
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Which ones.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// How many to show at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

/// How `lmall dlq replay` runs.
#[derive(Debug, Args)]
pub(crate) struct DlqReplayArgs {
    /// The server.
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
    /// Which ones.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Only count what would be sent
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A running server, its operator token, and the form of the answer.
#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// A running server
    #[arg(long, default_value = URL_DEFAULT, value_parser = http_url)]
    pub(crate) url: String,
    /// Its operator token
    #[arg(long, env = "LMALL_OPERATOR_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) operator_token: String,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which dead letters; all of them if nothing is said.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only of this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// Only of this event type
    #[arg(long)]
    pub(crate) event_type: Option<String>,
    /// Only of this order
    #[arg(long)]
    pub(crate) order_id: Option<String>,
}

/// How `lmall reconcile` runs.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lmall reconcile settlements-2026-01-14.csv --data ./lmall-data --json")]
pub(crate) struct ReconcileArgs {
    /// The provider's settlement file
    pub(crate) file: PathBuf,
    /// The data directory to compare with
    #[arg(long, env = "LMALL_DATA", value_name = "DIR", default_value = "./lmall-data")]
    pub(crate) data: PathBuf,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall keys` runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall keys > keys.json                         the first ones
  lmall keys --next-of keys.json > next.json     with the next one, if it is time; else the same")]
pub(crate) struct KeysArgs {
    /// The keys of today; `-` reads them from standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) next_of: Option<PathBuf>,
}

impl Cli {
    /// Reads the command line; a wrong one ends the process with a one-line message and code 2.
    pub(crate) fn parse_or_exit() -> Self {
        Self::try_parse().and_then(Self::checked).unwrap_or_else(|error| {
            // Help and version are errors to clap; it prints those well itself.
            let help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            if help || !error.use_stderr() {
                error.exit();
            }
            output::complain(one_line(&error));
            std::process::exit(EXIT_USAGE)
        })
    }

    /// Refuses what no single flag can know.
    fn checked(self) -> Result<Self, Error> {
        if let Command::Bench(BenchCommand::Orders(OrdersArgs { lines, skus, .. })) = &self.command
            && lines > skus
        {
            let message = format!("{lines} different --lines need at least as many --skus");
            return Err(Self::command().error(ErrorKind::ValueValidation, message));
        }
        // Not by a value parser: clap repeats what it refuses, and there may be a password in it.
        if let Command::Bench(
            BenchCommand::Gate(GateArgs { redis, .. })
            | BenchCommand::Waiting(WaitingArgs { redis: Some(redis), .. }),
        ) = &self.command
            && let Err(error) = Redis::new(redis)
        {
            let message = format!("--redis: {error}");
            return Err(Self::command().error(ErrorKind::ValueValidation, message));
        }
        Ok(self)
    }
}

/// An address that the client can reach: it does not speak TLS.
fn http_url(text: &str) -> Result<String, &'static str> {
    let host = text.strip_prefix("http://").filter(|host| !host.is_empty());
    host.map(|_| text.to_owned()).ok_or("an address such as http://127.0.0.1:8080")
}

/// The first paragraph of clap's message, which says what is wrong, without the usage after it.
fn one_line(error: &Error) -> String {
    let message = error.to_string();
    let said: Vec<&str> =
        message.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    format!("{} (see --help)", said.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(args: &[&str]) -> String {
        one_line(&Cli::try_parse_from(args).expect_err("a wrong command line"))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_usage_error_is_one_line_and_says_what_is_wrong() {
        let rows: [(&[&str], &str); 4] = [
            (&["lmall", "bench", "orders"], "--rate <N|max>"),
            (&["lmall", "bench", "orders", "--rate", "0"], "a whole number from 1 on, or `max`"),
            (&["lmall", "serve", "--listen", "nowhere"], "nowhere"),
            (&["lmall", "demo", "--url", "http://x", "--operator-token", "t"], "--provider-secret"),
        ];
        for (args, part) in rows {
            let text = complaint(args);
            assert!(text.contains(part) && !text.contains('\n'), "{args:?}: {text}");
        }
    }

    #[test]
    fn an_address_that_is_refused_is_not_repeated() {
        let args = ["lmall", "bench", "gate", "--redis", "redis://user:hunter2@x:port"];
        let cli = Cli::try_parse_from(args).expect("its address is looked at later");
        let text = one_line(&cli.checked().expect_err("no port"));
        assert!(text.contains("--redis") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn an_empty_variable_means_unset() {
        let args = ["lmall", "serve", "--operator-token", "", "--catalogue", "", "--aws-endpoint="];
        let Command::Serve(serve) = Cli::try_parse_from(args).expect("a right one").command else {
            panic!("serve was asked for");
        };
        assert_eq!((serve.operator_token(), serve.catalogue()), (None, None));
        assert_eq!((serve.aws_endpoint(), serve.providers()), (None, None));
    }
}
