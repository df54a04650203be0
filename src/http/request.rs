//! Reading requests: paths, queries, tokens, bodies, each bounded and each with its problem; and work that may block.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, EXPECT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use greffe_events::{Code, Refusal};
use hyper::body::{Frame, SizeHint};
use serde::de::DeserializeOwned;
use tracing::Span;

use super::bounds::{BODY_SILENCE_MAX, DRAIN_BYTES_MAX};
use super::problem::{Cause, Problem};
use super::{App, Node};
use crate::web::Sessions;

impl Node {
    /// What is served.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Who has come in to read pages.
    pub(crate) fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Runs what reads a disk or computes, on a thread where that may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (app, span) = (self.app.clone(), Span::current());
        let place = Arc::clone(&self.limits.threads).acquire_owned().await;
        let place = place.map_err(|error| Problem::internal(&error))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = span.in_scope(|| work(&app));
            drop(place);
            done
        })
        .await;
        done.unwrap_or_else(|error| Err(Problem::internal(&error)))
    }
}

/// A header that may stand once, as text.
pub(crate) fn single_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let wrong = || Problem::new(Cause::HeaderInvalid, "the header stands once, in ASCII").at(name.as_str());
    let value = values.next().map(|value| value.to_str().map_err(|_| wrong())).transpose()?;
    if values.next().is_some() { Err(wrong()) } else { Ok(value) }
}

/// The query, as a type that knows all its parameters (`deny_unknown_fields`): a filter misspelt must not filter nothing.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|error| wrong_query(&error))
    }
}

/// Longest name of a parameter that is told back, in characters: longer than any of ours.
const NAME_CHARS_MAX: usize = 40;

/// Which parameter is wrong: one whose value is of another type, that is missing, not known, or there twice.
fn wrong_query(error: &QueryRejection) -> Problem {
    type Wrong = serde_path_to_error::Error<serde::de::value::Error>;
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let Some(wrong) = causes.find_map(|cause| cause.downcast_ref::<Wrong>()) else {
        return Problem::internal(error);
    };
    let (path, why) = (wrong.path().to_string(), wrong.inner().to_string());
    // serde names it in the sentence alone: missing field `budget`.
    let in_sentence = || why.split_once(" field `").and_then(|(_, rest)| rest.split('`').next().map(str::to_owned));
    let name = in_sentence().unwrap_or(path);
    let problem = bad_parameter(name.as_str(), format!("{name}: {why}"));
    problem.at(name.chars().take(NAME_CHARS_MAX).collect::<String>())
}

/// A parameter of the query in its domain's type.
pub(super) fn parameter<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|error: T::Err| bad_parameter(name, error.to_string()))).transpose()
}

/// A parameter of the query is wrong.
pub(super) fn bad_parameter(name: &str, detail: impl Into<String>) -> Problem {
    // A detail may quote the query: bounded as a refusal's is.
    Problem::new(Cause::QueryInvalid, Refusal::new(Code::DataInvalid, detail).detail).at(name)
}

/// The index in a path: a decimal number in its one spelling. Anything else names nothing.
pub(crate) fn index_in_path(text: &str) -> Result<u64, Problem> {
    text.parse::<u64>().ok().filter(|index| index.to_string() == text).ok_or_else(Problem::not_found)
}

/// Which of our media types the client likes best (RFC 9110 §12.5.1); `ours` in order of our own preference.
///
/// Where two please equally the first of ours is it; a missing header pleases all.
pub(super) fn negotiate(headers: &HeaderMap, ours: &[&'static str]) -> Result<&'static str, Problem> {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = accept.join(",");
    let ranges: Vec<(&str, u16)> = accept.split(',').filter_map(media_range).collect();
    if ranges.is_empty() {
        return ours.first().copied().ok_or_else(|| Problem::internal(&"nothing to negotiate"));
    }
    let quality = |media_type: &str| {
        let family = media_type.split('/').next().unwrap_or_default();
        let precision = |range: &str| match range.split_once('/') {
            Some(("*", "*")) => Some(0),
            Some((wanted, "*")) if wanted.eq_ignore_ascii_case(family) => Some(1),
            _ => range.eq_ignore_ascii_case(media_type).then_some(2),
        };
        // The most precise range that matches decides.
        let matching = ranges.iter().filter_map(|(range, quality)| Some((precision(range)?, *quality)));
        matching.max_by_key(|(precision, _)| *precision).map_or(0, |(_, quality)| quality)
    };
    // `max_by_key` keeps the last of equals: hence from the end.
    let best = ours.iter().rev().max_by_key(|media_type| quality(media_type)).copied();
    best.filter(|media_type| quality(media_type) > 0)
        .ok_or_else(|| Problem::new(Cause::NotAcceptable, format!("this is {}", ours.join(" or "))))
}

/// One element of `Accept`, and its weight in thousandths.
fn media_range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let thousandths = match weight.map(|weight| weight.split_once('.').unwrap_or((weight, ""))) {
        None | Some(("1", _)) => 1_000,
        Some(("0", decimals)) => format!("{decimals:0<3.3}").parse().ok()?,
        Some(_) => return None,
    };
    Some((range, thousandths))
}

/// The next bytes of a body; none at its end.
pub(super) async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        match tokio::time::timeout(BODY_SILENCE_MAX, frame).await {
            Err(_) => return Err(too_slow()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(Problem::new(Cause::BodyIncomplete, "the connection broke within the body"));
            }
            Ok(Some(Ok(frame))) => {
                // Trailers say nothing to us.
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// The body came too slowly.
pub(super) fn too_slow() -> Problem {
    Problem::new(Cause::BodyTimeout, "send the body faster")
}

/// A whole body of at most `bytes_max`, within `wait_max`.
pub(crate) async fn whole_body(mut body: Body, bytes_max: usize, wait_max: Duration) -> Result<Vec<u8>, Problem> {
    let read = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = next_chunk(&mut body).await? {
            if bytes.len() + chunk.len() > bytes_max {
                drain(&mut body, DRAIN_BYTES_MAX).await;
                return Err(too_large(bytes_max as u64));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(wait_max, read).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Reads on for a while, so that the client comes to read the answer.
pub(super) async fn drain(body: &mut Body, bytes_max: usize) {
    let mut drained = 0;
    while drained < bytes_max {
        match next_chunk(body).await {
            Ok(Some(chunk)) => drained += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

/// A small body. What of it nobody has read when it is dropped, as where a request is refused for its head, is read then and
/// forgotten: a connection that ends with bytes unread loses the answer on its way.
pub(super) struct Unread(Option<Body>);

impl Unread {
    /// Puts it into a request that announces a small body and waits for no leave to send it.
    pub(super) fn around(request: Request) -> Request {
        let length = announced_length(request.headers()).and_then(|length| usize::try_from(length).ok());
        let is_small = length.is_some_and(|length| (1..=DRAIN_BYTES_MAX).contains(&length));
        if !is_small || request.headers().contains_key(EXPECT) {
            return request;
        }
        request.map(|body| Body::new(Self(Some(body))))
    }
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(SizeHint::new, HttpBody::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) {
            tokio::spawn(async move {
                // Told or not, it ends here.
                let _ = tokio::time::timeout(BODY_SILENCE_MAX, drain(&mut body, DRAIN_BYTES_MAX)).await;
            });
        }
    }
}

/// More bytes than are taken.
pub(super) fn too_large(bytes_max: u64) -> Problem {
    Problem::refused(Refusal::new(Code::TooLarge, format!("at most {bytes_max} bytes are taken here")), None)
}

/// The length that the client announces.
pub(super) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_client_gets_the_type_it_likes_best() {
        const OURS: [&str; 2] = ["application/json", "text/plain"];
        let table = [
            (None, Some(OURS[0])),
            (Some(""), Some(OURS[0])),
            (Some("*/*"), Some(OURS[0])),
            (Some("text/plain"), Some(OURS[1])),
            (Some("text/*"), Some(OURS[1])),
            (Some("TEXT/Plain;q=0.5"), Some(OURS[1])),
            (Some("text/plain;q=0.5, application/json;q=0.4"), Some(OURS[1])),
            (Some("text/plain;q=0.5, */*;q=0.6"), Some(OURS[0])),
            (Some("application/json;q=0, */*"), Some(OURS[1])),
            (Some("text/html, application/xhtml+xml"), None),
            (Some("*/*;q=0"), None),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(negotiate(&headers, &OURS).ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn an_index_has_one_spelling() {
        assert_eq!(index_in_path("18446744073709551615").ok(), Some(u64::MAX));
        for bad in ["", "-1", "+1", "01", "1 ", "0x1", "18446744073709551616", "é"] {
            assert!(index_in_path(bad).is_err(), "{bad}");
        }
    }
}
