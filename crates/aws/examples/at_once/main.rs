//! A stand-in for DynamoDB, SQS, the relay and Parameter Store that answers at once, for
//! `scripts/cpu-per-order --at-once`: what an order costs our own processes on a busy task, where
//! no local stack gets to.
//!
//! `at_once PARAMETERS` prints its address, and serves until it is killed. PARAMETERS is a JSON
//! object of names and values. It knows the requests that LMall sends on an order's way, and
//! nothing else: it tests nothing, and what it does not know is refused. An event that is
//! committed is in the queues at once.

#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]
#![expect(clippy::indexing_slicing, reason = "a JSON value that lacks a member gives null")]

mod queues;
mod tables;

use std::{collections::HashMap, env, fs, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use queues::Queues;
use tables::{Refused, Tables};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Stack {
    parameters: HashMap<String, String>,
    queues: Queues,
    tables: Tables,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let path = env::args().nth(1).ok_or("at_once PARAMETERS")?;
    let parameters = serde_json::from_slice(&fs::read(path)?)?;
    let queues = Queues::new();
    let stack = Stack { parameters, tables: Tables::new(queues.clone()), queues };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let router = Router::new().fallback(answer).with_state(Arc::new(stack));
    Ok(axum::serve(listener, router).await?)
}

async fn answer(State(stack): State<Arc<Stack>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = match operation {
        "GetParameter" => stack.parameter(&request),
        "ReceiveMessage" => Ok(stack.receive(&request).await),
        "DeleteMessageBatch" => Ok(stack.queues.delete(&request)),
        "ChangeMessageVisibility" => Ok(stack.queues.release(&request)),
        _ => stack.tables.answer(operation, &request),
    };
    let (status, body) = match said {
        Ok(body) => (StatusCode::OK, body),
        Err(Refused(body)) => (StatusCode::BAD_REQUEST, body),
    };
    let head = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amzn-requestid", "M0UUNRCN0KKGE3DAK0I2U5VCFVVV4KQNSO5AEMVJF66Q9ASUAAJG"),
    ];
    (status, head, body.to_string()).into_response()
}

impl Stack {
    fn parameter(&self, request: &Value) -> Result<Value, Refused> {
        let value = request["Name"].as_str().and_then(|name| self.parameters.get(name));
        value
            .map(|value| json!({ "Parameter": { "Value": value } }))
            .ok_or_else(|| Refused::because("ParameterNotFound"))
    }

    async fn receive(&self, request: &Value) -> Value {
        let wait = Duration::from_secs(request["WaitTimeSeconds"].as_u64().unwrap_or_default());
        let received = tokio::time::timeout(wait, self.queues.receive(request)).await;
        json!({ "Messages": received.unwrap_or_default() })
    }
}

/// The text that it is, or an empty one.
fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
