//! Public ids: a permutation that only its key undoes.

use std::collections::BTreeSet;

use lmall_app::ids::public::{LEN, PublicIdKeys};
use lmall_domain::OrderId;
use proptest::{collection::vec, prelude::*};

const A: &str = "a:000102030405060708090a0b0c0d0e0f";
const B: &str = "b:2b7e151628aed2a6abf7158809cf4f3c";

fn keys(text: &str) -> PublicIdKeys {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn id(raw: u64) -> OrderId {
    OrderId::new(raw).expect("an id")
}

fn any_id() -> impl Strategy<Value = OrderId> {
    (1..=i64::MAX.unsigned_abs()).prop_map(id)
}

/// Others store these, so they never change; Python's `cryptography` makes the same ones.
#[test]
fn a_public_id_is_readable_for_ever() {
    let rows = [
        (A, 1, "a0k32d6ns5b0yq718xaqmrbx6ey"),
        (A, 7_212_345_678_901, "a1ytdy2a738w997ne32y3yvy0f8"),
        (A, i64::MAX.unsigned_abs(), "a7dr5xyw8fv4kh13sj1jg9e3gse"),
        (B, 1, "b6w18xw71g9r9qpyak3meeffvmk"),
        (B, 7_212_345_678_901, "b600xnydz2gxwr9xe9s295j90p8"),
    ];
    for (key, raw, public) in rows {
        assert_eq!(keys(key).encode(id(raw)), public, "{key} {raw}");
        assert_eq!(keys(key).decode(public), Some(id(raw)), "{public}");
        assert_eq!(keys(key).decode(&public.to_ascii_uppercase()), Some(id(raw)), "{public}");
    }
}

#[test]
fn the_newest_key_names_and_all_keys_read() {
    let (old, both, new) = (keys(A), keys(&format!("{B}, {A}")), keys(B));
    let ids = (1..1_000).map(|n| id(n * 0x1234_5678_9abc));
    for id in ids {
        let (before, after) = (old.encode(id), both.encode(id));
        assert!(before.starts_with('a') && after.starts_with('b'), "{before} {after}");
        assert_eq!((both.decode(&before), both.decode(&after)), (Some(id), Some(id)));
        assert_eq!((new.decode(&before), old.decode(&after)), (None, None));
        // Behind the wrong name, it is another key's.
        assert_eq!(both.decode(&format!("b{}", &before[1..])), None);
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_and_not_repeated() {
    let long = format!("{B},{A}").replace("b:", "a:");
    let rows = [
        "",
        "a",
        "a:",
        "a:00",
        "a:000102030405060708090a0b0c0d0e0",
        "a:000102030405060708090a0b0c0d0e0g",
        "ab:000102030405060708090a0b0c0d0e0f",
        ":000102030405060708090a0b0c0d0e0f",
        "u:000102030405060708090a0b0c0d0e0f",
        "A:000102030405060708090a0b0c0d0e0f",
        "ä:000102030405060708090a0b0c0d0e0f",
        &long,
    ];
    for text in rows {
        let error = text.parse::<PublicIdKeys>().expect_err(text);
        assert!(!error.to_string().contains("0001"), "{error}");
    }
    let shown = format!("{:?}", keys(&format!("{B},{A}")));
    assert_eq!(shown, "PublicIdKeys(ba, redacted)");
}

proptest! {
    #[test]
    fn what_one_key_names_it_reads_and_no_other(id in any_id(), other: [u8; 16]) {
        let public = keys(A).encode(id);
        prop_assert_eq!(public.len(), LEN);
        prop_assert!(public.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
        prop_assert_eq!(keys(A).decode(&public), Some(id));
        let other: String = other.iter().map(|byte| format!("{byte:02x}")).collect();
        let other = keys(&format!("a:{other}"));
        prop_assert_eq!(other.decode(&public), None);
    }

    #[test]
    fn no_two_ids_have_one_name(ids in vec(any_id(), 0..200)) {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        let names: BTreeSet<_> = ids.iter().map(|id| keys(A).encode(*id)).collect();
        prop_assert_eq!(names.len(), ids.len());
    }

    #[test]
    fn what_is_made_up_or_changed_names_nothing(
        id in any_id(),
        at in 0..LEN,
        digit in "[0-9a-z]",
        text in "[ -~]{0,40}",
        forged in "[ab][0-7][0-9a-hjkmnp-tv-z]{25}",
    ) {
        let both = keys(&format!("{A},{B}"));
        let public = both.encode(id);
        let mut changed = public.clone();
        changed.replace_range(at..=at, &digit);
        prop_assert!(changed == public || both.decode(&changed).is_none(), "{}", changed);
        prop_assert_eq!(both.decode(&text), None);
        prop_assert_eq!(both.decode(&forged), None);
    }
}
