//! The command line of `lmall`: flags, else environment, else defaults.

use std::{ffi::OsString, net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr};

use clap::{
    Args, CommandFactory, Parser, Subcommand,
    builder::NonEmptyStringValueParser,
    error::{Error, ErrorKind},
    value_parser,
};
use lmall_aws::redis::Redis;
use lmall_gateway::IdentityMode;

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

/// What `lmall bench` measures.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  lmall bench orders --rate 500 --seconds 60
  lmall bench orders --rate max --concurrency 64 --json
  lmall bench orders --rate 300 --preload 1000000
  lmall bench ids --threads 2
  lmall bench reserve --concurrency 400 --units 100
  lmall bench gate --redis redis://127.0.0.1:6379
  lmall bench gateway --rate 2000
  lmall bench waiting --arrivals 100000 --units 1000")]
pub(crate) enum BenchCommand {
    /// Whole sagas over HTTP, from placing to CONFIRMED, on a server of its own
    Orders(OrdersArgs),
    /// Order ids drawn per second, and whether any comes twice
    Ids(IdsArgs),
    /// Many buyers for few units, on a server of its own: exactly the units may be reserved
    Reserve(ReserveArgs),
    /// The stock gate on a Redis, next to a script that does nothing
    Gate(GateArgs),
    /// What the gateway adds to an answer, and how many tokens it verifies
    Gateway(GatewayArgs),
    /// Searches among many products, with letters wrong and words cut short
    Search(SearchArgs),
    /// A flash sale: many customers in a waiting room, few units, and who is served when
    Waiting(WaitingArgs),
}

/// How `lmall bench orders` runs.
#[derive(Debug, Args)]
pub(crate) struct OrdersArgs {
    /// Sagas a second on a fixed schedule, or `max` for as many as --concurrency buyers achieve
    #[arg(long, value_name = "N|max")]
    pub(crate) rate: Rate,
    /// Length of the measured window, after a warm-up of 2 s plus the think time
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: u32,
    /// Sagas to run flat out before measuring
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) preload: u64,
    /// Products to order from
    #[arg(long, value_name = "K", default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) skus: u32,
    /// Lines of each order, all with different products
    #[arg(long, value_name = "L", default_value_t = 1, value_parser = value_parser!(u32).range(1..=40))]
    pub(crate) lines: u32,
    /// Buyers at a time with `--rate max` and while preloading
    #[arg(long, value_name = "C", default_value_t = 256, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Milliseconds a buyer takes between placing and paying (0 with `--rate max`)
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = value_parser!(u32).range(..=60_000))]
    pub(crate) think_ms: u32,
    /// Data directory of the server, kept afterwards; a temporary one if unset
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench ids` runs.
#[derive(Debug, Args)]
pub(crate) struct IdsArgs {
    /// Length of the timed part
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = value_parser!(u32).range(1..=3_600))]
    pub(crate) seconds: u32,
    /// Threads that draw ids
    #[arg(long, value_name = "T", default_value_t = 2, value_parser = value_parser!(u32).range(1..=1_024))]
    pub(crate) threads: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench reserve` runs.
#[derive(Debug, Args)]
pub(crate) struct ReserveArgs {
    /// Buyers who order at the same time
    #[arg(long, value_name = "C", default_value_t = 400, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Units in stock
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) units: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench gate` runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall bench gate --redis redis://127.0.0.1:6379
  lmall bench gate --redis redis://127.0.0.1:7000,redis://127.0.0.1:7001 --json
  lmall bench gate --redis rediss://user:password@cache.example:6379 --rebuild

It leaves keys that begin with lmall:gate:{bench- behind: use a Redis of its own.")]
pub(crate) struct GateArgs {
    /// A Redis that is used for nothing else; several addresses are those of a cluster
    #[arg(long, env = "LMALL_REDIS", value_name = "URL", hide_env_values = true)]
    pub(crate) redis: String,
    /// Length of the measured part, of which the gate has one half
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u32).range(1..=3_600))]
    pub(crate) seconds: u32,
    /// Callers at a time, on one connection
    #[arg(long, value_name = "C", default_value_t = 64, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,
    /// Units of the SKU that has three buyers for each
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) units: u32,
    /// Rebuild the gate of --skus with --reservations, too
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// SKUs to rebuild
    #[arg(long, value_name = "K", default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) skus: u32,
    /// Open reservations of these SKUs
    #[arg(long, value_name = "R", default_value_t = 1_000_000, value_parser = value_parser!(u32).range(..=10_000_000))]
    pub(crate) reservations: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench gateway` runs.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// Requests a second, on a fixed schedule
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// Seconds with the gateway, and as many without it
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u32).range(1..=3_600))]
    pub(crate) seconds: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench search` runs.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Products in the catalogue
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=500_000))]
    pub(crate) products: u32,
    /// Customers who search at a time
    #[arg(long, value_name = "C", default_value_t = 2, value_parser = value_parser!(u32).range(1..=1_000))]
    pub(crate) concurrency: u32,
    /// Length of the measured part
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = value_parser!(u32).range(1..=3_600))]
    pub(crate) seconds: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `lmall bench waiting` runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lmall bench waiting
  lmall bench waiting --arrivals 10000 --units 100 --json
  lmall bench waiting --redis redis://127.0.0.1:6379

Three of ten customers abandon it, and one of ten comes twice.")]
pub(crate) struct WaitingArgs {
    /// Customers who come
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) arrivals: u32,
    /// Units for sale
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) units: u32,
    /// Customers let through in a second
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
    /// How long an admission lasts
    #[arg(long, value_name = "MS", default_value_t = 4_000, value_parser = value_parser!(u32).range(1..=3_600_000))]
    pub(crate) token_life_ms: u32,
    /// How often customers look at their place
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = value_parser!(u32).range(1..=300_000))]
    pub(crate) heartbeat_ms: u32,
    /// Waiting rooms on this Redis instead of in the process
    #[arg(long, env = "LMALL_REDIS", value_name = "URL", hide_env_values = true)]
    pub(crate) redis: Option<String>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Sagas a second, or as many as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// A closed loop: each buyer starts again when it is done.
    Max,
    /// An open loop: sagas are due on a schedule, whatever the server does.
    PerSecond(NonZeroU32),
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        text.parse().map(Self::PerSecond).map_err(|_| "a whole number from 1 on, or `max`")
    }
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
