//! Bodies that nobody read.
//!
//! A client that is still sending when its connection ends sees a reset and not the answer. So
//! what a refusal left unread is read and dropped, up to a limit; past it, the answer says that
//! the connection ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request};
use bytes::Bytes;
use http::header;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use crate::extract::BODY_LEN_MAX;

/// Bodies up to this size have arrived with their head, or are read by hyper itself.
const SMALL_LEN_MAX: u64 = 16 * 1024;

/// Bytes read and dropped before the client is cut off.
const DRAIN_LEN_MAX: usize = 16 * BODY_LEN_MAX;

/// How long that may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// The body of a request, while its handler has it, and after.
pub(crate) struct Unread(Arc<Mutex<Body>>);

impl Unread {
    /// Keeps hold of a body that may be large; `None` for all others, and for those that the
    /// client sends only when asked to.
    pub(crate) fn watch(request: &mut Request) -> Option<Self> {
        let hint = request.body().size_hint();
        let large = hint.upper().is_none_or(|len| len > SMALL_LEN_MAX);
        if !large || request.headers().contains_key(header::EXPECT) {
            return None;
        }
        let body = Arc::new(Mutex::new(std::mem::take(request.body_mut())));
        *request.body_mut() = Body::new(Lent(Arc::clone(&body)));
        Some(Self(body))
    }

    /// Reads what is left; `false` when that is too much.
    pub(crate) async fn drain(self) -> bool {
        let mut body = std::mem::take(&mut *self.0.lock());
        let drained = async {
            let mut left = DRAIN_LEN_MAX;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                let len = frame.data_ref().map_or(0, Bytes::len);
                let Some(less) = left.checked_sub(len) else { return false };
                left = less;
            }
            true
        };
        tokio::time::timeout(DRAIN_TIME_MAX, drained).await.unwrap_or(false)
    }
}

/// The same body, in the hands of the handler.
struct Lent(Arc<Mutex<Body>>);

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}
