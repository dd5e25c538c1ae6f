//! A server process, a client that sends exactly what it is told, and a shop to work with.

mod http;
mod installation;
mod load;
mod people;
mod server;
mod service;
mod shop;
mod signing;

use std::time::{Duration, Instant};

pub(crate) use http::{Answer, Api, Call, OPERATOR_TOKEN};
pub(crate) use installation::{ACCOUNT, Installation, REGION, clients};
pub(crate) use load::Load;
pub(crate) use people::PASSWORD;
pub(crate) use server::{Ended, Server, command, run_to_end, serve_command, temp_dir};
pub(crate) use service::{Service, run_binary};
pub(crate) use shop::{captured, eur, text};
pub(crate) use signing::{
    PROVIDERS, SECRET_DEMO, SECRET_DEMO_OLD, SECRET_STANDARD, SECRET_STRIPE, Scheme, signed,
    unix_now_s,
};

/// The longest time for an effect to show: events take milliseconds, two retries 6 s.
pub(crate) const EFFECT_WITHIN: Duration = Duration::from_secs(20);

/// The pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` gives something; fails the test when it still says why not after `within`.
pub(crate) async fn within<T>(
    within: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(seen) if Instant::now() >= deadline => {
                panic!("{what}: not after {within:?}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(LOOK_PAUSE).await,
        }
    }
}

/// [`within`] the time that effects take.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    within(EFFECT_WITHIN, what, look).await
}
