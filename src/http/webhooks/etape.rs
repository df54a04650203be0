//! One step of one subscription: the next leaf that it is told of, one attempt to tell it, and what became of that.
//!
//! Asked anew at each step: whether the key is in force, and whether it may read that leaf. A leaf that is passed over, because it is not for this
//! reader or not what was asked for, is settled: what becomes readable later is not said again, as in the feed.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use greffe_events::authority::key_standing;
use greffe_events::horodatage::Horodatage;
use serde::Deserialize;
use uuid::Uuid;

use super::super::access::Reader;
use super::super::feuille::Feuille;
use super::super::fil::filtre::Filtre;
use super::super::fil::{BLOCK_LEAVES, read_block};
use super::super::problem::Problem;
use super::super::{App, Node, auth};
use super::demande_of;
use super::tournee::envoyer;
use crate::webhooks::abonnement::{Abonnement, Arret, Echec, Motif};
use crate::webhooks::message::{self, Annonce, Evenement};
use crate::webhooks::suite::{GONE, Reponse, apres};

/// Leaves looked at first.
const FEW_LEAVES: usize = 16;
/// How long the newest leaves are waited for, which are made ready for all who follow.
const NOT_READY: Duration = Duration::from_millis(50);
/// How long a place to send from is waited for, before it is asked for again.
const NO_PLACE: Duration = Duration::from_secs(1);
/// How far behind the newest leaves the clock may be, in ms, and still be believed of keys.
const BEHIND_MS_MAX: u64 = 2_000;

/// Where a subscription is after a step.
#[derive(Debug)]
pub(super) enum Bilan {
    /// It goes on there, after that wait.
    Suite { position: u64, attente: Option<Duration>, renvois: bool },
    /// It has nothing to say up to there.
    Rien { position: u64 },
    /// It is deleted or suspended.
    Fini,
    /// The node itself could not go on.
    Panne,
}

/// A leaf to tell of.
struct AFaire {
    index: u64,
    id: String,
    payload: Vec<u8>,
}

/// What looking at some leaves gave.
enum Vu {
    /// This one is told.
    Feuille(AFaire),
    /// None before this one.
    Rien(u64),
    /// Nothing may be told any more.
    Arret(Arret),
}

/// One step.
pub(super) async fn pas(node: &Node, id: Uuid) -> Result<Bilan, Problem> {
    let abonnement = node.blocking(move |app| Ok(app.webhooks.magasin().lire(id)?)).await?;
    let Some(abonnement) = abonnement.filter(|abonnement| abonnement.etat.arret.is_none()) else {
        return Ok(Bilan::Fini);
    };
    let abonnement = Arc::new(abonnement);
    let position = abonnement.etat.position;
    let size = node.app().ledger.head().size;
    let mut vu = Vu::Rien(position);
    // Few first: one that is told of everything has its next message here.
    for max in [FEW_LEAVES, BLOCK_LEAVES] {
        let Vu::Rien(from) = vu else { break };
        if from < size {
            vu = regarder(node, &abonnement, from, max).await?;
        }
    }
    let vers = match vu {
        Vu::Feuille(a_faire) => return tenter(node, &abonnement, a_faire).await,
        Vu::Arret(arret) => return arreter(node, &abonnement, arret).await,
        Vu::Rien(vers) => vers,
    };
    if vers > position {
        let avant = Arc::clone(&abonnement);
        node.blocking(move |app| Ok(app.webhooks.magasin().avancer(&avant, vers)?)).await?;
    }
    if vers < size {
        let attente = (vers == position).then_some(NOT_READY);
        return Ok(Bilan::Suite { position: vers, attente, renvois: abonnement.echecs > 0 });
    }
    renvoyer(node, &abonnement, vers).await
}

/// Looks at leaves from `from` on, at most `max` of them, with the rights of this moment.
async fn regarder(node: &Node, abonnement: &Arc<Abonnement>, from: u64, max: usize) -> Result<Vu, Problem> {
    let abonnement = Arc::clone(abonnement);
    let judge = move |app: &App, leaves: Vec<Arc<Feuille>>| juger(app, &abonnement, from, &leaves);
    match node.recentes.read(from, max) {
        Some(leaves) => node.blocking(move |app| judge(app, leaves)).await,
        None => read_block(node, from, max, judge).await,
    }
}

fn juger(app: &App, abonnement: &Abonnement, from: u64, leaves: &[Arc<Feuille>]) -> Result<Vu, Problem> {
    let Ok(filtre) = Filtre::of(&demande_of(&abonnement.filtre)) else { return Ok(Vu::Arret(Arret::Filtre)) };
    // Asked after the leaves were read: one of them that ends the key counts for all.
    let ledger = &app.ledger;
    let known = key_standing(&abonnement.cle, &ledger.opening().origine, ledger.now_ms(), ledger.index())?;
    let Ok(record) = auth::entitled(known) else {
        // A clock that was set back says nothing of a key.
        let newest = leaves.last().map(|leaf| leaf.leaf()).transpose()?.map_or(0, |leaf| leaf.recorded_at_ms);
        if newest > ledger.now_ms().saturating_add(BEHIND_MS_MAX) {
            return Err(Problem::internal(&"the clock is behind the log: keys are not judged by it"));
        }
        return Ok(Vu::Arret(Arret::Cle));
    };
    let reader = Reader::of(&record);
    let mut next = from;
    for leaf in leaves {
        if filtre.admits(leaf) && reader.reads(&leaf.audience).selon(app)? {
            return Ok(Vu::Feuille(annonce(app, abonnement, leaf)?));
        }
        next = leaf.index() + 1;
    }
    Ok(Vu::Rien(next))
}

/// What a leaf is announced with.
fn annonce(app: &App, abonnement: &Abonnement, feuille: &Feuille) -> Result<AFaire, Problem> {
    #[derive(Deserialize)]
    struct Dit {
        id: String,
        time: String,
    }
    let leaf = feuille.leaf()?;
    let dit: Dit = serde_json::from_slice(leaf.envelope.payload()).map_err(|error| Problem::internal(&error))?;
    let index = feuille.index();
    let data = Evenement {
        abonnement: abonnement.id,
        registre: app.ledger.opening().origine.as_str(),
        index,
        id: &dit.id,
        source: &feuille.audience.source().to_string(),
        subject: feuille.subject.as_str(),
        recorded_at: Horodatage::from_unix_ms(leaf.recorded_at_ms),
        url: format!("/v1/events/{index}"),
    };
    let annonce = Annonce { event_type: feuille.event_type.as_str(), timestamp: &dit.time, data };
    let payload = serde_json::to_vec(&annonce).map_err(|error| Problem::internal(&error))?;
    Ok(AFaire { index, id: message::id(abonnement.id, index, feuille.bytes()), payload })
}

/// Host and port, as the address spells them.
fn authority_of(url: &str) -> String {
    url.parse::<Uri>()
        .ok()
        .and_then(|uri| uri.authority().map(|it| it.as_str().to_ascii_lowercase()))
        .unwrap_or_default()
}

/// The answer; none where there is no place to send from now.
async fn envoyer_a(node: &Node, abonnement: &Abonnement, a_faire: AFaire) -> Result<Option<Reponse>, Problem> {
    let AFaire { index, id, payload } = a_faire;
    let (limits, url) = (&node.limits, abonnement.url.clone());
    let destination = authority_of(&url);
    let places = (limits.destinations.take(&destination), limits.livraisons.take(&abonnement.organisation));
    let (Ok(destination), Ok(own)) = places else { return Ok(None) };
    let reponse = envoyer(Arc::clone(&node.app().webhooks), url, id, payload, (destination, own)).await?;
    match reponse {
        Reponse::Livre => tracing::info!(webhook = %abonnement.id, index, "delivered"),
        Reponse::Echec { motif, statut, .. } => {
            tracing::info!(webhook = %abonnement.id, index, motif = motif.as_str(), statut, "not delivered");
        }
    }
    Ok(Some(reponse))
}

/// Sends, and notes what became of it.
async fn tenter(node: &Node, abonnement: &Arc<Abonnement>, a_faire: AFaire) -> Result<Bilan, Problem> {
    let index = a_faire.index;
    let Some(reponse) = envoyer_a(node, abonnement, a_faire).await? else {
        let (position, renvois) = (abonnement.etat.position, abonnement.echecs > 0);
        return Ok(Bilan::Suite { position, attente: Some(NO_PLACE), renvois });
    };
    let avant = Arc::clone(abonnement);
    node.blocking(move |app| {
        let mut alea = [0];
        // Without chance those that failed together come back together.
        let _ = getrandom::fill(&mut alea);
        let (webhooks, now_ms) = (&app.webhooks, app.ledger.now_ms());
        let (etat, mort) = apres(&avant.etat, index, reponse, now_ms, alea[0], webhooks.options());
        webhooks.magasin().noter(&avant, &etat, mort.as_ref(), webhooks.options().echecs)?;
        if mort.is_some() {
            webhooks.mesures().abandon();
            tracing::warn!(webhook = %avant.id, index, "given up: a dead letter");
        }
        if let Some(arret) = etat.arret {
            tracing::warn!(webhook = %avant.id, cause = arret.as_str(), "suspended");
            return Ok(Bilan::Fini);
        }
        let attente = etat.prochaine_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms)));
        Ok(Bilan::Suite { position: etat.position, attente, renvois: avant.echecs > 0 || mort.is_some() })
    })
    .await
}

async fn arreter(node: &Node, abonnement: &Arc<Abonnement>, arret: Arret) -> Result<Bilan, Problem> {
    let id = abonnement.id;
    tracing::warn!(webhook = %id, cause = arret.as_str(), "suspended");
    node.blocking(move |app| Ok(app.webhooks.magasin().suspendre(id, arret)?)).await?;
    Ok(Bilan::Fini)
}

/// Sends one dead letter that was asked for again, once; without any, there is nothing to say.
async fn renvoyer(node: &Node, abonnement: &Arc<Abonnement>, position: u64) -> Result<Bilan, Problem> {
    let id = abonnement.id;
    let Some(mort) = node.blocking(move |app| Ok(app.webhooks.magasin().a_renvoyer(id)?)).await? else {
        return Ok(Bilan::Rien { position });
    };
    let index = mort.index;
    let (echec, attente) = match regarder(node, abonnement, index, 1).await? {
        Vu::Arret(arret) => return arreter(node, abonnement, arret).await,
        Vu::Rien(_) => (Some((Motif::Illisible, None)), None),
        Vu::Feuille(a_faire) => match envoyer_a(node, abonnement, a_faire).await? {
            None => return Ok(Bilan::Suite { position, attente: Some(NO_PLACE), renvois: true }),
            Some(Reponse::Livre) => (None, None),
            Some(Reponse::Echec { statut: Some(GONE), .. }) => return arreter(node, abonnement, Arret::Parti).await,
            // The others that were asked for wait as after any failure.
            Some(Reponse::Echec { motif, statut, retry_after }) => {
                let options = node.app().webhooks.options();
                let asked = retry_after.unwrap_or_default().min(options.retry_after);
                (Some((motif, statut)), Some(asked.max(options.delais.first().copied().unwrap_or_default())))
            }
        },
    };
    node.blocking(move |app| {
        let now_ms = app.ledger.now_ms();
        let echec = echec.map(|(motif, statut)| Echec { le_ms: now_ms, motif, statut });
        Ok(app.webhooks.magasin().noter_renvoi(id, index, echec, now_ms)?)
    })
    .await?;
    Ok(Bilan::Suite { position, attente, renvois: true })
}
