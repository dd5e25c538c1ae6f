//! The door: who calls, how often they may, and what services are told of it.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use lmall_domain::CustomerId;
use lmall_web::{Problem, extract::X_CUSTOMER_ID};

use crate::{
    address::{self, X_FORWARDED_FOR},
    counters::Counters,
    headers::strip_hop_by_hop,
    identity::{
        Caller, Identity, Unidentified, assert_caller, client_address_header, strip_claims,
    },
    limits::{Limiter, Verdict},
    service::Class,
};

/// The challenge of RFC 6750, section 3, to a token that proves nothing.
const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";

/// The door.
pub(crate) struct Edge {
    pub(crate) identity: Identity,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) trusted_proxies: usize,
    pub(crate) counters: Counters,
}

impl Edge {
    /// Lets a request in, as services are to see it; or the answer that it gets here. How much is
    /// left of its limits is to be shown in its answer.
    pub(crate) async fn admit(
        &self,
        class: Class,
        request: &mut Request,
    ) -> Result<Option<Verdict>, Response> {
        let address =
            address::client(request.extensions(), request.headers(), self.trusted_proxies);
        // Before anything of ours is in there: a client may name any header in `Connection`.
        strip_hop_by_hop(request.headers_mut());
        let caller = self.caller(class, request).await;
        let customer = caller.as_ref().ok().and_then(Option::as_ref).map(|caller| match caller {
            Known::Proven(caller) => &caller.customer,
            Known::Claimed(customer) => customer,
        });
        let verdict = match &self.limiter {
            Some(limiter) => limiter
                .check(class, address, customer)
                .await
                .map_err(|_| Problem::unavailable().into_response())?,
            None => None,
        };
        if let Some(verdict) = verdict.filter(|verdict| !verdict.is_admitted()) {
            self.counters.limited(class, verdict.subject);
            let mut response = verdict.problem().into_response();
            verdict.show(response.headers_mut());
            return Err(response);
        }
        let caller = caller.map_err(|why| self.refused(why))?;
        let headers = request.headers_mut();
        if let Some(Known::Proven(caller)) = &caller {
            assert_caller(headers, caller);
            // It has served its purpose, and is not to lie in any other log.
            headers.remove(header::AUTHORIZATION);
        }
        client_address_header(headers, address);
        let address = HeaderValue::try_from(address.to_string()).expect("digits and colons");
        headers.insert(X_FORWARDED_FOR, address);
        Ok(verdict)
    }

    /// Who calls; whatever the client says of itself is gone afterwards.
    async fn caller(
        &self,
        class: Class,
        request: &mut Request,
    ) -> Result<Option<Known>, Unidentified> {
        let headers = request.headers_mut();
        match &self.identity {
            Identity::Direct => {
                let claimed =
                    headers.get(X_CUSTOMER_ID).and_then(|id| id.to_str().ok()?.parse().ok());
                Ok(claimed.map(Known::Claimed))
            }
            Identity::Token(verifier) => {
                strip_claims(headers);
                if class == Class::Webhook {
                    return Ok(None);
                }
                let proven = verifier.identify(headers).await?;
                Ok(proven.map(Known::Proven))
            }
        }
    }

    fn refused(&self, why: Unidentified) -> Response {
        self.counters.unidentified(why);
        let mut response = why.problem().into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(INVALID_TOKEN);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A customer who calls.
enum Known {
    /// So says their token.
    Proven(Caller),
    /// So they say.
    Claimed(CustomerId),
}
