//! The command line of `lmall bench`.

use std::{num::NonZeroU32, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand, value_parser};
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
