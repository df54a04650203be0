//! Entity tags (RFC 9110 §8.8.3): who asks again for what it has gets 304 and no body.
//!
//! | answer | its tag is made of |
//! |---|---|
//! | a page or a row of a view | the view's position, the whole address, the form, and what the reader may see: known before anything is read |
//! | the same where the clock has a say (keys in force, tenders still open) | the bytes |
//! | tiles, leaves, receipts, the OpenAPI description | the bytes |
//!
//! Tags are strong: one tag, the same bytes. So a compressed body has a tag of its own, the suffix telling how it is compressed, and either
//! is taken for a match (§8.8.1 asks a weak comparison for `If-None-Match`). A view's tag holds a mark of this run of the node: another
//! version may write the same row otherwise, and a tag of it can't be guessed. Nothing here lets a cache in between keep an answer: that
//! is `Cache-Control`'s matter, and most answers say `no-store`.

use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// Bytes of the digest that a tag holds: no two answers of one address ever share one.
const TAG_BYTES: usize = 16;

/// Most tags of one request that are looked at: whoever sends more gets the whole answer.
const TAGS_MAX: usize = 32;

/// What may stand after a tag: how its body is compressed.
const SUFFIXES: [&str; 2] = ["-gzip", "-zstd"];

/// A strong tag, its quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Etag(String);

impl Etag {
    /// The tag of these bytes, each part with its length.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(format!("\"{}\"", BASE64URL_NOPAD.encode(&digest.finalize()[..TAG_BYTES])))
    }

    /// Puts it on an answer.
    pub(super) fn tag(&self, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }

    /// The answer to who has it, where `known` names it: 304, with the tag that it has.
    pub(super) fn unchanged(&self, known: &Known) -> Option<Response> {
        let tag = known.tags.iter().find(|tag| bare(tag) == bare(&self.0))?;
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().insert(ETAG, HeaderValue::from_str(tag.trim_start_matches("W/")).ok()?);
        Some(response)
    }
}

/// JSON with the tag of its bytes.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
    Ok(bytes_as("application/json", bytes))
}

/// A body with the tag of its bytes.
pub(crate) fn bytes_as(content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let bytes = bytes.into();
    Etag::of(&[content_type.as_bytes(), &bytes]).tag(([(CONTENT_TYPE, content_type)], bytes).into_response())
}

/// The tag without its suffix and its mark of weakness.
fn bare(tag: &str) -> &str {
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    SUFFIXES.iter().find_map(|suffix| tag.strip_suffix(suffix)).unwrap_or(tag)
}

/// What the client says it has. A header that is none is as if it were not there: the whole answer is never wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    tags: Vec<String>,
    any: bool,
}

impl Known {
    /// Of `If-None-Match`, in however many lines.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut known = Self::default();
        for value in headers.get_all(IF_NONE_MATCH) {
            let Some(tags) = value.to_str().ok().and_then(read) else { return Self::default() };
            match tags {
                None => known.any = true,
                Some(tags) => known.tags.extend(tags),
            }
        }
        if known.tags.len() > TAGS_MAX { Self::default() } else { known }
    }
}

/// The tags of a header, none for `*`; nothing where it is malformed. A tag may hold a comma.
#[allow(clippy::option_option, reason = "malformed, any, or these")]
fn read(text: &str) -> Option<Option<Vec<String>>> {
    let mut rest = text.trim();
    if rest == "*" {
        return Some(None);
    }
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let (mark, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => ("W/", quoted),
            None => ("", rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(format!("{mark}\"{tag}\""));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(rest) => rest.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(Some(tags))
}

/// Turns a 200 that the client has into 304, and names a compressed body by a tag of its own.
pub(super) async fn compare(request: Request, next: Next) -> Response {
    let known = Known::of(request.headers());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    let Some(tag) = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(ToOwned::to_owned) else {
        return response;
    };
    if !reads || response.status() != StatusCode::OK {
        return response;
    }
    let encoding = response.headers().get(CONTENT_ENCODING).and_then(|encoding| encoding.to_str().ok());
    let tag = match encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", tag.trim_matches('"')),
        None => tag,
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, value);
    }
    let has_it = Etag(tag).unchanged(&known);
    if has_it.is_none() && !known.any {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    for of_the_body in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        parts.headers.remove(of_the_body);
    }
    if let Some(tag) = has_it.and_then(|mut unchanged| unchanged.headers_mut().remove(ETAG)) {
        parts.headers.insert(ETAG, tag);
    }
    Response::from_parts(parts, Body::empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn known(lines: &[&str]) -> Known {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_NONE_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        Known::of(&headers)
    }

    #[test]
    fn only_what_names_the_tag_matches_it() {
        let etag = Etag("\"abc\"".to_owned());
        let table: [(&[&str], bool); 17] = [
            (&[], false),
            (&["\"abc\""], true),
            (&["W/\"abc\""], true),
            (&["\"abc-gzip\""], true),
            (&["\"x\", \"a,b\" ,\"abc-zstd\""], true),
            (&["\"x\"", "\"abc\""], true),
            (&["\"abc-br\""], false),
            (&["\"ABC\""], false),
            // Any is for who knows that there is something: the answer itself tells that.
            (&["*"], false),
            // Malformed: as if it were not there.
            (&["abc"], false),
            (&["\"abc"], false),
            (&["\"abc\" \"abc\""], false),
            (&["\"abc\", oui"], false),
            (&["w/\"abc\""], false),
            (&["\"abc\"", "é"], false),
            (&[""], false),
            (&[","], false),
        ];
        for (lines, matches) in table {
            let answer = etag.unchanged(&known(lines));
            assert_eq!(answer.is_some(), matches, "{lines:?}");
            if let Some(answer) = answer {
                assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
                assert!(lines.iter().any(|line| line.contains(answer.headers()[ETAG].to_str().unwrap())));
            }
        }
        assert_eq!(known(&["\"abc\",".repeat(TAGS_MAX + 1).as_str()]), Known::default());
        assert!(known(&["*"]).any);
    }

    #[test]
    fn no_two_lists_of_parts_have_one_tag() {
        let tags = [Etag::of(&[b"ab", b"c"]), Etag::of(&[b"a", b"bc"]), Etag::of(&[b"abc"]), Etag::of(&[b"abc", b""])];
        for (n, tag) in tags.iter().enumerate() {
            assert!(!tags[..n].contains(tag));
        }
    }
}
