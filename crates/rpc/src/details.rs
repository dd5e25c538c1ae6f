//! Where a request is wrong: `google.rpc.BadRequest`, in the details of a status.
//!
//! Four small messages of Google's `google/rpc/status.proto` and `error_details.proto`, written
//! out here: they have been frozen for years, and no crate of them follows our tonic.

use prost::Message;
use tonic::{Code, Status};

/// A place in a request, and what is wrong there.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Violation {
    /// Such as `lines[0].quantity`.
    #[prost(string, tag = "1")]
    pub(crate) field: String,
    /// For people.
    #[prost(string, tag = "2")]
    pub(crate) description: String,
}

#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Whole {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// The places that are wrong, collected.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    pub(crate) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Notes what is wrong with the value at this place, and goes on without it.
    pub(crate) fn note<T, E: ToString>(
        &mut self,
        field: impl Into<String>,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// # Errors
    /// `INVALID_ARGUMENT` that names them all, if there are any.
    pub(crate) fn refuse(&self) -> Result<(), Status> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let message = format!("{}: {}", first.field, first.description);
        let bad = BadRequest { field_violations: self.0.clone() };
        let any = Any {
            type_url: "type.googleapis.com/google.rpc.BadRequest".to_owned(),
            value: bad.encode_to_vec(),
        };
        let code = Code::InvalidArgument;
        let whole = Whole { code: code.into(), message: message.clone(), details: vec![any] };
        Err(Status::with_details(code, message, whole.encode_to_vec().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_named_as_google_does() {
        let mut violations = Violations::default();
        assert!(violations.note("sku", "tea".parse::<lmall_domain::Sku>()).is_some());
        assert_eq!(violations.note("skus[1]", "a b".parse::<lmall_domain::Sku>()), None);
        violations.add("skus[2]", "is there twice");
        let status = violations.refuse().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with("skus[1]: a SKU must be"), "{status:?}");
        let whole = Whole::decode(status.details()).unwrap();
        assert_eq!(whole.code, 3);
        let bad = BadRequest::decode(&*whole.details[0].value).unwrap();
        let fields: Vec<_> = bad.field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["skus[1]", "skus[2]"]);
    }
}
