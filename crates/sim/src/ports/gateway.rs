//! The payment gateway of a process, on the model of the provider.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::ports::{GatewayError, PaymentGateway, RefundAnswer, RefundRequest};
use rand::RngExt;

use crate::{
    kernel::{Fault, Site},
    provider::{Manner, NAME, SharedProvider},
};

/// A process's way to the provider. Clones are the same way.
#[derive(Clone)]
pub struct GatewayPort {
    /// Where calls come from.
    pub site: Site,
    /// The provider of all.
    pub provider: Arc<SharedProvider>,
}

impl GatewayPort {
    /// The way from `site` to `provider`.
    #[must_use]
    pub fn new(site: Site, provider: Arc<SharedProvider>) -> Self {
        Self { site, provider }
    }

    /// What happens at the provider.
    fn asked(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        let kernel = &self.site.kernel;
        if kernel.strikes(Fault::RefundAway) {
            return Err(GatewayError::Transient("it is away".to_owned()));
        }
        let manner = kernel.draw(|rng| match rng.random_range(0..4_u32) {
            0 | 1 => Manner::Later,
            2 => Manner::AtOnce,
            _ => Manner::Silently,
        });
        let answer = self
            .provider
            .refund(request, manner)
            .map_err(|refused| GatewayError::Permanent(refused.0.to_owned()));
        if kernel.strikes(Fault::RefundUnanswered) {
            self.site.note(|| format!("refund {}: {answer:?}, and the answer is lost", request.id));
            return Err(GatewayError::Transient("its answer is lost".to_owned()));
        }
        answer
    }
}

#[async_trait]
impl PaymentGateway for GatewayPort {
    async fn refund(&self, request: &RefundRequest) -> Result<RefundAnswer, GatewayError> {
        if request.provider.as_str() != NAME {
            return Err(GatewayError::Permanent("no such provider".to_owned()));
        }
        self.site.hop("gateway.refund").await;
        let answer = self.asked(request);
        self.site.note(|| {
            let (id, amount) = (&request.id, request.amount);
            format!("gateway.refund {id} {amount:?}: {answer:?}")
        });
        self.site.hop("gateway.refund").await;
        answer
    }
}
