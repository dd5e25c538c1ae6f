//! What a token says, and what of it is believed.

use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use lmall_domain::{CustomerId, Timestamp, customer::token::AUDIENCE, id::SessionId};
use serde::Deserialize;

/// Bytes of the longest token: ours have some 500.
pub(crate) const TOKEN_LEN_MAX: usize = 4_096;

/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY_SECS: i64 = 5;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFailure {
    /// It is no token of ours at all.
    Malformed,
    /// It is longer than any of ours.
    TooLong,
    /// There are two of them: we cannot know which one others would believe.
    Doubled,
    /// It is not a bearer token.
    Scheme,
    /// It is not signed with `EdDSA`, whatever its key.
    Algorithm,
    /// Its key is none of ours.
    UnknownKey,
    /// Its signature is not that of its key.
    Signature,
    /// Somebody else made it.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It has ended.
    Expired,
    /// It has not begun.
    Early,
    /// Its session has ended.
    Revoked,
}

/// The claims that matter, of a token whose signature is right.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    pub(super) sub: CustomerId,
    pub(super) sid: SessionId,
    iat: i64,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

impl TokenFailure {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::TooLong,
        Self::Doubled,
        Self::Scheme,
        Self::Algorithm,
        Self::UnknownKey,
        Self::Signature,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::Early,
        Self::Revoked,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::Doubled => "doubled",
            Self::Scheme => "scheme",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Early => "early",
            Self::Revoked => "revoked",
        }
    }
}

/// The token of a request, if it bears one.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TokenFailure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenFailure::Doubled);
    }
    let text = value.to_str().map_err(|_| TokenFailure::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(TokenFailure::Scheme)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenFailure::Scheme);
    }
    if token.len() > TOKEN_LEN_MAX {
        return Err(TokenFailure::TooLong);
    }
    Ok(Some(token.trim_matches(' ')))
}

/// The name of the key that a token says it is signed with.
pub(super) fn key_id(token: &str) -> Result<String, TokenFailure> {
    let header = decode_header(token).map_err(|error| failure(error.kind()))?;
    // What has to be understood to be believed, we do not understand.
    if header.crit.is_some() {
        return Err(TokenFailure::Malformed);
    }
    if header.alg != Algorithm::EdDSA {
        return Err(TokenFailure::Algorithm);
    }
    header.kid.ok_or(TokenFailure::UnknownKey)
}

/// The claims, if the signature is right. The algorithm is the key's, never the header's: a
/// token that names another one is refused.
pub(super) fn signed(token: &str, key: &DecodingKey) -> Result<Claims, TokenFailure> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    // Its own checks ask the clock of the system; ours are in `checked`.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let token = decode::<Claims>(token, key, &validation);
    token.map(|token| token.claims).map_err(|error| failure(error.kind()))
}

/// The claims, if they are ours and it is their time.
pub(super) fn checked(
    claims: Claims,
    issuer: &str,
    now: Timestamp,
) -> Result<Claims, TokenFailure> {
    let now_s = now.as_secs();
    if claims.iss != issuer {
        return Err(TokenFailure::Issuer);
    }
    if claims.aud != AUDIENCE {
        return Err(TokenFailure::Audience);
    }
    if claims.exp <= now_s.saturating_sub(LEEWAY_SECS) {
        return Err(TokenFailure::Expired);
    }
    let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if begins > now_s.saturating_add(LEEWAY_SECS) {
        return Err(TokenFailure::Early);
    }
    Ok(claims)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "theirs: it may grow with any version")]
fn failure(kind: &ErrorKind) -> TokenFailure {
    match kind {
        ErrorKind::InvalidSignature => TokenFailure::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => TokenFailure::Algorithm,
        _ => TokenFailure::Malformed,
    }
}
