//! `lmall bench search`: a catalogue in a data directory of its own, its index, and customers who
//! look for something; in this process, through the use case that the route calls.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use lmall_app::{
    Trace,
    catalogue::{Catalogue, Category, FOLLOW_EVERY, ProductSearch},
    failure::Failure,
    ports::{PriceCopies, Wanted},
};
use lmall_domain::{
    Money, Sku,
    catalogue::{CategoryPath, Change},
    event::ProductChanged,
    money::Currency,
};
use lmall_embedded::Embedded;
use lmall_product_api::{PRODUCTS_MAX, TextIndex};
use lmall_runtime::SystemClock;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    DataDir,
    report::{Latencies, Machine, Quantiles, per_second, seconds},
};
use crate::{cli::SearchArgs, output};

/// The slowest of a hundred searches may take so long.
const P99_MS_MAX: f64 = 20.0;

/// Different words: a large shop's, whose names have many of their own.
const WORDS: u64 = 20_000;

/// Categories that the products are in.
const CATEGORIES: u64 = 100;

/// Products that are put at a time: they share commits.
const PUT_AT_ONCE: usize = 256;

/// Products that a search shows.
const PAGE: usize = 20;

/// What `lmall bench search` prints.
#[derive(Serialize)]
struct Report {
    ok: bool,
    products: u32,
    /// From an empty index to a complete one.
    index_s: f64,
    searches: u64,
    searches_per_s: f64,
    /// Searches that found something.
    with_results: u64,
    search_ms: Quantiles,
    machine: Machine,
}

/// Nobody prices by this catalogue.
struct NoCopies;

#[async_trait]
impl PriceCopies for NoCopies {
    async fn tell(&self, _sku: &Sku, _changed: &ProductChanged) -> Result<(), Failure> {
        Ok(())
    }
}

/// Runs `lmall bench search`.
pub(super) fn run(args: &SearchArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(args))?;
    if args.json {
        output::json(&report);
    } else {
        let ms = |value: Option<f64>| value.map_or_else(String::new, |ms| format!("{ms} ms"));
        let rows = [
            ("products", report.products.to_string()),
            ("the index is made in", format!("{} s", report.index_s)),
            ("searches", report.searches.to_string()),
            ("searches a second", report.searches_per_s.to_string()),
            ("with results", report.with_results.to_string()),
            ("p50", ms(report.search_ms.p50)),
            ("p99", ms(report.search_ms.p99)),
            ("p99.9", ms(report.search_ms.p999)),
            ("slowest", ms(report.search_ms.max)),
        ];
        output::table(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]));
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &SearchArgs) -> Result<Report> {
    let dir = DataDir::new(None)?;
    let clock = Arc::new(SystemClock::default());
    let embedded = Embedded::open(&dir.path, clock.clone())?;
    let catalogue = Catalogue::new(embedded.store(), clock, Arc::new(NoCopies));
    fill(&catalogue, args.products).await?;

    let index = Arc::new(TextIndex::new()?);
    let search = Arc::new(ProductSearch::new(catalogue, index, PRODUCTS_MAX));
    let started = Instant::now();
    search.catch_up().await?;
    let index_s = seconds(started.elapsed());

    let following = tokio::spawn(follow(Arc::clone(&search)));
    let latencies = Arc::new(Latencies::new()?);
    let (started, length) = (Instant::now(), Duration::from_secs(args.seconds.into()));
    let mut customers = JoinSet::new();
    for number in 0..args.concurrency {
        let (search, latencies) = (Arc::clone(&search), Arc::clone(&latencies));
        customers.spawn(look(search, latencies, u64::from(number), started + length));
    }
    let (mut searches, mut with_results) = (0, 0);
    while let Some(done) = customers.join_next().await {
        let (made, found) = done??;
        (searches, with_results) = (searches + made, with_results + found);
    }
    let elapsed = started.elapsed();
    following.abort();
    embedded.close();
    let search_ms = latencies.quantiles();
    Ok(Report {
        ok: search_ms.p99.is_some_and(|p99| p99 <= P99_MS_MAX),
        products: args.products,
        index_s,
        searches,
        searches_per_s: per_second(searches, elapsed),
        with_results,
        search_ms,
        machine: Machine::this(),
    })
}

/// Puts so many products, each with a name of four words and a description of twenty.
async fn fill(catalogue: &Catalogue, products: u32) -> Result<()> {
    catalogue.put_category(&Category { path: category(None)?, name: "Shop".to_owned() }).await?;
    for number in 0..CATEGORIES {
        let category = Category { path: category(Some(number))?, name: format!("Shelf {number}") };
        catalogue.put_category(&category).await?;
    }
    let eur = Currency::from_code("EUR").context("a currency")?;
    stream::iter(0..u64::from(products))
        .map(|number| async move {
            let mut chance = Chance(number);
            let sku: Sku = format!("sku-{number:06}").parse()?;
            let change = Change::Put {
                name: chance.words(4),
                price: Money::new(1_999, eur),
                description: Some(chance.words(20)),
                categories: Some(vec![category(Some(number % CATEGORIES))?]),
            };
            catalogue.change(&sku, &change, &Trace::default()).await?;
            anyhow::Ok(())
        })
        .buffer_unordered(PUT_AT_ONCE)
        .try_collect()
        .await
}

/// What every process that searches does beside it.
async fn follow(search: Arc<ProductSearch>) {
    loop {
        sleep(FOLLOW_EVERY).await;
        // The next look takes in what this one has not.
        let _taken = search.catch_up().await;
    }
}

/// Searches until then; how often, and how often something was found.
async fn look(
    search: Arc<ProductSearch>,
    latencies: Arc<Latencies>,
    number: u64,
    until: Instant,
) -> Result<(u64, u64)> {
    let mut chance = Chance(u64::MAX / 2 + number);
    let (mut made, mut found) = (0, 0);
    while Instant::now() < until {
        let wanted = chance.wanted()?;
        let started = Instant::now();
        let page = search.find(&wanted).await?;
        latencies.record(started.elapsed());
        made += 1;
        found += u64::from(!page.skus.is_empty());
    }
    Ok((made, found))
}

fn category(number: Option<u64>) -> Result<CategoryPath> {
    let path = number.map_or_else(|| "shop".to_owned(), |number| format!("shop/shelf-{number}"));
    Ok(path.parse()?)
}

/// The same words and wishes in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// A word: some are in many products, most in few.
    fn word(&mut self) -> String {
        let rank = self.below(WORDS) * self.below(WORDS) / WORDS;
        let (mut rest, mut word) = (rank * 7 + 3, String::new());
        while word.len() < 6 || rest > 0 {
            for set in ["bdfgklmnprst", "aeiou"] {
                let place = usize::try_from(rest).unwrap_or(0) % set.len();
                word.push_str(set.get(place..=place).unwrap_or_default());
                rest /= u64::try_from(set.len()).unwrap_or(1);
            }
        }
        word
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    /// One to three words, of three with a letter wrong, cut short or right; one of four in a
    /// category.
    fn wanted(&mut self) -> Result<Wanted> {
        let count = 1 + usize::try_from(self.below(3))?;
        let mut text = self.words(count);
        match self.below(3) {
            0 => {
                let place = usize::try_from(self.below(u64::try_from(text.len())?))?;
                text.replace_range(place..=place, "x");
            }
            1 => text.truncate(text.len() - 2),
            _ => {}
        }
        let shelf = self.below(4 * CATEGORIES);
        let category = (shelf < CATEGORIES).then(|| category(Some(shelf))).transpose()?;
        Ok(Wanted { text, category, offset: 0, limit: PAGE })
    }
}
