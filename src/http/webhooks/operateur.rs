//! What the operator may do about webhooks that are not its own: see them, suspend them, lift that, delete them. Never send one, nor read what
//! it sends: the operator reads the log.
//!
//! ```text
//! GET    /v1/webhooks?tous=true           those of every organisation, oldest first
//! GET    /v1/webhooks/{id}, DELETE, POST …/reprise      as its own; a reprise keeps the rights of the key that the webhook has
//! POST   /v1/webhooks/{id}/suspension     nothing is sent any more, until the operator's own reprise
//! ```
//!
//! An organisation that left keeps no place either: its webhooks are deleted when the node starts, and as soon as there is no room for another's.

use axum::Json;
use axum::extract::{Path, State};
use greffe_events::authority::{RightsReader, key_standing};

use super::super::problem::{Cause, Problem};
use super::super::session::Session;
use super::super::{App, Node, auth};
use super::{WebhookJson, nomme};
use crate::webhooks::abonnement::{Abonnement, Arret};

/// Refuses a reader that is not the operator.
pub(super) fn expect_operateur(session: &Session) -> Result<(), Problem> {
    if session.is_operator() {
        return Ok(());
    }
    Err(Problem::new(Cause::TokenNotEntitled, "the operator's key does this"))
}

/// One of the reader's organisation, or any for the operator; anything else is not there.
pub(super) fn sien_ou_tout(app: &App, session: &Session, id: &str) -> Result<Abonnement, Problem> {
    let found = nomme(app, id)?;
    let may_see = found.organisation == *session.reader.organisation() || session.is_operator();
    if may_see { Ok(found) } else { Err(Problem::not_found()) }
}

/// Refuses to lift what the operator decided, to anybody else.
pub(super) fn expect_libre(abonnement: &Abonnement, session: &Session) -> Result<(), Problem> {
    if abonnement.etat.arret != Some(Arret::Operateur) || session.is_operator() {
        return Ok(());
    }
    Err(Problem::new(Cause::TokenNotEntitled, "the operator suspended it").advise(Arret::Operateur.conseil()))
}

/// `POST /v1/webhooks/{id}/suspension`.
pub(in super::super) async fn suspendre(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<WebhookJson>, Problem> {
    session.expect_bound()?;
    let suspendu = node
        .blocking(move |app| {
            let abonnement = sien_ou_tout(app, &session, &id)?;
            expect_operateur(&session)?;
            app.webhooks.magasin().interdire(abonnement.id)?;
            sien_ou_tout(app, &session, &id)
        })
        .await?;
    tracing::warn!(webhook = %suspendu.id, "suspended by the operator");
    node.app().webhooks.reveiller();
    Ok(Json(WebhookJson::of(suspendu)))
}

/// Deletes the webhooks of organisations that left: how many. What the operator's own key reads for is not a member's.
pub(super) fn oublier_les_sortis(app: &App) -> Result<usize, Problem> {
    let (ledger, magasin) = (&app.ledger, app.webhooks.magasin());
    let mut count = 0;
    for abonnement in magasin.tous()? {
        let has_left = ledger.index().member(&abonnement.organisation)?.is_some_and(|member| member.sorti);
        if !has_left {
            continue;
        }
        let known = key_standing(&abonnement.cle, &ledger.opening().origine, ledger.now_ms(), ledger.index())?;
        if auth::entitled(known).is_err() && magasin.supprimer(abonnement.id)? {
            tracing::info!(webhook = %abonnement.id, "deleted: its organisation has left");
            count += 1;
        }
    }
    Ok(count)
}
