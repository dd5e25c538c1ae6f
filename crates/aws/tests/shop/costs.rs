//! What an order costs: measured, and compared with what `docs/costs.md` says.
//!
//! `UPDATE_COSTS=1` writes the document's measured part anew, so that a change of costs is a
//! change of a file, and is seen.

mod hot;
mod measure;
mod prices;
mod report;
mod rows;

use std::{fs, path::Path};

use self::{hot::HOTTEST_MAX, measure::measure};

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_costs_what_the_document_says() {
    let measured = measure().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/costs.md");
    let document = fs::read_to_string(&path).expect("the document is there");
    let (before, rest) = document.split_once(BEGIN).expect("the document has a measured part");
    let (said, after) = rest.split_once(END).expect("the measured part ends");
    let found = report::render(&measured);
    if std::env::var_os("UPDATE_COSTS").is_some() {
        fs::write(&path, [before, BEGIN, &found, END, after].concat()).expect("it can be written");
    } else {
        assert_eq!(said, found, "costs have changed; UPDATE_COSTS=1 rewrites docs/costs.md");
    }
    for place in hot::places(&measured) {
        let units = place.units_per_second();
        assert!(units <= HOTTEST_MAX, "{}: {units} write units a second", place.name);
    }
}
