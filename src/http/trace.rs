//! Around every request: its id, a span and one line in the log, its figures, and the headers that every answer has.
//!
//! `X-Request-Id` is the client's where it is well formed ([`id_of`]), else one of ours; the answer gives it back, a problem repeats it
//! (`requete`), and every line of the log that the request causes has it: an editor who reports a failure names it. The log has method,
//! route, path, status, code and duration: never a query, a header beside that one, or a body.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;
use tracing::Instrument;
use uuid::Uuid;

use super::Node;
use super::problem::ProblemCode;
use super::request::Unread;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that a client may give, in characters: a UUID or a W3C trace id, with room.
const ID_CHARS_MAX: usize = 64;

/// What is said of a path that is no route.
const NO_ROUTE: &str = "aucune";

tokio::task_local! {
    /// The id of the request under way.
    static REQUEST_ID: String;
}

/// The id of the request that this task answers, if it answers one.
pub(super) fn current_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// The client's id: one header of 1 to [`ID_CHARS_MAX`] letters, digits, `-`, `_`, `.`; else a new one. It stands in the log and in
/// answers, hence nothing else.
fn id_of(headers: &HeaderMap) -> String {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    let is_plain = |text: &&str| {
        (1..=ID_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match (given.next().and_then(|value| value.to_str().ok()).filter(is_plain), given.next()) {
        (Some(id), None) => id.to_owned(),
        _ => Uuid::now_v7().to_string(),
    }
}

/// The middleware.
pub(super) async fn surround(State(node): State<Node>, request: Request, next: Next) -> Response<Body> {
    let request = Unread::around(request);
    let id = id_of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", id, %method, route, path = request.uri().path());
    let answer = async {
        let (start, under_way) = (Instant::now(), node.mesures.begins());
        let mut response = next.run(request).await;
        drop(under_way);
        let took = start.elapsed();
        node.mesures.answered(&method, &route, response.status(), took);
        let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = response.status().as_u16(), code, ms, "answered");
        dress(response.headers_mut());
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// What every answer has, unless it says otherwise.
fn dress(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    // A page says more exactly what it needs.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    // Only what says otherwise may be kept by a cache.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_plain_id_is_the_clients() {
        let id = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            id_of(&headers)
        };
        let longest = "a".repeat(ID_CHARS_MAX);
        for good in ["1", "01990000-0000-7000-8000-000000000001", "mairie_42.a", longest.as_str()] {
            assert_eq!(id(&[good]), good);
        }
        let too_long = "a".repeat(ID_CHARS_MAX + 1);
        let bad: [&[&str]; 7] = [&[], &[""], &["a b"], &["é"], &["a;b"], &["a", "a"], &[&too_long]];
        for bad in bad {
            assert!(id(bad).parse::<Uuid>().is_ok(), "{bad:?}");
        }
    }
}
