//! The table of events in `docs/events/README.md` is the one in the code.

use std::{fs, path::PathBuf};

use lmall_app::topology::subscribers;
use lmall_domain::event::EventType;

#[test]
fn the_documented_table_of_events_is_the_one_in_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/events/README.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let documented: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let row = |event_type: &EventType| {
        let topic = event_type.topic();
        let readers = subscribers(topic, event_type.name());
        let short =
            |name: &'static str| name.trim_start_matches("lmall-").trim_end_matches(".fifo");
        let readers: Vec<_> = readers.map(|queue| short(queue.name())).collect();
        format!(
            "| `{}` | {} | `{}` | {} |",
            event_type.name(),
            event_type.service().name(),
            topic.name(),
            readers.join(", ")
        )
    };
    assert_eq!(documented, EventType::ALL.iter().map(row).collect::<Vec<_>>());
}
