//! `lmall keys`.

use std::{fs, time::Duration};

use crate::support::{Ended, command, run_to_end, temp_dir};

async fn keys(words: &[&str]) -> Ended {
    run_to_end(command(&[&["keys"], words].concat()), Duration::from_secs(20)).await
}

#[tokio::test]
async fn keys_are_made_and_stay_until_it_is_time_for_the_next() {
    let (first, other) = (keys(&[]).await, keys(&[]).await);
    assert_eq!((first.code, other.code), (Some(0), Some(0)), "{first:#?}");
    assert_ne!(first.stdout, other.stdout);
    let directory = temp_dir();
    let file = directory.path().join("keys.json");
    fs::write(&file, &first.stdout).expect("a writable directory");
    let same = keys(&["--next-of", file.to_str().expect("a path in UTF-8")]).await;
    assert_eq!((same.code, same.stdout), (Some(0), first.stdout));
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_one_line_and_not_shown() {
    let directory = temp_dir();
    let file = directory.path().join("keys.json");
    fs::write(&file, r#"{"signing":"hush"}"#).expect("a writable directory");
    let ended = keys(&["--next-of", file.to_str().expect("a path in UTF-8")]).await;
    assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
    assert!(ended.stderr.contains("keys.json") && !ended.stderr.contains("hush"), "{ended:#?}");
}
