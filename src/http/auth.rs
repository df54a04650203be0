//! Reader tokens: short JWTs that a reader signs with its own enrolled key, as GitHub Apps do. No shared secret.
//!
//! `Authorization: Bearer <token>` (RFC 6750 §2.1), the token a JWS in compact form (RFC 7515 §7.1):
//!
//! ```text
//! base64url({"alg":"EdDSA","typ":"JWT","kid":"ed25519:<64 hex>"})     RFC 8037 §3.1; nothing else is taken
//! . base64url({"aud":"<origin>","iat":<s>,"exp":<s>,"req":"<64 hex>"})  exp ≤ iat + 300 s; req: see below
//! . base64url(signature over all that stands before the second dot)
//! ```
//!
//! What is not understood is refused: another `alg` (`none` included), a `crit`, any other member (RFC 8725 §3.1).
//! A token is good for one log (`aud`), for minutes, and as long as its key is in force. It proves who reads, never
//! what may be read ([`super::access`]). Tokens are never logged.
//!
//! **Bound to one request.** With `req` a token is good for one request only; what writes (a deposit) takes no other. It is the SHA-256, in
//! hex, of four lines, each ended by a line feed:
//!
//! ```text
//! PUT                        the method
//! /v1/pieces/<sha256>        path, and query where there is one, as sent
//! <Greffe-Sel>               that header's value, or nothing
//! <Greffe-Nom>               likewise
//! ```
//!
//! *Why.* A card is public: a node can repeat another's, name and keys, and is then sent tokens that are meant for the other. What could it do with
//! them there? With one bound so: have those very bytes deposited under the digest that the path names, with the same salt and name, which is what was asked
//! for; neither read nor deposit anything else, which would fill the organisation's quota. (An event needs no token: its own signatures say everything.)
//! Binding a token to the *node's key* would prove nothing, because the card that is repeated names it. Binding it to the *node's address* would, if each
//! node knew under which addresses its proxies are reached; that is a setting to get wrong, and a request that does what its author signed needs
//! none. A token that reads without `req` can be used by whoever gets it, for what its key reads, during its five minutes: hence TLS, addresses that are trusted,
//! and `req` in all that `greffe` itself asks one by one.

use data_encoding::BASE64URL_NOPAD;
use greffe_events::authority::{KeyRecord, Standing};
use greffe_events::ident::Origin;
use greffe_events::key::{KeyId, SecretKey, Signature};
use greffe_events::piece::Empreinte;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::problem::{Cause, Problem};

/// Longest life of a token, in seconds.
pub const TOKEN_SECONDS_MAX: u64 = 300;

/// Largest difference between two clocks that is forgiven, in seconds.
pub const SKEW_SECONDS_MAX: u64 = 30;

/// Longest `Authorization` header, in bytes: about twice a token of the longest origin.
pub const HEADER_BYTES_MAX: usize = 1_024;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// No `Authorization` header.
    #[error("send Authorization: Bearer with a token that greffe token makes")]
    Missing,
    /// Not a token of ours.
    #[error("{0}")]
    Malformed(&'static str),
    /// Too old, too long-lived, or of the future.
    #[error("the token's iat and exp do not hold now: at most 300 s apart, 30 s of skew")]
    Expired,
    /// For another log.
    #[error("the token's aud is not this log's origin")]
    Audience,
    /// Signed with a key that this log does not know, or one that serves no reader.
    #[error("the token's key is not enrolled here")]
    KeyUnknown,
    /// Signed with a key that is not in force: outside its validity, revoked, replaced, of an organisation that left, or
    /// recovered and still waiting.
    #[error("the token's key is not in force now")]
    KeyNotInForce,
    /// Not signed with that key.
    #[error("the token's signature is not its key's")]
    Signature,
    /// Bound to another request, or not bound where the request writes.
    #[error("the token's req is not the SHA-256 of this request's lines: method, path, Greffe-Sel, Greffe-Nom")]
    Request,
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let cause = match error {
            TokenError::Missing => Cause::TokenMissing,
            TokenError::Malformed(_) => Cause::TokenMalformed,
            TokenError::Expired => Cause::TokenExpired,
            TokenError::Audience => Cause::TokenAudience,
            TokenError::KeyUnknown => Cause::TokenKeyUnknown,
            TokenError::KeyNotInForce => Cause::TokenKeyNotInForce,
            TokenError::Signature => Cause::TokenSignature,
            TokenError::Request => Cause::TokenRequest,
        };
        Self::new(cause, error.to_string())
    }
}

/// The type of reader tokens. Another type is another purpose (RFC 8725 §3.11): no endpoint takes both.
const TYP: &str = "JWT";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: KeyId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    req: Option<Empreinte>,
}

/// One request, as a token is bound to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Requete<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// `Greffe-Sel`, as sent.
    pub sel: Option<&'a str>,
    /// `Greffe-Nom`, as sent.
    pub nom: Option<&'a str>,
}

impl Requete<'_> {
    /// What `req` is for it.
    pub fn digest(&self) -> Empreinte {
        let lines = [self.method, self.target, self.sel.unwrap_or_default(), self.nom.unwrap_or_default()];
        Empreinte::of(lines.map(|line| format!("{line}\n")).concat().as_bytes())
    }
}

/// A token for this log, good from now on for [`TOKEN_SECONDS_MAX`]: for whatever the key may read.
pub fn issue(key: &SecretKey, origin: &Origin, now_s: u64) -> String {
    sign(key, origin, now_s, None)
}

/// The same, for this request only.
pub fn issue_for(key: &SecretKey, origin: &Origin, now_s: u64, request: &Requete) -> String {
    sign(key, origin, now_s, Some(request.digest()))
}

fn sign(key: &SecretKey, origin: &Origin, now_s: u64, req: Option<Empreinte>) -> String {
    let claims = Claims { aud: origin.as_str(), iat: now_s, exp: now_s.saturating_add(TOKEN_SECONDS_MAX), req };
    sign_jwt(key, TYP, &claims)
}

/// A JWT of this type, signed with an enrolled key.
pub(crate) fn sign_jwt(key: &SecretKey, typ: &str, claims: &impl Serialize) -> String {
    let header = Header { alg: "EdDSA", typ, kid: key.id() };
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()).0);
    format!("{signed}.{signature}")
}

fn encode(part: &impl Serialize) -> String {
    // Texts and numbers: nothing in it can fail to serialise.
    BASE64URL_NOPAD.encode(&serde_json::to_vec(part).unwrap_or_default())
}

/// Whoever showed a token.
#[derive(Debug, Clone)]
pub struct Porteur {
    /// Its key.
    pub key: KeyId,
    /// What the log says of that key.
    pub record: KeyRecord,
    /// From when on the token is not taken any more, Unix seconds.
    pub until_s: u64,
    /// Whether the token is good for this request only.
    pub is_bound: bool,
}

/// Who sent this `Authorization` header: the key and its record. `find` tells what the log says of it at `now_ms`
/// ([`greffe_events::authority::key_standing`]).
///
/// Order: form, audience and time, signature, request, key known, key in force: what the log says of a key is told to its holder only.
pub fn verify<E>(
    authorization: Option<&str>,
    request: &Requete,
    origin: &Origin,
    now_ms: u64,
    find: impl FnOnce(&KeyId) -> Result<Option<(KeyRecord, Standing)>, E>,
) -> Result<Result<Porteur, TokenError>, E> {
    let token = match Token::read(authorization, origin, now_ms / 1_000) {
        Ok(token) => token,
        Err(error) => return Ok(Err(error)),
    };
    if let Err(error) = token.jwt.check_signature() {
        return Ok(Err(error));
    }
    if token.req.is_some_and(|req| req != request.digest()) {
        return Ok(Err(TokenError::Request));
    }
    let (key, until_s, is_bound) = (token.jwt.key, token.until_s, token.req.is_some());
    let known = find(&key)?;
    Ok(entitled(known).map(|record| Porteur { key, record, until_s, is_bound }))
}

/// The record of a key that may read, by what the log says of it.
pub fn entitled(known: Option<(KeyRecord, Standing)>) -> Result<KeyRecord, TokenError> {
    // The log's own key and the recovery keys are known but have no role: they sign no token.
    let known = known.filter(|(record, _)| !record.roles.is_empty());
    match known.ok_or(TokenError::KeyUnknown)? {
        (record, Standing::InForce) => Ok(record),
        _ => Err(TokenError::KeyNotInForce),
    }
}

/// A token whose claims hold; **not** verified.
struct Token<'a> {
    jwt: Jwt<'a>,
    until_s: u64,
    req: Option<Empreinte>,
}

impl<'a> Token<'a> {
    fn read(authorization: Option<&'a str>, origin: &Origin, now_s: u64) -> Result<Self, TokenError> {
        let authorization = authorization.ok_or(TokenError::Missing)?;
        if authorization.len() > HEADER_BYTES_MAX {
            return Err(TokenError::Malformed("the Authorization header has more than 1024 bytes"));
        }
        // RFC 9110 §11.1: the scheme's case does not matter.
        let token = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim_matches(' '))
            .ok_or(TokenError::Malformed("the scheme is Bearer"))?;
        let jwt = Jwt::read(token, TYP)?;
        let claims: Claims = serde_json::from_slice(&jwt.claims).map_err(|_| {
            TokenError::Malformed("the claims are {\"aud\",\"iat\",\"exp\"}, with or without \"req\", and nothing else")
        })?;
        let until_s = check_claims(claims.aud, (claims.iat, claims.exp), origin, now_s)?;
        let req = claims.req;
        Ok(Self { jwt, until_s, req })
    }
}

/// A JWT of ours by its form; **not** verified.
pub(crate) struct Jwt<'a> {
    /// The key that it names.
    pub key: KeyId,
    /// JSON.
    pub claims: Vec<u8>,
    signed: &'a str,
    signature: Signature,
}

impl<'a> Jwt<'a> {
    /// Reads one of this type.
    pub fn read(token: &'a str, typ: &str) -> Result<Self, TokenError> {
        let wrong = TokenError::Malformed("a token is three base64url parts (JWS compact)");
        let (signed, signature) = token.rsplit_once('.').ok_or(wrong)?;
        let (header, claims) = signed.split_once('.').ok_or(wrong)?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| wrong);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        let header: Header = serde_json::from_slice(&header)
            .map_err(|_| TokenError::Malformed("the header is {\"alg\",\"typ\",\"kid\"} and nothing else"))?;
        if header.alg != "EdDSA" || header.typ != typ {
            return Err(TokenError::Malformed("alg is EdDSA and typ is that of its purpose, JWT for a reader token"));
        }
        let signature = Signature(signature.try_into().map_err(|_| wrong)?);
        Ok(Self { key: header.kid, claims, signed, signature })
    }

    /// Whether the key that it names signed it.
    pub fn check_signature(&self) -> Result<(), TokenError> {
        let is_signed = self.key.verify(self.signed.as_bytes(), &self.signature);
        if is_signed { Ok(()) } else { Err(TokenError::Signature) }
    }
}

/// Whether claims are for this log and hold now; until when they are taken, Unix seconds.
pub(crate) fn check_claims(aud: &str, (iat, exp): (u64, u64), origin: &Origin, now_s: u64) -> Result<u64, TokenError> {
    if aud != origin.as_str() {
        return Err(TokenError::Audience);
    }
    let is_short = exp >= iat && exp - iat <= TOKEN_SECONDS_MAX;
    let until_s = exp.saturating_add(SKEW_SECONDS_MAX);
    let is_now = iat <= now_s.saturating_add(SKEW_SECONDS_MAX) && now_s < until_s;
    if is_short && is_now { Ok(until_s) } else { Err(TokenError::Expired) }
}

#[cfg(test)]
mod tests;
