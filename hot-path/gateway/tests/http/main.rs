//! The gateway in front of services that do as the test says.

mod forwarding;
mod openapi;
mod support;
mod trouble;
