use lmall_app::payment::{self, SignatureError, verify};

use super::*;
use crate::{
    kernel::START,
    provider::{SECRET, config},
};

fn original() -> Webhook {
    let body = br#"{"id":"evt_1","type":"payment.captured","data":{}}"#.to_vec();
    let signed = sign(&Secret::new(SECRET), &body, START);
    let headers = signed.map(|(name, value)| (name.to_owned(), value)).to_vec();
    Webhook { headers, body, origin: Origin::Provider }
}

fn judged(webhook: &Webhook, now: Timestamp) -> Result<(), SignatureError> {
    let headers: Vec<_> =
        webhook.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    verify(&config(), payment::Webhook { headers: &headers, body: &webhook.body }, now)
}

#[test]
fn no_forgery_is_what_was_signed() {
    for forgery in Forgery::ALL {
        let forged = forgery.of(original());
        let why = match forgery {
            Forgery::WrongSecret
            | Forgery::OtherBody
            | Forgery::Younger
            | Forgery::FarAhead
            | Forgery::Truncated
            | Forgery::Empty => SignatureError::Mismatch,
            Forgery::NoHeaders | Forgery::OtherScheme => SignatureError::Malformed,
        };
        assert_eq!(judged(&forged, START), Err(why), "{forgery:?}");
        assert_eq!(forged.origin, Origin::Forged);
    }
}

#[test]
fn a_replay_is_valid_until_it_is_stale() {
    for replay in [Replay::Fresh, Replay::OtherId] {
        let webhook = replay.of(original());
        assert_eq!(judged(&webhook, START.after(FRESH.1)), Ok(()));
        assert_eq!((webhook.origin, webhook.body), (Origin::Replayed, original().body));
    }
    let webhook = Replay::Stale.of(original());
    assert_eq!(judged(&webhook, START.after(STALE.0)), Err(SignatureError::Stale));
    assert_eq!(Webhook { origin: Origin::Provider, ..webhook }, original());
}
