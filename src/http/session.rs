//! A reader whose token was good, and for how long that holds: what a stream asks again while it lasts.
//!
//! A stream ends when its token does (`exp`, with the skew that tokens are forgiven): whoever follows on connects again with a fresh
//! one, where it was. So nothing lasts longer than a token of its reader, and nothing has to be renewed. Before that it ends
//! with the key: at the leaf that ends it, at the end of its validity, or, where time alone does it (a recovery comes into force), at the
//! next time it is asked.

use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use greffe_events::EventType;
use greffe_events::authority::{KeyRecord, key_standing};
use greffe_events::catalogue::Role;
use greffe_events::event::DossierId;
use greffe_events::key::KeyId;

use super::access::Reader;
use super::auth::{self, Porteur, Requete};
use super::feuille::Feuille;
use super::lectures::DEMANDE_BYTES_MAX;
use super::pieces::{GREFFE_NOM, GREFFE_SEL};
use super::problem::{Cause, Problem};
use super::request::single_header;
use super::{App, Node};

/// Whoever sent a good token.
pub(super) struct Session {
    pub reader: Reader,
    porteur: Porteur,
}

impl FromRequestParts<Node> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Problem> {
        let authorization = single_header(&parts.headers, &AUTHORIZATION)
            .map_err(|_| Problem::from(auth::TokenError::Malformed("one Authorization header, in ASCII")))?
            .map(ToOwned::to_owned);
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let (method, uri, sel, nom) = (parts.method.clone(), parts.uri.clone(), text(GREFFE_SEL), text(GREFFE_NOM));
        let since = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let route = parts.extensions.get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
        node.blocking(move |app| {
            let (origin, now_ms) = (&app.ledger.opening().origine, app.ledger.now_ms());
            let known = |key: &_| key_standing(key, origin, now_ms, app.ledger.index());
            let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
            let request = Requete { method: method.as_str(), target, sel: sel.as_deref(), nom: nom.as_deref() };
            let porteur = auth::verify(authorization.as_deref(), &request, origin, now_ms, known)??;
            let reader = Reader::of(&porteur.record);
            // Where it reads from, if the address does not say it.
            let since = since.map(|id| format!(" Last-Event-ID: {id}")).unwrap_or_default();
            let demande = format!("{method} {target}{since}");
            note(app, now_ms, (porteur.key, &porteur.record), &format!("{method} {route}"), &demande)?;
            Ok(Self { reader, porteur })
        })
        .await
    }
}

/// Notes what an auditor's key asks for; of any other nothing. What can't be noted is not answered.
pub(crate) fn note(
    app: &App,
    now_ms: u64,
    (key, record): (KeyId, &KeyRecord),
    route: &str,
    demande: &str,
) -> Result<(), Problem> {
    if !record.roles.iter().any(|role| matches!(role, Role::Auditeur(_))) {
        return Ok(());
    }
    if demande.len() > DEMANDE_BYTES_MAX {
        let detail = format!("what an auditor asks for is noted: in {DEMANDE_BYTES_MAX} bytes at most");
        return Err(Problem::new(Cause::QueryInvalid, detail));
    }
    app.lectures.note(now_ms, key, &record.organisation, route, demande).map_err(|error| {
        tracing::error!(%error, "what an auditor asks for can't be noted, so it is not answered");
        Problem::new(Cause::StoreUnavailable, "the node can't note that this is read").retry_after(30)
    })
}

impl FromRequestParts<Node> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Problem> {
        Ok(Session::from_request_parts(parts, node).await?.reader)
    }
}

impl Session {
    /// Refuses a token that is good for other requests too.
    pub fn expect_bound(&self) -> Result<(), Problem> {
        if self.porteur.is_bound { Ok(()) } else { Err(auth::TokenError::Request.into()) }
    }

    /// Whether it is the operator's key.
    pub fn is_operator(&self) -> bool {
        self.porteur.record.roles.contains(&Role::Operateur)
    }

    /// The key that signed the token.
    pub fn key(&self) -> KeyId {
        self.porteur.key
    }

    /// How long it lasts at most, from now on.
    pub fn lasts(&self, app: &App) -> Duration {
        let KeyRecord { valable_jusqu, .. } = &self.porteur.record;
        let token_ms = self.porteur.until_s.saturating_mul(1_000);
        let until_ms = valable_jusqu.map_or(token_ms, |end| end.unix_ms().min(token_ms));
        Duration::from_millis(until_ms.saturating_sub(app.ledger.now_ms()))
    }

    /// Whether it still holds. Reads the index.
    pub fn check(&self, app: &App) -> Result<(), Problem> {
        let (origin, now_ms) = (&app.ledger.opening().origine, app.ledger.now_ms());
        if now_ms / 1_000 >= self.porteur.until_s {
            return Err(auth::TokenError::Expired.into());
        }
        let known = key_standing(&self.porteur.key, origin, now_ms, app.ledger.index())?;
        Ok(auth::entitled(known).map(|_| ())?)
    }

    /// Whether a leaf may end it: one about its organisation's membership and keys, or about the log's own keys.
    pub fn may_end_with(&self, feuille: &Feuille) -> bool {
        match feuille.audience.dossier() {
            DossierId::Adherent(organisation) => organisation == self.reader.organisation(),
            DossierId::Registre(_) => feuille.event_type != EventType::RegistreRefus,
            _ => false,
        }
    }
}
