//! Which web pages of other sites may read answers (CORS): none, unless the operator names them (`--cors-origin`).
//!
//! Programs are not concerned: only browsers ask. A named page sends a reader's token as any program does; there are no cookies.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use thiserror::Error;
use tower_http::cors::CorsLayer;

/// How long a browser keeps what it was told.
const MAX_AGE: Duration = Duration::from_hours(1);

/// A site as browsers name it: `https://portail.exemple.fr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site(HeaderValue);

/// Not a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("un site s'écrit https://portail.exemple.fr, sans chemin ; * n'en est pas un")]
pub struct SiteError;

impl FromStr for Site {
    type Err = SiteError;

    /// The one spelling that a browser sends (RFC 6454 §6.2): anything else would never match, and nobody would know why.
    fn from_str(text: &str) -> Result<Self, SiteError> {
        let uri: Uri = text.parse().map_err(|_| SiteError)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(SiteError) };
        let is_default = matches!((scheme, authority.port_u16()), ("https", Some(443)) | ("http", Some(80)));
        let spelling = format!("{scheme}://{authority}");
        let holds = matches!(scheme, "http" | "https")
            && !is_default
            && !authority.host().contains('*')
            && !authority.as_str().contains('@')
            && spelling == text
            && text == text.to_ascii_lowercase();
        HeaderValue::from_str(text).ok().filter(|_| holds).map(Self).ok_or(SiteError)
    }
}

/// Opens the API to these sites; where there are none, to none.
pub(super) fn layer(sites: &[Site]) -> Option<CorsLayer> {
    let greffe = |name| HeaderName::from_static(name);
    (!sites.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(sites.iter().map(|site| site.0.clone()).collect::<Vec<_>>())
            .allow_methods([Method::GET, Method::POST, Method::PUT])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_NONE_MATCH,
                greffe("last-event-id"),
                greffe("greffe-sel"),
                greffe("greffe-nom"),
                greffe("x-request-id"),
            ])
            .expose_headers([CONTENT_DISPOSITION, ETAG, LINK, LOCATION, RETRY_AFTER, greffe("x-request-id")])
            .max_age(MAX_AGE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_written_as_browsers_do() {
        for good in
            ["https://portail.exemple.fr", "http://localhost:8080", "http://127.0.0.1:3000", "https://[::1]:8443"]
        {
            assert!(good.parse::<Site>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "portail.exemple.fr",
            "https://*",
            "https://*.exemple.fr",
            "https://portail.exemple.fr/",
            "https://portail.exemple.fr/page",
            "https://portail.exemple.fr?x",
            "https://Portail.exemple.fr",
            "https://portail.exemple.fr:443",
            "http://portail.exemple.fr:80",
            "https://moi@portail.exemple.fr",
            "ftp://portail.exemple.fr",
            "https://",
            "https://portail.exemple.fr, https://autre.fr",
        ] {
            assert_eq!(bad.parse::<Site>(), Err(SiteError), "{bad}");
        }
    }
}
