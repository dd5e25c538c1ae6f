use super::*;

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn set(keys: &str) -> Result<Set, JwksError> {
    read(format!("{{\"keys\":[{keys}]}}").as_bytes())
}

#[test]
fn only_keys_that_can_have_signed_a_token_of_ours_are_taken() {
    let good = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{X}"}}"#);
    let others = [
        r#"{"kty":"oct","kid":"b","k":"c2VjcmV0"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"c","n":"AQAB","e":"AQAB"}"#.to_owned(),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"d","use":"enc","x":"{X}"}}"#),
        r#"{"kty":"OKP","crv":"Ed25519","kid":"e","x":"AQAB"}"#.to_owned(),
    ];
    let all = [&[good][..], &others].concat().join(",");
    let taken: Vec<_> = set(&all).unwrap().into_keys().collect();
    assert_eq!(taken, ["a"]);
    for other in &others {
        set(other).expect_err(other);
    }
    read(b"{}").expect_err("no set");
}

#[test]
fn keys_are_fetched_when_they_are_old_or_missing_and_never_in_a_row() {
    let secs = Duration::from_secs;
    let now = secs(10_000);
    // Fetched and tried so long ago; whether the last try failed; what to do for a key that is
    // known, and for one that is not.
    let rows = [
        (None, None, false, Plan::Fetch, Plan::Fetch),
        (None, Some(0), true, Plan::Away, Plan::Away),
        (None, Some(1), true, Plan::Fetch, Plan::Fetch),
        (Some(0), Some(0), false, Plan::Use, Plan::Unknown),
        (Some(10), Some(10), false, Plan::Use, Plan::Fetch),
        (Some(299), Some(9), true, Plan::Use, Plan::Away),
        (Some(300), Some(300), false, Plan::Renew, Plan::Fetch),
        (Some(3_600), Some(9), true, Plan::Use, Plan::Away),
        (Some(3_600), Some(10), true, Plan::Renew, Plan::Fetch),
        (Some(3_601), Some(0), true, Plan::Away, Plan::Away),
        (Some(3_601), Some(1), true, Plan::Fetch, Plan::Fetch),
    ];
    for (fetched, tried, failed, known, unknown) in rows {
        let [fetched, tried] =
            [fetched, tried].map(|ago: Option<u64>| ago.map(|ago| now - secs(ago)));
        let key = DecodingKey::from_ed_components(X).unwrap();
        let keys = fetched.iter().map(|_| ("a".to_owned(), key.clone())).collect();
        let held = Held { keys, fetched, tried, failed };
        let seen = [held.plan("a", now), held.plan("b", now)];
        assert_eq!(seen, [known, unknown], "{fetched:?} {tried:?} {failed}");
    }
}
