//! Access tokens, and the keys that they are verified with.

use http::Request;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use lmall_app::ports::{AccessTokens, Clock};
use lmall_domain::customer::token::{AUDIENCE, Claims, ISSUER, LIFE_SECS};
use lmall_web::testing::{Away, call};

use crate::support::{key_ring, router};

#[tokio::test]
async fn a_token_is_verified_with_the_key_that_its_header_names() {
    let now = Away.now();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: "cus_1".parse().unwrap(),
        sid: "ses_1".parse().unwrap(),
        iat: now.as_secs(),
        exp: now.as_secs() + LIFE_SECS,
        jti: "1".to_owned(),
    };
    let token = key_ring().sign(&claims, now).unwrap();
    let request = Request::get("/.well-known/jwks.json").body(axum::body::Body::empty()).unwrap();
    let answer = call(router(), request).await;
    assert!(!answer.text.contains("\"d\""), "no private key: {}", answer.text);
    let keys: JwkSet = serde_json::from_str(&answer.text).unwrap();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.expect("a key's name");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("a published key")).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    // The clock of the test stands still.
    validation.validate_exp = false;
    assert_eq!(decode::<Claims>(&token, &key, &validation).unwrap().claims, claims);
}

#[test]
fn nothing_is_signed_before_the_first_key_may() {
    let early = Away.now().before(std::time::Duration::from_millis(1));
    let claims: Claims =
        serde_json::from_str(r#"{"iss":"","aud":"","sub":"c","sid":"s","iat":0,"exp":0,"jti":""}"#)
            .unwrap();
    assert!(key_ring().sign(&claims, early).is_err());
}
