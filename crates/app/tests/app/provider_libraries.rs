//! The providers' own libraries, as published for Python, agree with us on who signed what.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use lmall_app::payment::Scheme;
use lmall_domain::Timestamp;
use serde_json::{Value, json};

use super::signatures::{check, provider, signed};

const SECRET: &str = "whsec_c2VjcmV0IG9mIDMyIGJ5dGVzLCBub3Qgc2hvcnQ=";
const BODIES: [&str; 3] = [
    r#"{"id":"evt_1","object":"event","type":"payment_intent.succeeded"}"#,
    r#"{ "id": "evt_2", "object": "event", "name": "Čaj \u2615", "n": 1.50 }"#,
    "{\n  \"id\": \"evt_3\",\r\n  \"object\": \"event\"\n}\n",
];

/// The schemes that are somebody else's.
const SCHEMES: [(Scheme, &str); 2] = [(Scheme::Stripe, "stripe"), (Scheme::Standard, "standard")];

/// Asks the libraries.
fn ask(requests: &Value) -> Vec<Value> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../.local/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test, which makes it", python.display());
    let mut child = Command::new(python)
        .arg(root.join("tests/app/provider_libraries.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(requests.to_string().as_bytes()).expect("the interpreter reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the interpreter ends");
    assert!(output.status.success(), "run scripts/test, which installs the libraries");
    serde_json::from_slice(&output.stdout).expect("the answers are JSON")
}

#[test]
fn what_their_libraries_sign_is_accepted() {
    let at = 1_768_386_600;
    for (scheme, name) in SCHEMES {
        let request = |body: &&str| {
            json!({
                "op": "sign", "scheme": name, "secret": SECRET, "at": at, "id": "msg_1",
                "body": body,
            })
        };
        let answers = ask(&BODIES.iter().map(request).collect());
        for (body, answer) in BODIES.iter().zip(answers) {
            let names =
                ["stripe-signature", "webhook-id", "webhook-timestamp", "webhook-signature"];
            let headers = names.iter().filter_map(|name| {
                answer["headers"][name].as_str().map(|value| (*name, value.to_owned()))
            });
            let (headers, now) = (headers.collect(), Timestamp::from_millis(at * 1_000));
            let provider = provider(scheme, &[SECRET]);
            assert_eq!(check(&provider, &headers, body.as_bytes(), now), Ok(()), "{name}: {body}");
            assert!(check(&provider, &headers, b"{}", now).is_err(), "{name}: another body");
        }
    }
}

#[test]
fn their_libraries_judge_as_we_do() {
    let now_s = ask(&json!([{ "op": "now" }]))[0]["now"].as_i64().expect("seconds");
    // (what, secret of the signer, age in seconds, body that arrives, accepted)
    let [body, other, _] = BODIES;
    let guess = "whsec_Z3Vlc3M=";
    let rows = [
        ("fresh", SECRET, 0, body, true),
        ("four minutes old", SECRET, 240, body, true),
        ("six minutes old", SECRET, 360, body, false),
        ("forged", guess, 0, body, false),
        ("tampered with", SECRET, 0, other, false),
    ];
    for (scheme, name) in SCHEMES {
        let signed = |secret: &str, age_s: i64| signed(scheme, secret, now_s - age_s, body);
        let request = |(_, secret, age_s, arrives, _): &(&str, &str, i64, &str, bool)| {
            let headers: serde_json::Map<_, _> = signed(secret, *age_s)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect();
            json!({
                "op": "check", "scheme": name, "secret": SECRET, "headers": headers,
                "body": arrives,
            })
        };
        let answers = ask(&rows.iter().map(request).collect());
        for ((what, secret, age_s, arrives, accepted), answer) in rows.iter().zip(answers) {
            let (headers, now) = (signed(secret, *age_s), Timestamp::from_millis(now_s * 1_000));
            let ours = check(&provider(scheme, &[SECRET]), &headers, arrives.as_bytes(), now);
            assert_eq!(answer["accepted"], *accepted, "{name}, {what}: theirs");
            assert_eq!(ours.is_ok(), *accepted, "{name}, {what}: ours");
        }
    }
}
