//! One call: who asks, as part of what, and how long the answer is worth anything.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header::Entry};
use lmall_domain::CustomerId;
use lmall_web::{
    RequestContext,
    context::{RequestIds, TRACEPARENT, X_REQUEST_ID},
    extract::X_CUSTOMER_ID,
};
use tokio::time::Instant;
use tonic::{Request, Status, metadata::MetadataMap};

/// How long a call may take whose caller does not say: as long as a request over HTTP to a
/// neighbour.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(3);

/// The longest that a call may take, whatever its caller says: as long as a request over HTTP.
pub const DEADLINE_MAX: Duration = lmall_web::layers::REQUEST_TIMEOUT;

const _: () = assert!(DEADLINE_DEFAULT.as_secs() < DEADLINE_MAX.as_secs());

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Digits of a `grpc-timeout`, as the protocol has it.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// A call that is made or answered; found in the extensions of a request.
#[derive(Debug, Clone)]
pub struct Call {
    context: RequestContext,
    customer: Option<CustomerId>,
    deadline: Instant,
}

impl Call {
    /// A call that is part of this request, and takes no longer than that.
    #[must_use]
    pub fn new(context: RequestContext, customer: Option<CustomerId>, within: Duration) -> Self {
        Self { context, customer, deadline: Instant::now() + within.min(DEADLINE_MAX) }
    }

    /// Reads the headers; what of the context is absent or ill-formed is made anew or left out.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for a customer's id that is ill-formed or there twice, and
    /// `INVALID_ARGUMENT` for such a timeout: neither can be overlooked.
    pub(crate) fn accept(headers: &HeaderMap, ids: &RequestIds) -> Result<Self, Status> {
        let customer = match single(headers, &X_CUSTOMER_ID) {
            Single::None => None,
            Single::One(value) => Some(customer(value).ok_or_else(unauthenticated)?),
            Single::Many => return Err(unauthenticated()),
        };
        let within = match single(headers, &GRPC_TIMEOUT) {
            Single::None => DEADLINE_DEFAULT,
            Single::One(value) => timeout(value).ok_or_else(bad_timeout)?,
            Single::Many => return Err(bad_timeout()),
        };
        Ok(Self::new(RequestContext::accept(headers, ids), customer, within))
    }

    /// The request that the call is part of.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// The customer that it is for, as the gateway named them.
    #[must_use]
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }

    /// What is left of its time.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What it asks of somebody else: as part of the same request, in the time that is left.
    pub(crate) fn onward<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let mut headers = HeaderMap::new();
        self.write(&mut headers);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request.set_timeout(self.remaining());
        request
    }

    /// Adds what the other side shall know of it, unless that is there.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let request_id = Some(&*self.context.request_id).filter(|id| !id.is_empty());
        let customer = self.customer.as_ref().map(CustomerId::as_str);
        let said = [
            (X_REQUEST_ID, request_id),
            (TRACEPARENT, self.context.traceparent.as_deref()),
            (X_CUSTOMER_ID, customer),
        ];
        for (name, value) in said {
            let value = value.and_then(|text| HeaderValue::from_str(text).ok());
            if let (Entry::Vacant(entry), Some(value)) = (headers.entry(name), value) {
                entry.insert(value);
            }
        }
    }
}

fn unauthenticated() -> Status {
    Status::unauthenticated("who is calling is not known")
}

fn bad_timeout() -> Status {
    Status::invalid_argument("grpc-timeout is not valid")
}

/// How often a header is there.
enum Single<'headers> {
    None,
    One(&'headers HeaderValue),
    Many,
}

fn single<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Single<'headers> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Single::None,
        (Some(value), None) => Single::One(value),
        (Some(_), Some(_)) => Single::Many,
    }
}

fn customer(value: &HeaderValue) -> Option<CustomerId> {
    value.to_str().ok()?.parse().ok()
}

/// The protocol's `TimeoutValue TimeoutUnit`: up to eight digits and a unit.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let well_formed = (1..=TIMEOUT_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = well_formed.then(|| digits.parse().ok()).flatten()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let rows = [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("100m", Some(Duration::from_millis(100))),
            ("7u", Some(Duration::from_micros(7))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("+1S", None),
            ("1.5S", None),
            ("100000000S", None),
        ];
        for (text, expected) in rows {
            assert_eq!(timeout(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_passed_on_and_no_more() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_static("2S"));
        headers.insert("x-request-id", HeaderValue::from_static("abc"));
        headers.insert("x-customer-id", HeaderValue::from_static("ann"));
        let call = Call::accept(&headers, &RequestIds::new()).unwrap();
        tokio::time::advance(Duration::from_millis(1_500)).await;
        let onward = call.onward(()).metadata().clone().into_headers();
        let sent = timeout(&onward["grpc-timeout"]).unwrap();
        assert_eq!(sent, Duration::from_millis(500));
        assert_eq!(
            (&onward["x-request-id"], &onward["x-customer-id"]),
            (&HeaderValue::from_static("abc"), &HeaderValue::from_static("ann"),)
        );
        assert!(!onward.contains_key("traceparent"));
    }

    #[tokio::test]
    async fn an_identity_or_a_deadline_that_is_unclear_is_refused() {
        let rows = [
            (vec![("x-customer-id", "ann"), ("x-customer-id", "ann")], "UNAUTHENTICATED"),
            (vec![("x-customer-id", "a b")], "UNAUTHENTICATED"),
            (vec![("grpc-timeout", "1S"), ("grpc-timeout", "2S")], "INVALID_ARGUMENT"),
            (vec![("grpc-timeout", "soon")], "INVALID_ARGUMENT"),
        ];
        for (given, code) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in &given {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let status = Call::accept(&headers, &RequestIds::new()).unwrap_err();
            assert_eq!(crate::status::name(status.code()), code, "{given:?}");
        }
    }
}
