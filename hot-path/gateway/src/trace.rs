//! The trace of a request that comes with none.

use http::HeaderValue;

/// A W3C trace context that begins here. It is not sampled: nobody records what we do.
pub(crate) fn made_traceparent() -> HeaderValue {
    let mut random = [0; 24];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    // An id of zeros alone is none.
    random[0] |= 1;
    random[16] |= 1;
    let ids = hex::encode(random);
    let (trace, span) = ids.split_at(32);
    HeaderValue::try_from(format!("00-{trace}-{span}-00")).expect("digits and letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_begins_here_has_its_own_ids() {
        let [one, other] = [(); 2].map(|()| made_traceparent().to_str().unwrap().to_owned());
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_ne!(one, other);
    }
}
