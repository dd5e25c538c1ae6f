//! What revocations promise.

use std::time::Duration;

use lmall_app::ports::Revocations;
use lmall_domain::{Timestamp, id::SessionId};

/// A session that was revoked is void until then, and no other one is.
///
/// # Panics
/// When that is not so.
pub async fn revoked_until(revocations: &dyn Revocations, now: Timestamp) {
    let id = |text: &str| text.parse::<SessionId>().expect("a session id");
    let is_revoked = async |text: &str| revocations.is_revoked(&id(text)).await.expect("an answer");
    let revoke = async |text: &str, until| {
        revocations.revoke(&id(text), until).await.expect("a revocation");
    };
    assert!(!is_revoked("ses_a").await);
    let until = now.after(Duration::from_secs(600));
    // Repeated, as after an answer that was lost.
    revoke("ses_a", until).await;
    revoke("ses_a", until).await;
    assert!(is_revoked("ses_a").await);
    assert!(!is_revoked("ses_b").await, "another one");
    revoke("ses_b", now.before(Duration::from_secs(1))).await;
    assert!(!is_revoked("ses_b").await, "it has ended by itself");
}
