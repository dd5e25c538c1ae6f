//! `lmall.inventory.v1.Inventory`, answered.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use lmall_app::{
    failure::Failure,
    stock::{self, Inventory},
};
use lmall_domain::Sku;
use tonic::{Request, Response, Status};

use crate::{
    call::Call, details::Violations, pb::inventory as pb, server::call_of, status::status,
};

/// SKUs of one request: an order has 40 lines, a page of the catalogue 100 products.
pub const SKUS_MAX: usize = 100;

const _: () = assert!(SKUS_MAX >= lmall_domain::limits::ORDER_LINES_MAX);

/// SKUs of one request that are read at one time.
const READS_MAX: usize = 8;

/// What the server asks about stock.
#[async_trait]
pub trait Availability: Send + Sync {
    /// The stock of a SKU; `None` when it was never received.
    ///
    /// # Errors
    /// When it cannot be read now.
    async fn level(&self, call: &Call, sku: &Sku) -> Result<Option<stock::Level>, Failure>;
}

#[async_trait]
impl Availability for Inventory {
    async fn level(&self, _call: &Call, sku: &Sku) -> Result<Option<stock::Level>, Failure> {
        Self::level(self, sku).await
    }
}

/// The server on an [`Availability`].
pub(crate) struct Server<A>(pub(crate) A);

#[async_trait]
impl<A: Availability + 'static> pb::inventory_server::Inventory for Server<A> {
    async fn get_availability(
        &self,
        request: Request<pb::GetAvailabilityRequest>,
    ) -> Result<Response<pb::GetAvailabilityResponse>, Status> {
        let call = call_of(&request)?;
        let mut violations = Violations::default();
        let sku = violations.note("sku", request.get_ref().sku.parse::<Sku>());
        violations.refuse()?;
        let sku = sku.ok_or_else(|| Status::internal("no SKU"))?;
        let level = self.0.level(&call, &sku).await.map_err(|failure| status(&failure))?;
        let level = level.ok_or_else(|| Status::not_found("the SKU was never received"))?;
        let availability = Some(wire(&sku, level));
        Ok(Response::new(pb::GetAvailabilityResponse { availability }))
    }

    async fn batch_get_availability(
        &self,
        request: Request<pb::BatchGetAvailabilityRequest>,
    ) -> Result<Response<pb::BatchGetAvailabilityResponse>, Status> {
        let call = &call_of(&request)?;
        let skus = skus(&request.get_ref().skus)?;
        let read = |sku: Sku| async move {
            let level = self.0.level(call, &sku).await?;
            Ok::<_, Failure>((sku, level))
        };
        let read = stream::iter(skus).map(read).buffered(READS_MAX).try_collect::<Vec<_>>();
        let mut answer = pb::BatchGetAvailabilityResponse::default();
        for (sku, level) in read.await.map_err(|failure| status(&failure))? {
            match level {
                Some(level) => answer.availabilities.push(wire(&sku, level)),
                None => answer.unknown_skus.push(sku.to_string()),
            }
        }
        Ok(Response::new(answer))
    }
}

/// # Errors
/// `INVALID_ARGUMENT` when there is none, there are too many, or one is none or there twice.
fn skus(texts: &[String]) -> Result<Vec<Sku>, Status> {
    let mut violations = Violations::default();
    if !(1..=SKUS_MAX).contains(&texts.len()) {
        let count = texts.len();
        violations.add("skus", format!("must have 1 to {SKUS_MAX} SKUs, not {count}"));
        violations.refuse()?;
    }
    let (mut skus, mut seen) = (Vec::with_capacity(texts.len()), BTreeSet::new());
    for (index, text) in texts.iter().enumerate() {
        let field = format!("skus[{index}]");
        match violations.note(field.as_str(), text.parse::<Sku>()) {
            Some(sku) if seen.insert(sku.clone()) => skus.push(sku),
            Some(_) => violations.add(field, "is there twice"),
            None => {}
        }
    }
    violations.refuse()?;
    Ok(skus)
}

fn wire(sku: &Sku, level: stock::Level) -> pb::Availability {
    let stock::Level { available, reserved, sold } = level;
    pb::Availability { sku: sku.to_string(), available, reserved, sold }
}
