//! Each rule of each extractor, as rows.

use http::Request;
use lmall_web::{
    extract::BODY_LEN_MAX,
    testing::{Answer, OPERATOR_TOKEN},
};

use crate::support::{get_request, send};

/// Headers, the status, and the body of a 200 or else the kind of problem.
type Row<'row> = (&'row [(&'row str, &'row str)], u16, &'row str);

/// Sends rows of headers to `path`, and compares status and, of a 200, body.
async fn check(path: &str, rows: &[Row<'_>]) {
    for (headers, status, text) in rows {
        let answer = send(get_request(path, headers), "").await;
        assert_eq!(answer.status, *status, "{headers:?}: {answer:?}");
        if *status == 200 {
            assert_eq!(answer.text, *text, "{headers:?}");
        } else {
            assert_eq!(answer.problem().kind, format!("/problems/{text}"), "{headers:?}");
        }
    }
}

async fn post_json(body: impl Into<axum::body::Body>) -> Answer {
    send(Request::post("/json").header("content-type", "application/json"), body).await
}

#[tokio::test]
async fn a_body_of_the_right_shape_is_taken() {
    let answer = post_json(r#"{"lines":[{"sku":"tea","quantity":2}],"note":{"x":"ü"}}"#).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "2xtea {\"x\":\"ü\"}"));
}

#[tokio::test]
async fn what_is_not_json_is_malformed() {
    let deep = format!(r#"{{"lines":[],"note":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let rows: [&[u8]; 9] = [
        b"",
        b"{",
        b"nope",
        b"{\"lines\":[]} x",
        b"{\"lines\":[],}",
        b"{\"lines\":[],\"note\":\"\xff\"}",
        b"{\"lines\":[],\"\xff\":1}",
        b"\xef\xbb\xbf{\"lines\":[]}",
        deep.as_bytes(),
    ];
    for body in rows {
        let answer = post_json(body.to_vec()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]);
        assert_eq!(answer.status, 400, "{shown}: {answer:?}");
        assert_eq!(answer.problem().kind, "/problems/malformed", "{shown}");
    }
}

#[tokio::test]
async fn a_violation_names_its_place() {
    let rows = [
        (r#"{"lines":[{"sku":"a","quantity":"2"}]}"#, "/lines/0/quantity", "expected u32"),
        (r#"{"lines":[{"sku":"a","quantity":-1}]}"#, "/lines/0/quantity", "integer `-1`"),
        (r#"{"lines":[{"sku":"a","quantity":1.5}]}"#, "/lines/0/quantity", "1.5"),
        (r#"{"lines":[{"sku":"a","quantity":4294967296}]}"#, "/lines/0/quantity", "4294967296"),
        (r#"{"lines":[{"sku":"a"}]}"#, "/lines/0/quantity", "missing field"),
        (r#"{"lines":[{"sku":"a","qty":1}]}"#, "/lines/0/qty", "unknown field"),
        (r#"{"lines":[{"sku":"a","sku":"b"}]}"#, "/lines/0/sku", "duplicate field"),
        (r#"{"lines":[],"lines":[]}"#, "/lines", "duplicate field"),
        (r#" [[{"sku":"a","quantity":1}]]"#, "", "must be an object"),
        (r#"{"lines":[],"a/b":1}"#, "/a~1b", "unknown field"),
        (r#"{"lines":[5]}"#, "/lines/0", "expected an object"),
        (r#"{"lines":{}}"#, "/lines", "expected a sequence"),
        (r#"{"lines":null}"#, "/lines", "null"),
        ("{}", "/lines", "missing field"),
        ("5", "", "expected an object"),
        ("null", "", "expected an object"),
    ];
    for (body, pointer, detail) in rows {
        let answer = post_json(body).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        let problem = answer.problem();
        assert_eq!(problem.kind, "/problems/validation");
        let [violation] = problem.errors.as_slice() else { panic!("{body}: {problem:?}") };
        assert_eq!(violation.pointer, pointer, "{body}: {violation:?}");
        assert!(violation.detail.contains(detail), "{body}: {violation:?}");
        assert!(!violation.detail.contains("Line"), "{body}: {violation:?}");
    }
}

#[tokio::test]
async fn only_json_in_utf8_is_a_json_body() {
    let rows: [(&[&str], u16); 10] = [
        (&["application/json"], 200),
        (&["Application/JSON ; charset=\"UTF-8\""], 200),
        (&["application/json; x=1"], 200),
        (&[], 415),
        (&[""], 415),
        (&["text/plain"], 415),
        (&["application/jsonp"], 415),
        (&["application/problem+json"], 415),
        (&["application/json; charset=latin1"], 415),
        (&["application/json", "text/plain"], 415),
    ];
    for (types, status) in rows {
        let request =
            types.iter().fold(Request::post("/json"), |r, t| r.header("content-type", *t));
        let answer = send(request, r#"{"lines":[]}"#).await;
        assert_eq!(answer.status, status, "{types:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    for (path, status) in [("/raw", 200), ("/json", 400)] {
        for (len, expected) in [(BODY_LEN_MAX, status), (BODY_LEN_MAX + 1, 413)] {
            let request = || Request::post(path).header("content-type", "application/json");
            let whole = send(request(), vec![b'x'; len]).await;
            assert_eq!(whole.status, expected, "{path} {len}");
            let chunks = [vec![b'x'; 1_000], vec![b'x'; len - 1_000]];
            let chunks = futures_util::stream::iter(chunks.map(Ok::<_, std::io::Error>));
            let streamed = send(request(), axum::body::Body::from_stream(chunks)).await;
            assert_eq!(streamed.status, expected, "{path} {len} in chunks");
        }
    }
    let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("cut off"))]);
    let answer = send(Request::post("/raw"), axum::body::Body::from_stream(broken)).await;
    assert_eq!(answer.problem().kind, "/problems/malformed");
}

#[tokio::test]
async fn a_query_is_well_encoded_and_of_its_type() {
    let rows = [
        ("", 200, "", ""),
        ("?limit=7", 200, "", ""),
        ("?limit=%37&cursor=a%20b", 200, "", ""),
        ("?limit=%zz", 400, "", ""),
        ("?limit=%3", 400, "", ""),
        ("?cursor=%ff", 400, "", ""),
        ("?limit=", 422, "/limit", "empty"),
        ("?limit=x", 422, "/limit", "invalid digit"),
        ("?limit=101", 422, "/limit", "between 1 and 100"),
        ("?limit=1&limit=2", 422, "/limit", "duplicate field"),
        ("?limt=1", 422, "/limt", "unknown field"),
    ];
    for (query, status, pointer, detail) in rows {
        let answer = send(get_request(&format!("/page{query}"), &[]), "").await;
        assert_eq!(answer.status, status, "{query}: {answer:?}");
        if status == 422 {
            let problem = answer.problem();
            let [violation] = problem.errors.as_slice() else { panic!("{query}: {problem:?}") };
            assert_eq!(violation.pointer, pointer, "{query}: {violation:?}");
            assert!(violation.detail.contains(detail), "{query}: {violation:?}");
        }
    }
}

#[tokio::test]
async fn a_path_that_does_not_parse_is_not_found() {
    for (path, kind) in [
        ("/number/x", "not-found"),
        ("/number/-1", "not-found"),
        ("/number/%ff", "not-found"),
        ("/number/%zz", "not-found"),
        ("/number/1/2", "not-found"),
        ("/misfit/1", "internal"),
    ] {
        let problem = send(get_request(path, &[]), "").await.problem();
        assert_eq!(problem.kind, format!("/problems/{kind}"), "{path}");
    }
    assert_eq!(send(get_request("/number/%37", &[]), "").await.text, "7");
}

#[tokio::test]
async fn a_customer_has_exactly_one_well_formed_id() {
    let (longest, too_long) = ("a".repeat(64), "a".repeat(65));
    let no = "unauthenticated";
    check(
        "/customer",
        &[
            (&[("X-Customer-Id", "Ann_1.b:c@d-e")], 200, "Ann_1.b:c@d-e"),
            (&[("x-customer-id", &longest)], 200, &longest),
            (&[], 401, no),
            (&[("x-customer-id", "")], 401, no),
            (&[("x-customer-id", &too_long)], 401, no),
            (&[("x-customer-id", "a b")], 401, no),
            (&[("x-customer-id", "a,b")], 401, no),
            (&[("x-customer-id", "ü")], 401, no),
            (&[("x-customer-id", "ann"), ("x-customer-id", "bob")], 401, no),
            (&[("x-customer-id", "ann"), ("x-customer-id", "ann")], 401, no),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_operator_shows_the_one_token() {
    let no = "forbidden";
    check(
        "/operator",
        &[
            (&[("x-operator-token", OPERATOR_TOKEN)], 200, ""),
            (&[], 401, "unauthenticated"),
            (&[("x-operator-token", "")], 403, no),
            (&[("x-operator-token", "opensesamE")], 403, no),
            (&[("x-operator-token", "opensesame1")], 403, no),
            (
                &[("x-operator-token", OPERATOR_TOKEN), ("x-operator-token", OPERATOR_TOKEN)],
                403,
                no,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_idempotency_key_is_optional_but_well_formed() {
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    let no = "invalid-idempotency-key";
    check(
        "/key",
        &[
            (&[], 200, "None"),
            (&[("idempotency-key", "!~")], 200, "Some(\"!~\")"),
            (&[("idempotency-key", &longest)], 200, &format!("Some({longest:?})")),
            (&[("idempotency-key", &too_long)], 400, no),
            (&[("idempotency-key", "")], 400, no),
            (&[("idempotency-key", "a b")], 400, no),
            (&[("idempotency-key", "ü")], 400, no),
            (&[("idempotency-key", "a"), ("idempotency-key", "a")], 400, no),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_wait_is_found_in_any_prefer_header() {
    check(
        "/wait",
        &[
            (&[], 200, "PreferWait(None)"),
            (&[("prefer", "respond-async"), ("Prefer", "Wait=3")], 200, "PreferWait(Some(3s))"),
            (&[("prefer", "ü"), ("prefer", "wait=99")], 200, "PreferWait(Some(10s))"),
        ],
    )
    .await;
}
