//! `POST /v1/ops/audit`.

use axum::{Json, extract::State};
use lmall_app::ops::audit::{Check, Report};
use lmall_web::{
    Operator, Problem,
    openapi::{Fault, OperatorRefused},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::office::Office;

/// What the audit found.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditReport {
    /// Whether every invariant holds.
    ok: bool,
    /// Whether nothing was under way; only then what must hold at rest was checked, too.
    at_rest: bool,
    /// By invariant.
    checks: Vec<AuditCheck>,
    /// What breaks no promise, and yet somebody should look at; the first few.
    notes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct AuditCheck {
    /// `I1` to `I8`.
    invariant: &'static str,
    title: &'static str,
    ok: bool,
    checked: u64,
    violations: Vec<String>,
}

/// Check every invariant on the live data.
///
/// It reads everything and changes nothing; it may take long.
#[utoipa::path(
    post,
    path = "/v1/ops/audit",
    operation_id = "run_audit",
    tag = "operations",
    security(("operator" = [])),
    responses(
        (status = 200, description = "what was found, well or not", body = AuditReport),
        OperatorRefused, Fault,
    ),
)]
pub(crate) async fn run(
    _: Operator,
    State(office): State<Office>,
) -> Result<Json<AuditReport>, Problem> {
    let Report { ok, at_rest, checks, notes } = office.auditor().run().await?;
    let checks = checks.into_iter().map(AuditCheck::from).collect();
    Ok(Json(AuditReport { ok, at_rest, checks, notes }))
}

impl From<Check> for AuditCheck {
    fn from(check: Check) -> Self {
        Self {
            invariant: check.invariant,
            title: check.title,
            ok: check.ok,
            checked: check.checked,
            violations: check.violations,
        }
    }
}
