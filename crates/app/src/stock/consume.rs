//! What orders say to inventory.

use async_trait::async_trait;
use lmall_domain::event::{Event, Service};

use super::Inventory;
use crate::{
    consumer::{Consumer, HandleError, Incoming},
    topology::Queue,
};

#[async_trait]
impl Consumer for Inventory {
    fn queue(&self) -> Queue {
        Queue::Inventory
    }

    async fn handle(&self, incoming: Incoming) -> Result<(), HandleError> {
        match &incoming.envelope.event {
            Event::OrderCreated(created) => self.reserve(&incoming, created).await?,
            Event::OrderConfirmed(_) => self.confirm(&incoming).await?,
            Event::OrderCancelRequested(_) => self.cancel(&incoming).await?,
            Event::OrderCanceled(_)
            | Event::OrderRefundRequested(_)
            | Event::InventoryReserved(_)
            | Event::InventoryRejected(_)
            | Event::InventoryReleased(_)
            | Event::InventoryConfirmed(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentFailed(_)
            | Event::PaymentRefunded(_)
            | Event::ProductChanged(_)
            | Event::CustomerMailRequested(_)
            | Event::CustomerMerged(_)
            | Event::CustomerErased(_) => {
                return Err(incoming.not_consumed_by(Service::Inventory));
            }
        }
        Ok(())
    }
}
