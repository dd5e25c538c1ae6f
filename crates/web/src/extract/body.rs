//! Bodies: raw, and JSON that says where it went wrong.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::violation;
use crate::problem::Problem;

/// Bytes of the largest body: 256 KiB, some fifty times the largest order of 40 lines.
pub const BODY_LEN_MAX: usize = 256 * 1024;

/// A JSON body.
///
/// Refuses with 415 what is not `application/json`, with 413 what is over [`BODY_LEN_MAX`],
/// with 400 what is not JSON in UTF-8, and with 422 what is not a `T`, naming the place.
/// Whether unknown fields are refused is up to `T`: give it `#[serde(deny_unknown_fields)]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiJson<T>(pub T);

/// A body as it came, of any media type, at most [`BODY_LEN_MAX`] long.
#[derive(Clone, Debug, Default)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request).await.map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(
                Problem::unsupported_media_type().detail("send `Content-Type: application/json`")
            );
        }
        parse(&read(request).await?).map(Self)
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let mut body = request.into_body();
    let declared = hyper::body::Body::size_hint(&body).lower();
    let fits = usize::try_from(declared).is_ok_and(|len| len <= BODY_LEN_MAX);
    let bytes = if fits { collect(&mut body).await? } else { None };
    bytes.ok_or_else(|| {
        Problem::payload_too_large().detail(format!("the limit is {BODY_LEN_MAX} bytes"))
    })
}

/// The whole body; `None` as soon as it is over the limit.
async fn collect(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let ill = |_| Problem::malformed().detail("the body ended early or is ill-framed");
        let Ok(data) = frame.map_err(ill)?.into_data() else { continue };
        if bytes.len() + data.len() > BODY_LEN_MAX {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes.freeze()))
}

/// Whether there is one content type, JSON, in the only charset that JSON has.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
                charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            Some(_) | None => true,
        })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Checked up front, for serde_json skips over the text of fields that nobody reads.
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Problem::malformed().detail("the body is not UTF-8"))?;
    let body = serde_json::from_str(text).map_err(|error| refusal::<T>(text, &error))?;
    // serde would take a list of a struct's fields for the struct.
    if text.trim_start().starts_with('[') {
        return Err(Problem::invalid().error("", "must be an object"));
    }
    Ok(body)
}

fn refusal<T: DeserializeOwned>(text: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::malformed().detail(format!("the body is not JSON: {error}"))
        }
        Category::Data => {
            // Keeping track of the path costs an allocation per key, so only failures pay.
            let deserializer = &mut serde_json::Deserializer::from_str(text);
            let located = serde_path_to_error::deserialize::<_, T>(deserializer).err();
            let pointer = located.map(|located| violation::pointer(located.path()));
            violation::refusal(pointer.unwrap_or_default(), &error.to_string())
        }
    }
}
