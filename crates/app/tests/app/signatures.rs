//! Who may speak to the payment service: `docs/PROTOCOLS.md`, section 7, and I8.

use hmac::{Hmac, KeyInit, Mac};
use lmall_app::payment::{
    InvalidProviders, Provider, Providers, Scheme, Secret, SignatureError, Webhook, parse, sign,
    verify,
};
use lmall_domain::Timestamp;
use proptest::{collection::vec, prelude::*, sample::select};
use sha2::Sha256;

use SignatureError::{Malformed, Mismatch, Stale};

/// When webhooks are signed: 2026-01-14T10:30:00Z.
const SIGNED_S: i64 = 1_768_386_600;
const OLD: &str = "b2xkIHNlY3JldCBvZiAzMiBieXRlcywgbm90IHNob3J0";
const NEW: &str = "whsec_bmV3IHNlY3JldCBvZiAzMiBieXRlcywgbm90IHNob3J0";
const BODY: &str = r#"{"id":"evt_1","type":"payment.captured"}"#;
const SCHEMES: [Scheme; 3] = [Scheme::Generic, Scheme::Stripe, Scheme::Standard];

type Headers = Vec<(&'static str, String)>;

pub(crate) fn provider(scheme: Scheme, secrets: &[&str]) -> Provider {
    let name = "acme".parse().expect("a provider's name");
    let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    Provider { name, scheme, secrets }
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

pub(crate) fn check(
    provider: &Provider,
    headers: &Headers,
    body: &[u8],
    now: Timestamp,
) -> Result<(), SignatureError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    verify(provider, Webhook { headers: &headers, body }, now)
}

/// HMAC-SHA256 in hex, by hand: not the code under test.
fn hex_mac(key: &[u8], parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    hex::encode(mac.finalize().into_bytes())
}

/// The headers that a provider of this scheme would send.
pub(crate) fn signed(scheme: Scheme, secret: &str, at_s: i64, body: &str) -> Headers {
    let timestamp = at_s.to_string();
    let over = [timestamp.as_bytes(), b".", body.as_bytes()];
    match scheme {
        Scheme::Generic => vec![
            ("x-lmall-signature", format!("v1={}", hex_mac(secret.as_bytes(), &over))),
            ("x-lmall-timestamp", timestamp),
        ],
        Scheme::Stripe => {
            let signature = hex_mac(secret.as_bytes(), &over);
            vec![("stripe-signature", format!("t={timestamp},v1={signature}"))]
        }
        Scheme::Standard => {
            let webhook = standardwebhooks::Webhook::new(secret).expect("a usable secret");
            let signature = webhook.sign("msg_1", at_s, body.as_bytes()).expect("UTF-8");
            vec![
                ("webhook-id", "msg_1".to_owned()),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", signature),
            ]
        }
    }
}

#[test]
fn known_answers_are_accepted() {
    let generic = "24e2471aba30e501e97f37c8d7fcf53eedb29d274a52a046c25cd73e2be928a9";
    let stripe = "e3e90f08613c4dd9873f8b4ad3b68ab9ae94c796fdc722ebb29eb0acaf5cc6f2";
    // Computed with another program; the last one is the vector of the Standard Webhooks text.
    for (scheme, secret, at_s, headers, body) in [
        (
            Scheme::Generic,
            "topsecret",
            SIGNED_S,
            vec![
                ("x-lmall-timestamp", "1768386600".to_owned()),
                ("x-lmall-signature", format!("v1={generic}")),
            ],
            r#"{"id":"evt_1"}"#,
        ),
        (
            Scheme::Stripe,
            "whsec_stripe_secret",
            SIGNED_S,
            vec![("stripe-signature", format!("t=1768386600,v1={stripe},v0=00ff"))],
            r#"{"id":"evt_1"}"#,
        ),
        (
            Scheme::Standard,
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            1_614_265_330,
            vec![
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
            ],
            r#"{"test": 2432232314}"#,
        ),
    ] {
        let provider = provider(scheme, &[secret]);
        let accepted = check(&provider, &headers, body.as_bytes(), seconds(at_s));
        assert_eq!(accepted, Ok(()), "{scheme:?}");
    }
}

#[test]
fn our_own_signature_is_the_documented_one() {
    let headers = sign(&Secret::new("topsecret"), br#"{"id":"evt_1"}"#, seconds(SIGNED_S));
    let signature = "v1=24e2471aba30e501e97f37c8d7fcf53eedb29d274a52a046c25cd73e2be928a9";
    let expected = [("x-lmall-timestamp", "1768386600"), ("x-lmall-signature", signature)];
    assert_eq!(headers.each_ref().map(|(name, value)| (*name, value.as_str())), expected);
}

#[test]
fn a_time_stamp_counts_for_five_minutes_either_way() {
    for scheme in SCHEMES {
        let headers = signed(scheme, OLD, SIGNED_S, BODY);
        for (passed_s, expected) in [
            (0, Ok(())),
            (300, Ok(())),
            (301, Err(Stale)),
            (86_400, Err(Stale)),
            (-300, Ok(())),
            (-301, Err(Stale)),
        ] {
            let now = seconds(SIGNED_S + passed_s);
            let answer = check(&provider(scheme, &[OLD]), &headers, BODY.as_bytes(), now);
            assert_eq!(answer, expected, "{scheme:?} after {passed_s} s");
        }
    }
}

/// Headers with one of them set to something else; `None` leaves it out.
fn with(scheme: Scheme, name: &'static str, value: Option<&str>) -> Headers {
    let mut headers = signed(scheme, OLD, SIGNED_S, BODY);
    headers.retain(|(other, _)| *other != name);
    headers.extend(value.map(|value| (name, value.to_owned())));
    headers
}

fn header(scheme: Scheme, name: &str) -> String {
    let headers = signed(scheme, OLD, SIGNED_S, BODY);
    headers.into_iter().find(|(other, _)| *other == name).expect("it is one of them").1
}

fn check_rows(scheme: Scheme, rows: &[(&'static str, Option<String>, Result<(), SignatureError>)]) {
    for (name, value, expected) in rows {
        let headers = with(scheme, name, value.as_deref());
        let provider = provider(scheme, &[OLD]);
        let answer = check(&provider, &headers, BODY.as_bytes(), seconds(SIGNED_S));
        assert_eq!(answer, *expected, "{scheme:?}, {name}: {value:?}");
    }
}

#[test]
fn malformed_generic_headers_are_refused() {
    let right = header(Scheme::Generic, "x-lmall-signature");
    let half = right[..right.len() / 2 + 2].to_owned();
    let unstamped = format!("v1={}", hex_mac(OLD.as_bytes(), &[BODY.as_bytes()]));
    let forged = format!("v1={}", hex_mac(b"guess", &[b"1768386600.", BODY.as_bytes()]));
    let many = format!("{},{right}", vec![&*forged; 16].join(","));
    const STAMP: &str = "x-lmall-timestamp";
    const SIGNATURE: &str = "x-lmall-signature";
    check_rows(
        Scheme::Generic,
        &[
            (STAMP, None, Err(Malformed)),
            (STAMP, Some(String::new()), Err(Malformed)),
            (STAMP, Some("-1768386600".to_owned()), Err(Malformed)),
            (STAMP, Some("+1768386600".to_owned()), Err(Malformed)),
            (STAMP, Some("1768386600.0".to_owned()), Err(Malformed)),
            (STAMP, Some(" 1768386600".to_owned()), Err(Malformed)),
            (STAMP, Some("0x6967".to_owned()), Err(Malformed)),
            (STAMP, Some("\u{661}".to_owned()), Err(Malformed)),
            (STAMP, Some("1768386600000".to_owned()), Err(Malformed)),
            (STAMP, Some("99999999999999999999999".to_owned()), Err(Malformed)),
            (STAMP, Some("01768386600".to_owned()), Err(Mismatch)),
            (STAMP, Some("1768386601".to_owned()), Err(Mismatch)),
            (SIGNATURE, None, Err(Malformed)),
            (SIGNATURE, Some(String::new()), Err(Malformed)),
            (SIGNATURE, Some(right.replace("v1=", "")), Err(Malformed)),
            (SIGNATURE, Some(right.replace("v1=", "v0=")), Err(Malformed)),
            (SIGNATURE, Some(right.replace("v1=", "v1=zz")), Err(Malformed)),
            (SIGNATURE, Some("v1=".to_owned()), Err(Mismatch)),
            (SIGNATURE, Some(half), Err(Mismatch)),
            (SIGNATURE, Some(unstamped), Err(Mismatch)),
            (SIGNATURE, Some(forged.clone()), Err(Mismatch)),
            (SIGNATURE, Some(format!("{forged},{right}")), Ok(())),
            (SIGNATURE, Some(format!("{right}, {forged}")), Ok(())),
            (SIGNATURE, Some(many), Err(Mismatch)),
        ],
    );
}

#[test]
fn malformed_stripe_headers_are_refused() {
    let right = header(Scheme::Stripe, "stripe-signature");
    let forged = format!("v1={}", hex_mac(b"guess", &[b"1768386600.", BODY.as_bytes()]));
    const NAME: &str = "stripe-signature";
    check_rows(
        Scheme::Stripe,
        &[
            (NAME, None, Err(Malformed)),
            (NAME, Some(String::new()), Err(Malformed)),
            (NAME, Some(right.replace("t=1768386600,", "")), Err(Malformed)),
            (NAME, Some(right.replace("t=", "t=-")), Err(Malformed)),
            // Which of two time stamps was signed is not for us to guess.
            (NAME, Some(format!("{right},t=1768386600")), Err(Malformed)),
            (NAME, Some(format!("t=1,{right}")), Err(Malformed)),
            (NAME, Some(right.replace("v1=", "v0=")), Err(Malformed)),
            (NAME, Some("t=1768386600".to_owned()), Err(Malformed)),
            (NAME, Some(format!("t=1768386600,{forged}")), Err(Mismatch)),
            (NAME, Some(right.replace("t=1768386600", "t=1768386601")), Err(Mismatch)),
            (NAME, Some(right.replace("v1=", &format!("{forged},v1="))), Ok(())),
            (NAME, Some(right.replace(',', ", ")), Ok(())),
        ],
    );
}

#[test]
fn malformed_standard_headers_are_refused() {
    let right = header(Scheme::Standard, "webhook-signature");
    let forged = signed(Scheme::Standard, NEW, SIGNED_S, BODY).remove(2).1;
    const SIGNATURE: &str = "webhook-signature";
    check_rows(
        Scheme::Standard,
        &[
            ("webhook-id", None, Err(Malformed)),
            ("webhook-id", Some("msg_2".to_owned()), Err(Mismatch)),
            ("webhook-id", Some(String::new()), Err(Mismatch)),
            ("webhook-timestamp", None, Err(Malformed)),
            ("webhook-timestamp", Some("1768386601".to_owned()), Err(Mismatch)),
            ("webhook-timestamp", Some("1768386600.5".to_owned()), Err(Malformed)),
            (SIGNATURE, None, Err(Malformed)),
            (SIGNATURE, Some(String::new()), Err(Malformed)),
            (SIGNATURE, Some(right.replace("v1,", "")), Err(Malformed)),
            (SIGNATURE, Some(right.replace("v1,", "v1a,")), Err(Malformed)),
            (SIGNATURE, Some("v1,".to_owned()), Err(Mismatch)),
            (SIGNATURE, Some(forged.clone()), Err(Mismatch)),
            (SIGNATURE, Some(format!("{forged} {right}")), Ok(())),
            (SIGNATURE, Some(format!("v1a,AAAA {right}")), Ok(())),
        ],
    );
}

#[test]
fn a_signature_of_another_scheme_is_refused() {
    for scheme in SCHEMES {
        for other in SCHEMES.into_iter().filter(|other| *other != scheme) {
            let headers = signed(other, OLD, SIGNED_S, BODY);
            let answer =
                check(&provider(scheme, &[OLD]), &headers, BODY.as_bytes(), seconds(SIGNED_S));
            assert_eq!(answer, Err(Malformed), "{other:?} for {scheme:?}");
        }
    }
}

#[test]
fn both_secrets_count_during_a_rotation_and_only_then() {
    for scheme in SCHEMES {
        let providers = Providers::new(vec![provider(scheme, &[OLD])]).expect("usable");
        let answers = || {
            let provider = providers.get("acme").expect("it is configured");
            [OLD, NEW].map(|secret| {
                let headers = signed(scheme, secret, SIGNED_S, BODY);
                check(&provider, &headers, BODY.as_bytes(), seconds(SIGNED_S)).is_ok()
            })
        };
        assert_eq!(answers(), [true, false], "{scheme:?} before");
        for (secrets, accepted) in [
            (&[OLD, NEW][..], [true, true]),
            (&[NEW, OLD], [true, true]),
            (&[NEW], [false, true]),
            // Fail closed.
            (&[], [false, false]),
        ] {
            providers.replace(vec![provider(scheme, secrets)]).expect("usable");
            assert_eq!(answers(), accepted, "{scheme:?}, {} secrets", secrets.len());
        }
        providers.replace(Vec::new()).expect("no provider is fine");
        assert!(providers.get("acme").is_none());
    }
}

#[test]
fn unusable_providers_are_refused_and_those_before_stay() {
    let providers = Providers::new(vec![provider(Scheme::Generic, &[OLD])]).expect("usable");
    let other = |scheme, secret| vec![provider(scheme, &[OLD, secret])];
    for (replaced, doubled) in [
        (other(Scheme::Generic, ""), false),
        (other(Scheme::Stripe, ""), false),
        (other(Scheme::Standard, ""), false),
        (other(Scheme::Standard, "whsec_"), false),
        (other(Scheme::Standard, "not base64!"), false),
        ([other(Scheme::Generic, "a"), other(Scheme::Stripe, "b")].concat(), true),
    ] {
        let error = providers.replace(replaced).expect_err("it is unusable");
        assert_eq!(matches!(error, InvalidProviders::Doubled(_)), doubled, "{error}");
        let stays = providers.get("acme").expect("it stays");
        assert_eq!(*stays, provider(Scheme::Generic, &[OLD]));
    }
}

#[test]
fn secrets_are_in_no_text() {
    let provider = provider(Scheme::Generic, &["hunter2"]);
    let json = r#"[{"name": "acme", "scheme": "generic", "secrets": ["hunter2", 2]}]"#;
    let parsed = Providers::parse(json).expect_err("2 is no secret");
    let unusable = Providers::new(vec![Provider { scheme: Scheme::Standard, ..provider.clone() }])
        .expect_err("it is not base64");
    for text in [
        format!("{provider:?}"),
        format!("{parsed} {parsed:?}"),
        format!("{unusable} {unusable:?}"),
        format!("{:?}", Providers::new(vec![provider])),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

fn schemes() -> impl Strategy<Value = Scheme> {
    select(&SCHEMES[..])
}

/// A header that a scheme looks at, and text that is often close to what it expects.
fn any_header() -> impl Strategy<Value = (&'static str, String)> {
    let name = select(vec![
        "x-lmall-timestamp",
        "x-lmall-signature",
        "stripe-signature",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]);
    let value = prop_oneof![
        ".{0,40}",
        "[0-9]{1,25}",
        "(t=[0-9]{0,12},?|v[01][=,][0-9a-f]{0,66}[, ]?){0,20}",
        "(v1a?,[A-Za-z0-9+/=]{0,48} ?){0,20}",
    ];
    (name, value)
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let amount = prop_oneof!["-?[0-9]{1,20}", Just("null".to_owned()), Just("1.5".to_owned())];
    let kind = select(vec![
        "payment.captured",
        "payment.failed",
        "payment.refunded",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
        "other",
    ]);
    let shaped = (kind, amount.clone(), amount, "\\PC{0,4}", "[A-Za-z]{2,4}").prop_map(
        |(kind, amount, before, id, currency)| {
            let id = serde_json::Value::from(id);
            let data = format!(
                r#"{{"order_id":"7","payment_id":{id},"amount":{amount},"currency":"{currency}",
                "object":{{"id":{id},"amount":{amount},"amount_received":{before},
                "amount_refunded":{amount},"currency":"{currency}","metadata":{{"order_id":"7"}}}},
                "previous_attributes":{{"amount_refunded":{before}}}}}"#
            );
            format!(r#"{{"id":"e","type":"{kind}","data":{data}}}"#).into_bytes()
        },
    );
    prop_oneof![vec(any::<u8>(), 0..200), shaped]
}

proptest! {
    #[test]
    fn what_the_standard_webhooks_crate_signs_is_accepted(
        secret in vec(any::<u8>(), 1..64),
        id in "[a-zA-Z0-9_-]{1,40}",
        body in "\\PC{0,200}",
        at_s in 0..4_000_000_000_i64,
    ) {
        let webhook = standardwebhooks::Webhook::from_bytes(secret.clone()).expect("a key");
        let signature = webhook.sign(&id, at_s, body.as_bytes()).expect("UTF-8");
        let headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", at_s.to_string()),
            ("webhook-signature", signature),
        ];
        let secret = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, secret);
        for secret in [format!("whsec_{secret}"), secret] {
            let provider = provider(Scheme::Standard, &[&secret]);
            prop_assert_eq!(check(&provider, &headers, body.as_bytes(), seconds(at_s)), Ok(()));
        }
    }

    #[test]
    fn what_we_sign_is_accepted(body in vec(any::<u8>(), 0..200), at_s in 0..4_000_000_000_i64) {
        let headers = sign(&Secret::new(OLD), &body, seconds(at_s)).to_vec();
        let provider = provider(Scheme::Generic, &[OLD]);
        prop_assert_eq!(check(&provider, &headers, &body, seconds(at_s)), Ok(()));
    }

    #[test]
    fn one_flipped_bit_is_refused(
        scheme in schemes(),
        at in any::<prop::sample::Index>(),
        bit in 0..7_u8,
        what in 0..3_u8,
    ) {
        let provider = provider(scheme, &[OLD]);
        let mut headers = signed(scheme, OLD, SIGNED_S, BODY);
        let mut body = BODY.to_owned();
        let target = match what {
            0 => &mut body,
            1 => headers
                .iter_mut()
                .find(|(name, _)| name.ends_with("timestamp"))
                .map_or(&mut body, |(_, value)| value),
            _ => headers
                .iter_mut()
                .find(|(name, _)| *name == "webhook-id")
                .map_or(&mut body, |(_, value)| value),
        };
        let mut bytes = std::mem::take(target).into_bytes();
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        *target = String::from_utf8(bytes).expect("ASCII stays ASCII");
        prop_assert!(check(&provider, &headers, body.as_bytes(), seconds(SIGNED_S)).is_err());
    }

    #[test]
    fn one_flipped_bit_of_a_stripe_time_stamp_is_refused(at in 2..12_usize, bit in 0..7_u8) {
        let provider = provider(Scheme::Stripe, &[OLD]);
        let mut bytes = header(Scheme::Stripe, "stripe-signature").into_bytes();
        bytes[at] ^= 1 << bit;
        let value = String::from_utf8(bytes).expect("ASCII stays ASCII");
        let headers = vec![("stripe-signature", value)];
        let answer = check(&provider, &headers, BODY.as_bytes(), seconds(SIGNED_S));
        prop_assert!(answer.is_err());
    }

    #[test]
    fn nothing_that_comes_in_is_a_panic(
        scheme in schemes(),
        headers in vec(any_header(), 0..5),
        body in any_body(),
        header_id in proptest::option::of("\\PC{0,20}"),
        now_ms in any::<i64>(),
    ) {
        let provider = provider(scheme, &[OLD]);
        let now = Timestamp::from_millis(now_ms);
        prop_assert!(check(&provider, &headers, &body, now).is_err());
        let parsed = parse(&provider, header_id.as_deref(), &body, now);
        if let Ok(notice) = parsed {
            let amount = notice.movement.map_or(0, |(_, movement)| movement.amount.amount);
            prop_assert!(amount >= 0);
        }
    }
}
