//! `lmall demo`.

use std::time::Duration;

use serde_json::Value;

use crate::support::{command, run_to_end};

#[tokio::test]
async fn the_demo_tells_its_whole_story() {
    let ended = run_to_end(command(&["demo", "--json"]), Duration::from_secs(60)).await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let story: Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_eq!((&story["ok"], &story["error"]), (&Value::Bool(true), &Value::Null), "{story:#}");
    let steps = story["steps"].as_array().expect("steps");
    assert!(steps.len() > 20, "{story:#}");
    assert!(steps.iter().all(|step| step["ok"] == true), "{story:#}");
}
