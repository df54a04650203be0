//! The one-time link by which somebody who holds an enrolled key comes in to read pages.
//!
//! ```text
//! https://greffe.exemple.fr/session?lien=<token>
//! token = base64url({"alg":"EdDSA","typ":"greffe-lien+jwt","kid":"ed25519:<64 hex>"})
//!       . base64url({"aud":"<origin>","iat":<s>,"exp":<s>,"jti":"<UUID>"})     exp ≤ iat + 300 s
//!       . base64url(signature over all that stands before the second dot)
//! ```
//!
//! Its type is its purpose: no endpoint of the API takes it, and a reader token of the API is no link. It stands in the query, which the
//! node's log never has ([`crate::http`], `trace`). Following it changes nothing (mail scanners follow links); the button of the page
//! that it shows does, once: [`super::Sessions`] remembers its `jti` until it has expired.

use greffe_events::authority::{KeyRecord, Standing};
use greffe_events::ident::Origin;
use greffe_events::key::{KeyId, SecretKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::refus::Refus;
use crate::http::auth::{self, Jwt, TOKEN_SECONDS_MAX, TokenError};

/// Its type (RFC 8725 §3.11).
pub const TYP: &str = "greffe-lien+jwt";

/// Longest token, in bytes: about twice one of the longest origin.
pub const LIEN_BYTES_MAX: usize = 1_024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

/// A token for a link to this log's pages, good from now on for [`TOKEN_SECONDS_MAX`].
pub fn issue(key: &SecretKey, origin: &Origin, now_s: u64) -> String {
    let exp = now_s.saturating_add(TOKEN_SECONDS_MAX);
    auth::sign_jwt(key, TYP, &Claims { aud: origin.as_str(), iat: now_s, exp, jti: Uuid::now_v7() })
}

/// The address to open, of a node at `url`.
pub fn adresse(url: &str, token: &str) -> String {
    format!("{}/session?lien={token}", url.trim_end_matches('/'))
}

/// A link that is good now, by its signature and by what the log says of its key. Whether it was used is [`super::Sessions`]' matter.
#[derive(Debug, Clone)]
pub struct Lien {
    /// Who signed it.
    pub key: KeyId,
    /// What the log says of that key.
    pub record: KeyRecord,
    /// Its own name.
    pub jti: Uuid,
    /// When it was made, Unix seconds.
    pub iat: u64,
    /// From when on it is not taken any more, Unix seconds.
    pub until_s: u64,
}

/// Verifies a link. Order as in [`auth::verify`]: what the log says of a key is told to its holder only.
pub(super) fn verify<E>(
    token: &str,
    origin: &Origin,
    now_ms: u64,
    find: impl FnOnce(&KeyId) -> Result<Option<(KeyRecord, Standing)>, E>,
) -> Result<Result<Lien, Refus>, E> {
    let read = || {
        if token.len() > LIEN_BYTES_MAX {
            return Err(TokenError::Malformed("a link's token has at most 1024 bytes"));
        }
        let jwt = Jwt::read(token, TYP)?;
        let claims: Claims = serde_json::from_slice(&jwt.claims)
            .map_err(|_| TokenError::Malformed("the claims are {\"aud\",\"iat\",\"exp\",\"jti\"} and nothing else"))?;
        let until_s = auth::check_claims(claims.aud, (claims.iat, claims.exp), origin, now_ms / 1_000)?;
        jwt.check_signature()?;
        Ok((jwt.key, claims.jti, claims.iat, until_s))
    };
    let (key, jti, iat, until_s) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(Err(error.into())),
    };
    let known = find(&key)?;
    Ok(auth::entitled(known).map(|record| Lien { key, record, jti, iat, until_s }).map_err(Refus::from))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use greffe_events::catalogue::Role;
    use greffe_events::horodatage::Horodatage;

    use super::*;

    const NOW_S: u64 = 1_795_169_730;

    fn record() -> KeyRecord {
        KeyRecord {
            organisation: "urn:siren:214502494".parse().unwrap(),
            roles: vec![Role::Collectivite],
            valable_du: Horodatage::from_unix_ms(0),
            valable_jusqu: None,
            index: 3,
        }
    }

    fn check(token: &str, now_s: u64, standing: Standing) -> Result<Lien, Refus> {
        let find = |_: &KeyId| Ok::<_, ()>(Some((record(), standing)));
        verify(token, &"greffe.example".parse().unwrap(), now_s * 1_000, find).unwrap()
    }

    #[test]
    fn only_a_link_for_this_log_now_by_a_key_in_force_is_one() {
        let (key, origin) = (SecretKey::from_seed(&[10; 32]), "greffe.example".parse().unwrap());
        let token = issue(&key, &origin, NOW_S);
        let lien = check(&token, NOW_S, Standing::InForce).unwrap();
        assert_eq!((lien.key, lien.iat, lien.until_s), (key.id(), NOW_S, NOW_S + 330));
        assert!(check(&token, NOW_S + 329, Standing::InForce).is_ok());
        assert!(check(&token, NOW_S + 330, Standing::InForce).is_err(), "expired");
        assert!(check(&token, NOW_S - 31, Standing::InForce).is_err(), "of the future");
        assert!(check(&token, NOW_S, Standing::Revoked).is_err());
        let elsewhere = issue(&key, &"ailleurs.example".parse().unwrap(), NOW_S);
        assert!(check(&elsewhere, NOW_S, Standing::InForce).is_err(), "another log's");
        let reader = auth::issue(&key, &origin, NOW_S);
        assert!(check(&reader, NOW_S, Standing::InForce).is_err(), "a reader token of the API");
        let mut altered = token.clone();
        let last = altered.pop().unwrap();
        altered.push(if last == 'A' { 'B' } else { 'A' });
        assert!(check(&altered, NOW_S, Standing::InForce).is_err());
        assert!(check(&"a".repeat(LIEN_BYTES_MAX + 1), NOW_S, Standing::InForce).is_err());
        let bearer = format!("Bearer {token}");
        let find = |_: &KeyId| Ok::<_, ()>(Some((record(), Standing::InForce)));
        let api = auth::verify(Some(&bearer), &auth::Requete::default(), &origin, NOW_S * 1_000, find).unwrap();
        assert!(matches!(api, Err(TokenError::Malformed(_))), "the API takes no link");
        assert_ne!(issue(&key, &origin, NOW_S), token, "each is another");
    }
}
