//! What the door is configured with, on AWS and in one process alike.

use clap::builder::FalseyValueParser;

use crate::{front::Origins, limits::Limits};

/// Who tokens are from unless told otherwise.
pub const ISSUER_DEFAULT: &str = "lmall";

/// How callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum IdentityMode {
    /// As they say in `X-Customer-Id`.
    Direct,
    /// By their access token.
    Token,
}

/// What the door is configured with.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Who access tokens have to be from
    #[arg(long, env = "LMALL_ISSUER", value_name = "NAME", default_value = ISSUER_DEFAULT)]
    pub issuer: String,
    /// Proxies of ours before this process, each of which adds its client to `X-Forwarded-For`
    #[arg(long, env = "LMALL_TRUSTED_PROXIES", value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u8).range(..=8))]
    pub trusted_proxies: u8,
    /// Rate limits that differ from the defaults, such as
    /// `read.customer=50/s:200,login.address=off`; `off` lifts all
    #[arg(long, env = "LMALL_LIMITS", value_name = "LIMITS", default_value = "")]
    pub limits: Limits,
    /// Origins whose pages may call, separated by commas; none if empty
    #[arg(long, env = "LMALL_CORS_ORIGINS", value_name = "ORIGINS", default_value = "")]
    pub cors_origins: Origins,
    /// TLS ends before this process: tell browsers to come by HTTPS alone
    #[arg(long, env = "LMALL_HSTS", value_parser = FalseyValueParser::new())]
    pub hsts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            issuer: ISSUER_DEFAULT.to_owned(),
            trusted_proxies: 0,
            limits: Limits::default(),
            cors_origins: Origins::default(),
            hsts: false,
        }
    }
}
