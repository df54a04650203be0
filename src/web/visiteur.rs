//! Who reads a page: the key behind the session's cookie, and what the log says of that key *at this request*. A key that is revoked,
//! or whose organisation leaves, reads nothing more from the next page on.
//!
//! ```text
//! Set-Cookie: __Host-greffe=<random>; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=28800      over https
//! Set-Cookie: greffe-local=<random>; Path=/; HttpOnly; SameSite=Strict; Max-Age=28800               on this machine only
//! ```

use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts};
use axum::http::header::{COOKIE, HOST, HeaderMap};
use axum::http::request::Parts;
use greffe_events::authority::{KeyRecord, key_standing};
use greffe_events::catalogue::Role;
use greffe_events::key::KeyId;

use super::noms::Noms;
use super::refus::Non;
use super::sessions::SESSION_SECONDS_MAX;
use crate::http::access::Reader;
use crate::http::problem::Problem;
use crate::http::{App, Node, auth, session};

/// Over https: no other site of the domain can set it (RFC 6265bis, `__Host-`).
const COOKIE_SUR: &str = "__Host-greffe";
/// In the clear, on the machine itself: browsers take the other one over https only.
const COOKIE_LOCAL: &str = "greffe-local";

/// Somebody who has come in.
#[derive(Debug, Clone)]
pub(super) struct Visiteur {
    /// What they may read, now.
    pub reader: Reader,
    /// The key that they came in with.
    pub key: KeyId,
    /// What that key may do.
    pub roles: Vec<Role>,
    /// What their organisation is called.
    pub nom: String,
    /// The log's name.
    pub registre: String,
}

impl Visiteur {
    /// The visitor of this key; none where it reads nothing any more.
    pub fn de(app: &App, key: KeyId) -> Result<Option<(Self, KeyRecord)>, Non> {
        let (origin, now_ms) = (&app.ledger.opening().origine, app.ledger.now_ms());
        let known = key_standing(&key, origin, now_ms, app.ledger.index()).map_err(Problem::from)?;
        let Ok(record) = auth::entitled(known) else { return Ok(None) };
        let reader = Reader::of(&record);
        let organisation = reader.organisation().to_string();
        let nom = Noms::de(app, &reader, [organisation.as_str()])?.nom(&organisation);
        let roles = record.roles.clone();
        Ok(Some((Self { reader, key, roles, nom, registre: origin.to_string() }, record)))
    }
}

impl OptionalFromRequestParts<Node> for Visiteur {
    type Rejection = Non;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Option<Self>, Non> {
        let Some(nom) = nom_de_session(&parts.headers) else { return Ok(None) };
        let key = node.sessions().find(&nom, node.app().ledger.now_ms());
        let Some(key) = key else { return Ok(None) };
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = format!("{} {route}", parts.method);
        let demande = format!("{} {}", parts.method, parts.uri.path_and_query().map_or("/", |target| target.as_str()));
        let found = node.blocking(move |app| Ok(Self::trouve(app, key, &route, &demande))).await??;
        if found.is_none() {
            // For good: a key that ended does not come back into force by itself.
            node.sessions().close(&nom);
        }
        Ok(found)
    }
}

impl Visiteur {
    fn trouve(app: &App, key: KeyId, route: &str, demande: &str) -> Result<Option<Self>, Non> {
        let Some((visiteur, record)) = Self::de(app, key)? else { return Ok(None) };
        session::note(app, app.ledger.now_ms(), (key, &record), route, demande)?;
        Ok(Some(visiteur))
    }
}

impl FromRequestParts<Node> for Visiteur {
    type Rejection = Non;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Non> {
        <Self as OptionalFromRequestParts<Node>>::from_request_parts(parts, node).await?.ok_or(Non::Dehors)
    }
}

/// The session's name that a browser sends.
pub(super) fn nom_de_session(headers: &HeaderMap) -> Option<String> {
    let of = |wanted: &str| {
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
    };
    let is_local = || headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(est_locale);
    of(COOKIE_SUR).or_else(|| of(COOKIE_LOCAL).filter(|_| is_local()))
}

/// Whether `host[:port]` is this machine.
pub(super) fn est_locale(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `Set-Cookie` for a session, or to forget it where there is none.
pub(super) fn cookie(nom: Option<&str>, est_sur: bool) -> String {
    let (value, seconds) = nom.map_or(("", 0), |nom| (nom, SESSION_SECONDS_MAX));
    let (name, secure) = if est_sur { (COOKIE_SUR, "; Secure") } else { (COOKIE_LOCAL, "") };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}; Max-Age={seconds}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for (authority, local) in [
            ("127.0.0.1:4180", true),
            ("127.8.8.8", true),
            ("localhost:80", true),
            ("[::1]:4180", true),
            ("localhost.exemple.fr", false),
            ("127.0.0.1.exemple.fr:80", false),
            ("10.0.0.1:4180", false),
            ("greffe.exemple.fr", false),
            ("", false),
        ] {
            assert_eq!(est_locale(authority), local, "{authority}");
        }
    }
}
