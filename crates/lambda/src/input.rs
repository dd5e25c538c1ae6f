//! What a function is called with: by the clock, or by hand.

use std::fmt;

use aws_lambda_events::event::cloudwatch_events::CloudWatchEvent;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::FunctionError;

/// A schedule's event, as EventBridge sends it when no input of its own is set. Nothing in it
/// matters: a job by the clock looks at the whole state each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick;

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger<T> {
    /// A schedule.
    Schedule,
    /// A person or a program, with this.
    Direct(T),
}

impl Tick {
    /// Reads a schedule's event.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read(input: Value) -> Result<Self, FunctionError> {
        if is_schedule(&input) {
            read::<CloudWatchEvent>(input)?;
            return Ok(Self);
        }
        let told = "this function takes the event of a schedule and nothing else";
        Err(FunctionError::BadInput(told.to_owned()))
    }
}

impl<T: DeserializeOwned> Trigger<T> {
    /// Reads a schedule's event or what a caller gave.
    ///
    /// # Errors
    /// When it is neither; the error names the field.
    pub fn read(input: Value) -> Result<Self, FunctionError> {
        if is_schedule(&input) {
            return Tick::read(input).map(|Tick| Self::Schedule);
        }
        read(input).map(Self::Direct)
    }
}

/// Reads what a caller gave.
///
/// # Errors
/// Names the field that is missing, wrong or unknown.
pub fn read<T: DeserializeOwned>(input: Value) -> Result<T, FunctionError> {
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let place: &dyn fmt::Display = if path == "." { &"the input" } else { &path };
        FunctionError::BadInput(format!("{place}: {}", error.inner()))
    })
}

fn is_schedule(input: &Value) -> bool {
    let field = |name| input.get(name).and_then(Value::as_str);
    field("source") == Some("aws.events") && field("detail-type") == Some("Scheduled Event")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        filter: Filter,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        queue: u8,
    }

    #[test]
    fn a_bad_input_is_refused_by_the_name_of_its_field() {
        for (input, named) in [
            (json!({"filter": {"queue": "x"}}), "filter.queue: invalid type"),
            (json!({"filter": {"queue": 1, "colour": 2}}), "filter.colour: unknown field"),
            (json!({"filter": {}}), "filter: missing field `queue`"),
            (json!({}), "the input: missing field `filter`"),
            (json!([]), "the input: "),
            (json!(null), "the input: "),
            (json!({"source": "aws.events", "detail-type": "Other"}), "detail-type: unknown field"),
        ] {
            let error = Trigger::<Wish>::read(input.clone()).expect_err("it is bad").to_string();
            assert!(error.starts_with(named), "{input} gives: {error}");
        }
    }

    #[test]
    fn only_a_schedule_is_a_tick() {
        let schedule = json!({"version": "0", "id": "53dc4d37", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "123456789012", "time": "2026-01-14T10:30:00Z",
            "region": "eu-central-1", "resources": [], "detail": {}});
        assert_eq!(Tick::read(schedule.clone()), Ok(Tick));
        assert_eq!(Trigger::<Wish>::read(schedule), Ok(Trigger::Schedule));
        for other in [json!({}), json!({"source": "aws.s3"}), json!("tick"), json!(null)] {
            assert!(Tick::read(other.clone()).is_err(), "{other}");
        }
    }
}
