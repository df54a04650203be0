//! What the API says when it does not do what was asked: RFC 9457 `application/problem+json`.
//!
//! ```json
//! {"type":"urn:greffe:probleme:id-reused","title":"…","titre":"…","status":409,"code":"id-reused",
//!  "detail":"…","champ":"id","conseil":"…","refus":{"index":12,"receipt":{…}}}
//! ```
//!
//! `code` never changes meaning. `title` is English, `titre` French, `detail` for whoever debugs; `champ` is the field,
//! where there is one; `conseil` says in French what to do about it; `requete` is the id of the request, as in `X-Request-Id`; `refus` is the leaf that records it, where one does. Where
//! a key had too many refusals (429), `motif` is the refusal that was not recorded: its code, titles, detail, field, advice and key. Two families of codes, no text twice:
//!
//! - those of admission (`greffe_events::Code`), by status: 400 what is no envelope or no I-JSON, 403 who may not sign,
//!   409 what the log already holds or does not hold yet, 413 size, 422 content;
//! - those of the service itself ([`Cause`]).
//!
//! A detail never holds a path of the machine, a token, or what was submitted beyond a bounded excerpt.

mod conseil;
mod status;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greffe_events::key::KeyId;
use greffe_events::{Code, Refusal};
use serde::Serialize;

pub use self::status::status_of;
use super::node::EtatVue;
use super::trace::current_id;
use crate::ledger::LedgerError;
use crate::ledger::answer::Unavailable;
use crate::ledger::head::Receipt;
use crate::ledger::index::IndexError;
use crate::ledger::pieces::PieceError;
use crate::ledger::refus::REFUSALS_PER_KEY_MAX;
use crate::store::StoreError;
use crate::webhooks::WebhooksError;

/// When a key that had too many refusals may come again with bad ones, in seconds: good ones pass at any time.
const REFUSAL_RETRY_S: u32 = 3_600;

/// Prefix of every `type`: problems are named, not located.
const TYPE_PREFIX: &str = "urn:greffe:probleme:";

macro_rules! causes {
    ($($variant:ident $status:literal $text:literal $english:literal $french:literal;)*) => {
        /// Why the service itself did not do it. A code is never reused for another meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause {
            $(#[doc = $english] $variant,)*
        }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$variant => $english,)* }
            }

            pub(super) fn titre(self) -> &'static str {
                match self { $(Self::$variant => $french,)* }
            }

            pub(super) fn status_number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }
        }
    };
}

causes! {
    QueryInvalid 400 "query-invalid" "A part of the address is not as it must be" "Un élément de l'adresse n'est pas valide";
    HeaderInvalid 400 "header-invalid" "A header is not as it must be" "Un en-tête de la requête n'est pas valide";
    BodyIncomplete 400 "body-incomplete" "The body ended before its announced length" "Le corps de la requête est incomplet";
    TokenMissing 401 "token-missing" "A token is needed" "Il manque un jeton";
    TokenMalformed 401 "token-malformed" "The token is malformed" "Le jeton est mal formé";
    TokenExpired 401 "token-expired" "The token is not valid at this time" "Le jeton n'est pas valable à cette heure";
    TokenAudience 401 "token-audience" "The token is for another log" "Le jeton vise un autre registre";
    TokenKeyUnknown 401 "token-key-unknown" "The token's key is not enrolled to read or sign" "La clé du jeton n'est pas enrôlée";
    TokenKeyNotInForce 401 "token-key-not-in-force" "The token's key is not in force" "La clé du jeton n'est pas en vigueur";
    TokenSignature 401 "token-signature" "The token's signature does not verify" "La signature du jeton est fausse";
    TokenRequest 401 "token-request" "The token is not for this request" "Le jeton ne vaut pas pour cette requête";
    TokenNotEntitled 403 "token-not-entitled" "The key's roles do not allow this" "Le rôle de la clé ne permet pas cette opération";
    NotFound 404 "not-found" "There is no such thing here, or not for this reader" "Introuvable, ou pas pour ce lecteur";
    MethodNotAllowed 405 "method-not-allowed" "This method is not for this resource" "Cette méthode ne s'applique pas ici";
    NotAcceptable 406 "not-acceptable" "No representation is acceptable to the client" "Aucune représentation ne convient au client";
    IndexAhead 409 "index-ahead" "The log has no leaf at this index yet" "Le registre n'a pas encore de feuille à cet indice";
    CursorAhead 409 "cursor-ahead" "The cursor is beyond the end of the log" "Le curseur dépasse la fin du registre";
    BodyTimeout 408 "body-timeout" "The body came too slowly" "Le corps de la requête est arrivé trop lentement";
    PieceEffacee 410 "piece-effacee" "The piece was erased" "La pièce a été effacée";
    PieceQuota 413 "piece-quota" "The organisation keeps as many pieces here as it may" "Le quota de pièces de l'organisme est atteint";
    MediaType 415 "media-type" "This media type is not taken here" "Ce type de contenu n'est pas accepté ici";
    DigestMismatch 422 "digest-mismatch" "The bytes do not have the announced digest" "Les octets reçus n'ont pas l'empreinte annoncée";
    TooManyRefusals 429 "too-many-refusals" "This key had too many refusals" "Cette clé a essuyé trop de refus";
    TooManyFollowers 429 "too-many-followers" "The organisation follows the feed as often as it may" "L'organisme suit déjà le fil autant de fois que permis";
    TooManyWebhooks 429 "too-many-webhooks" "There are as many webhooks as there may be" "Il y a autant de webhooks que permis";
    Internal 500 "internal" "The node failed; its log says how" "Le nœud a rencontré une erreur";
    QueueFull 503 "queue-full" "Too many submissions wait" "Trop d'envois sont en attente";
    Horloge 503 "horloge" "The node's clock is not believed" "L'horloge du nœud n'est pas fiable";
    Garde 503 "garde" "The rollback guard can't be written" "Le témoin anti-retour ne peut pas être écrit";
    StoreUnavailable 503 "store-unavailable" "The disk takes nothing now" "Le stockage est indisponible";
    Stopping 503 "stopping" "The node is stopping" "Le nœud s'arrête";
    Overloaded 503 "overloaded" "Too many requests are under way" "Trop de requêtes sont en cours";
    ViewBehind 503 "view-behind" "The view has not caught up yet" "La vue n'est pas encore à jour";
    ViewStopped 503 "view-stopped" "The view is stopped" "La vue est arrêtée";
    NotReady 503 "not-ready" "The node is not ready" "Le nœud n'est pas prêt";
    DiskFull 507 "disk-full" "The node's disk is full" "Le disque du nœud est plein";
}

/// Why, of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Refused(Code),
    Service(Cause),
}

/// An answer that says why not.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    champ: Option<String>,
    /// What to do, where more can be said than of the code alone.
    conseil: Option<Box<str>>,
    refus: Option<Box<Refus>>,
    motif: Option<Box<(Refusal, KeyId)>>,
    vues: Option<Vec<EtatVue>>,
    retry_after_s: Option<u32>,
}

/// The leaf that records a refusal.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "RefusConsigne")]
struct Refus {
    index: u64,
    receipt: Receipt,
}

/// The code of a problem, left on its response for the access log.
#[derive(Debug, Clone, Copy)]
pub struct ProblemCode(pub &'static str);

impl Problem {
    /// A problem of the service.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let retry_after_s = (cause.status_number() == 503).then_some(1);
        Self {
            kind: Kind::Service(cause),
            detail: detail.into(),
            champ: None,
            conseil: None,
            refus: None,
            motif: None,
            vues: None,
            retry_after_s,
        }
    }

    /// A submission that is not admitted, with the leaf that says so.
    pub fn refused(refusal: Refusal, recorded: Option<Receipt>) -> Self {
        Self {
            kind: Kind::Refused(refusal.code),
            detail: refusal.detail,
            champ: refusal.field,
            conseil: None,
            refus: recorded.map(|receipt| Box::new(Refus { index: receipt.index, receipt })),
            motif: None,
            vues: None,
            retry_after_s: None,
        }
    }

    /// A submission that is not admitted, by a key that had too many refusals for this one to be recorded.
    pub fn refused_too_often(refusal: Refusal, key: KeyId) -> Self {
        let detail = format!(
            "{key} had {REFUSALS_PER_KEY_MAX} refusals recorded within an hour; this one, for {}, is not recorded",
            refusal.code
        );
        Self { motif: Some(Box::new((refusal, key))), ..Self::new(Cause::TooManyRefusals, detail) }
            .retry_after(REFUSAL_RETRY_S)
    }

    /// What it says to people, in French: its title, and what to do about it.
    pub(crate) fn pour_les_gens(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Refused(code) => (code.titre(), code.conseil()),
            Kind::Service(cause) => (cause.titre(), cause.conseil()),
        }
    }

    /// The one answer for what is not there and for what the reader may not see: neither tells of the other.
    pub fn not_found() -> Self {
        Self::new(Cause::NotFound, "nothing here that this reader may see")
    }

    /// Something failed that the client can't help; the cause goes to the node's own log.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(Cause::Internal, "the node's log says more, under this answer's x-request-id")
    }

    /// The same, with the field it is about.
    #[must_use]
    pub fn at(mut self, champ: impl Into<String>) -> Self {
        self.champ = Some(champ.into());
        self
    }

    /// The same, with what to do in this very case, in French.
    #[must_use]
    pub(super) fn advise(mut self, conseil: impl Into<Box<str>>) -> Self {
        self.conseil = Some(conseil.into());
        self
    }

    /// The same, with where each view is.
    #[must_use]
    pub(super) fn with_views(mut self, vues: Vec<EtatVue>) -> Self {
        self.vues = Some(vues);
        self
    }

    /// The same, with the wait after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            Kind::Refused(code) => status_of(code),
            Kind::Service(cause) => StatusCode::from_u16(cause.status_number()).unwrap_or_default(),
        }
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::Refused(code) => code.as_str(),
            Kind::Service(cause) => cause.as_str(),
        }
    }
}

impl From<Unavailable> for Problem {
    fn from(why: Unavailable) -> Self {
        // How long the cause usually lasts, in seconds.
        let (cause, wait_s) = match why {
            Unavailable::QueueFull => (Cause::QueueFull, 1),
            Unavailable::Clock(_) => (Cause::Horloge, 60),
            Unavailable::Guard => (Cause::Garde, 30),
            Unavailable::Store => (Cause::StoreUnavailable, 30),
            Unavailable::Unsettled => (Cause::StoreUnavailable, 10),
            Unavailable::Contended => (Cause::Overloaded, 1),
            Unavailable::Stopping => (Cause::Stopping, 10),
        };
        Self::new(cause, why.to_string()).retry_after(wait_s)
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(StoreError::Busy { .. }) => Self::new(Cause::Overloaded, "the store is busy"),
            LedgerError::Store(error) if error.is_passing() => {
                tracing::error!(%error, "the store can't be reached");
                Self::new(Cause::StoreUnavailable, "the store can't be reached now").retry_after(10)
            }
            LedgerError::Piece(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        Self::internal(&error)
    }
}

impl From<WebhooksError> for Problem {
    fn from(error: WebhooksError) -> Self {
        Self::internal(&error)
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        WebhooksError::from(error).into()
    }
}

impl From<PieceError> for Problem {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::TooLarge => Self::refused(Refusal::new(Code::TooLarge, error.to_string()), None),
            PieceError::Mismatch { .. } => Self::new(Cause::DigestMismatch, error.to_string()),
            PieceError::Quota { .. } => Self::new(Cause::PieceQuota, error.to_string()),
            PieceError::TooManyUploads => Self::new(Cause::Overloaded, error.to_string()),
            PieceError::Erased { .. } => Self::new(Cause::PieceEffacee, error.to_string()),
            PieceError::Index(error) => error.into(),
            error if error.is_disk_full() => {
                tracing::error!(%error, "a piece was not kept");
                Self::new(Cause::DiskFull, "nothing was kept of it; send it again later").retry_after(60)
            }
            error => Self::internal(&error),
        }
    }
}

/// The members of RFC 9457 §3.1, then ours (§3.2).
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Probleme")]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    titre: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    champ: Option<&'a str>,
    conseil: &'a str,
    /// The request's id, as in the header `X-Request-Id` and in the node's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    requete: Option<String>,
    /// Of a node that is not ready: where each view is.
    #[serde(skip_serializing_if = "Option::is_none")]
    vues: Option<&'a [EtatVue]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    motif: Option<Motif<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refus: Option<&'a Refus>,
}

/// A refusal that is not recorded.
#[derive(Serialize, schemars::JsonSchema)]
struct Motif<'a> {
    code: &'static str,
    title: &'static str,
    titre: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    champ: Option<&'a str>,
    conseil: &'static str,
    cle: KeyId,
}

impl<'a> Motif<'a> {
    fn of((refusal, cle): &'a (Refusal, KeyId)) -> Self {
        let code = refusal.code;
        Self {
            code: code.as_str(),
            title: code.title(),
            titre: code.titre(),
            detail: &refusal.detail,
            champ: refusal.field.as_deref(),
            conseil: code.conseil(),
            cle: *cle,
        }
    }
}

impl schemars::JsonSchema for Problem {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Wire::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Wire::json_schema(generator)
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let english = match self.kind {
            Kind::Refused(code) => code.title(),
            Kind::Service(cause) => cause.title(),
        };
        let (french, conseil) = self.pour_les_gens();
        let code = self.code();
        Wire {
            kind: format!("{TYPE_PREFIX}{code}"),
            title: english,
            titre: french,
            status: self.status().as_u16(),
            code,
            detail: &self.detail,
            champ: self.champ.as_deref(),
            conseil: self.conseil.as_deref().unwrap_or(conseil),
            requete: current_id(),
            vues: self.vues.as_deref(),
            motif: self.motif.as_deref().map(Motif::of),
            refus: self.refus.as_deref(),
        }
        .serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        // Texts and numbers: nothing in it can fail to serialise.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2: a 401 MUST name the scheme.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(ProblemCode(code));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_problems_share_a_code_and_each_status_is_one() {
        let admission = Code::ALL.iter().map(|code| code.as_str());
        let texts: HashSet<_> = admission.chain(Cause::ALL.iter().map(|cause| cause.as_str())).collect();
        assert_eq!(texts.len(), Code::ALL.len() + Cause::ALL.len());
        for cause in Cause::ALL {
            let status = Problem::new(*cause, "").status();
            assert!(status.is_client_error() || status.is_server_error(), "{}: {status}", cause.as_str());
            let conseil = cause.conseil();
            assert!(conseil.len() > 20 && conseil.ends_with('.'), "{}: {conseil}", cause.as_str());
        }
    }

    #[test]
    fn an_internal_failure_tells_the_client_nothing() {
        let problem = Problem::internal(&"/srv/greffe/registre.sqlite: disk I/O error");
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail.contains('/'));
    }
}
