//! How long passwords take, and how many access tokens a second a core signs and verifies.
//!
//! ```sh
//! cargo run --release -p lmall-user-api --no-default-features --example figures
//! ```

use std::{
    io::{Write, stdout},
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use lmall_app::{
    customer::{COST, COST_MIN, Keys, Password, Passwords},
    ports::{AccessTokens, Chance},
};
use lmall_domain::{
    Timestamp,
    customer::token::{AUDIENCE, Claims, ISSUER, LIFE_SECS},
};
use lmall_user_api::KeyRing;

const TOKENS: u32 = 20_000;
const HASHES: u32 = 5;

/// Good enough for figures.
struct Sevens;

impl Chance for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn say(text: impl std::fmt::Display) {
    let _reader_gone = writeln!(stdout().lock(), "{text}");
}

fn each(what: &str, count: u32, taken: Duration) {
    let one = taken / count;
    say(format_args!("{what}: {one:?} each, {} a second", 1_000_000_000 / one.as_nanos().max(1)));
}

fn main() {
    let chance: &dyn Chance = &Sevens;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for cost in COST_MIN..=COST {
        let passwords = Arc::new(Passwords::new(cost, 1).expect("a good cost"));
        let password = Password::chosen("correct horse battery".to_owned()).expect("a password");
        let begun = Instant::now();
        for _ in 0..HASHES {
            runtime.block_on(passwords.hash(&password, chance)).expect("a hash");
        }
        each(&format!("a password at cost {cost}"), HASHES, begun.elapsed());
    }
    tokens(chance);
}

fn tokens(chance: &dyn Chance) {
    let now = Timestamp::from_millis(1_768_386_600_000);
    let ring = KeyRing::new(Keys::made(chance, now)).expect("keys");
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: "cus_0f1e2d3c4b5a69788796a5b4c3d2e1f0".parse().expect("an id"),
        sid: "ses_00112233445566778899aabbccddeeff".parse().expect("an id"),
        iat: now.as_secs(),
        exp: now.as_secs() + LIFE_SECS,
        jti: "00112233445566778899aabbccddeeff".to_owned(),
    };
    let begun = Instant::now();
    for _ in 0..TOKENS {
        ring.sign(&claims, now).expect("a token");
    }
    each("signing an access token", TOKENS, begun.elapsed());
    let token = ring.sign(&claims, now).expect("a token");
    let keys: JwkSet = serde_json::from_str(&ring.jwks(now)).expect("keys");
    let key = DecodingKey::from_jwk(&keys.keys[0]).expect("a key");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    // The time of the token is not ours.
    validation.validate_exp = false;
    let begun = Instant::now();
    for _ in 0..TOKENS {
        decode::<Claims>(&token, &key, &validation).expect("a good token");
    }
    each("verifying an access token", TOKENS, begun.elapsed());
}
