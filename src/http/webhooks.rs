//! Webhooks: a member has the feed announced to an address (`crate::webhooks`).
//!
//! ```text
//! POST   /v1/webhooks?url=&after=&type=&famille=&source=&departement=&sujet=      201, or 200 where the same one is there
//! GET    /v1/webhooks?tous=              those of the reader's organisation, and the keys that sign
//! GET    /v1/webhooks/{id}               one: where it is, what failed last
//! DELETE /v1/webhooks/{id}
//! POST   /v1/webhooks/{id}/essai         sends a message that announces nothing, now, and says what became of it
//! POST   /v1/webhooks/{id}/reprise       goes on at once, with the rights of the key that asks
//! GET    /v1/webhooks/{id}/echecs?apres=&limit=
//! POST   /v1/webhooks/{id}/renvoi?index=           a dead letter, or all
//! ```
//!
//! All that a webhook is stands in the query, because a token is bound to method, path and query: whoever gets hold of one can have nothing else announced, nor
//! elsewhere ([`super::auth`]). What changes something takes no other token.
//!
//! A webhook is its organisation's: any key of it in force sees it and deletes it. What is announced is what the key that asked for it, or resumed it
//! last, may read at that moment. To anybody else it is not there, but for the operator (`operateur`).

mod etape;
pub(super) mod operateur;
pub(super) mod tournee;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::operateur::{expect_libre, expect_operateur, oublier_les_sortis, sien_ou_tout};
use self::tournee::envoyer;
use super::bounds::overloaded;
use super::fil::Demande;
use super::fil::filtre::Filtre;
use super::places::Full;
use super::problem::{Cause, Problem};
use super::request::{Params, bad_parameter};
use super::session::Session;
use super::vues::limite;
use super::{App, Node};
use crate::webhooks::abonnement::{Abonnement, Arret, Echec, Filtres, Mort, Motif, Nouveau};
use crate::webhooks::adresse::faute;
use crate::webhooks::magasin::Ajout;
use crate::webhooks::message::{Annonce, Essai, TYPE_ESSAI, id_essai};
use crate::webhooks::suite::{Reponse, repris};

/// What is asked for: where to, from when on, and the feed's filters.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Creation {
    url: String,
    after: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    famille: Option<String>,
    source: Option<String>,
    departement: Option<String>,
    sujet: Option<String>,
}

impl Creation {
    fn filtres(&self) -> Filtres {
        Filtres {
            event_type: self.event_type.clone(),
            famille: self.famille.clone(),
            source: self.source.clone(),
            departement: self.departement.clone(),
            sujet: self.sujet.clone(),
        }
    }
}

/// The filters of a subscription, as the feed reads them.
fn demande_of(filtres: &Filtres) -> Demande {
    Demande {
        event_type: filtres.event_type.clone(),
        famille: filtres.famille.clone(),
        source: filtres.source.clone(),
        departement: filtres.departement.clone(),
        sujet: filtres.sujet.clone(),
        ..Demande::default()
    }
}

/// A webhook, as its organisation sees it.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Webhook")]
pub(super) struct WebhookJson {
    id: Uuid,
    /// Whose.
    organisation: Organisation,
    url: String,
    filtre: Filtres,
    cree_le: Horodatage,
    /// The key whose rights it has.
    lecteur: KeyId,
    etat: EtatJson,
    /// Of one that is suspended: why, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    arret: Option<ArretJson>,
    /// The last leaf that is settled, as the feed's cursor.
    curseur: Option<u64>,
    /// Messages delivered.
    livres: u64,
    derniere_livraison: Option<Horodatage>,
    /// Attempts that the next message has had.
    tentatives: u32,
    prochaine_tentative: Option<Horodatage>,
    dernier_echec: Option<EchecJson>,
    /// Dead letters kept.
    echecs: u64,
    /// Dead letters that made room for later ones.
    echecs_perdus: u64,
}

/// Whether a webhook sends.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "EtatWebhook")]
#[serde(rename_all = "kebab-case")]
enum EtatJson {
    Actif,
    Suspendu,
}

/// Why a webhook is suspended.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "ArretWebhook")]
struct ArretJson {
    cause: Arret,
    conseil: &'static str,
}

/// An attempt that failed.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "EchecWebhook")]
struct EchecJson {
    le: Horodatage,
    motif: Motif,
    /// What was answered.
    statut: Option<u16>,
}

impl EchecJson {
    fn of(echec: Echec) -> Self {
        Self { le: Horodatage::from_unix_ms(echec.le_ms), motif: echec.motif, statut: echec.statut }
    }
}

impl WebhookJson {
    fn of(abonnement: Abonnement) -> Self {
        let Abonnement { id, url, filtre, cree_ms, cle, etat, echecs, perdus, organisation } = abonnement;
        Self {
            id,
            organisation,
            url,
            filtre,
            cree_le: Horodatage::from_unix_ms(cree_ms),
            lecteur: cle,
            etat: if etat.arret.is_none() { EtatJson::Actif } else { EtatJson::Suspendu },
            arret: etat.arret.map(|cause| ArretJson { cause, conseil: cause.conseil() }),
            curseur: etat.position.checked_sub(1),
            livres: etat.livres,
            derniere_livraison: etat.derniere_livraison_ms.map(Horodatage::from_unix_ms),
            tentatives: etat.tentatives,
            prochaine_tentative: etat.prochaine_ms.map(Horodatage::from_unix_ms),
            dernier_echec: etat.dernier_echec.map(EchecJson::of),
            echecs,
            echecs_perdus: perdus,
        }
    }
}

/// Those of an organisation.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Webhooks")]
pub(super) struct Tous {
    webhooks: Vec<WebhookJson>,
    /// The keys that sign, the one in use first; none before the first webhook of the node.
    cles: Vec<String>,
}

/// `POST /v1/webhooks`.
pub(super) async fn creer(
    State(node): State<Node>,
    session: Session,
    Params(creation): Params<Creation>,
) -> Result<Response, Problem> {
    session.expect_bound()?;
    let filtre = creation.filtres();
    let demande = Demande { after: creation.after, ..demande_of(&filtre) };
    Filtre::of(&demande)?;
    if let Some(fault) = faute(&creation.url, &node.app().webhooks.options().portee) {
        return Err(bad_parameter("url", fault));
    }
    let size = node.app().ledger.head().size;
    let position = if demande.after.is_some() { demande.from(&HeaderMap::new(), size)? } else { size };
    let nouveau = Nouveau {
        organisation: session.reader.organisation().clone(),
        cle: session.key(),
        url: creation.url,
        filtre,
        position,
        cree_ms: node.app().ledger.now_ms(),
    };
    let ajout = node
        .blocking(move |app| {
            let webhooks = &app.webhooks;
            // Before the first one: an answer without its key could not be verified.
            webhooks.cles()?;
            let ajouter = || webhooks.magasin().ajouter(&nouveau, webhooks.options());
            match ajouter()? {
                Ajout::TropPourTous if oublier_les_sortis(app)? > 0 => Ok(ajouter()?),
                ajout => Ok(ajout),
            }
        })
        .await?;
    let too_many = |detail: &str| Problem::new(Cause::TooManyWebhooks, detail);
    let (status, abonnement) = match ajout {
        Ajout::Nouveau(abonnement) => (StatusCode::CREATED, abonnement),
        Ajout::Connu(abonnement) => (StatusCode::OK, abonnement),
        Ajout::TropPourLui => {
            let max = node.app().webhooks.options().par_organisme;
            return Err(too_many(&format!("one organisation has at most {max} webhooks")));
        }
        Ajout::TropPourTous => return Err(too_many("the node has no room for another one")),
    };
    node.app().webhooks.reveiller();
    let location = format!("/v1/webhooks/{}", abonnement.id);
    Ok((status, [(LOCATION, location)], Json(WebhookJson::of(abonnement))).into_response())
}

/// The query of the list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TousQuery {
    tous: Option<bool>,
}

/// `GET /v1/webhooks`.
pub(super) async fn lister(
    State(node): State<Node>,
    session: Session,
    Params(query): Params<TousQuery>,
) -> Result<Json<Tous>, Problem> {
    let of_all = query.tous == Some(true);
    if of_all {
        expect_operateur(&session)?;
    }
    let tous = node
        .blocking(move |app| {
            let magasin = app.webhooks.magasin();
            Ok(if of_all { magasin.tous()? } else { magasin.de(session.reader.organisation())? })
        })
        .await?;
    let webhooks = tous.into_iter().map(WebhookJson::of).collect();
    Ok(Json(Tous { webhooks, cles: node.app().webhooks.cles_publiques() }))
}

/// The one of that name, whosever it is.
fn nomme(app: &App, id: &str) -> Result<Abonnement, Problem> {
    // In its one spelling.
    let id = id.parse::<Uuid>().ok().filter(|parsed| parsed.to_string() == id).ok_or_else(Problem::not_found)?;
    app.webhooks.magasin().lire(id)?.ok_or_else(Problem::not_found)
}

/// One of the reader's organisation; anything else is not there.
fn sien(app: &App, session: &Session, id: &str) -> Result<Abonnement, Problem> {
    let found = nomme(app, id)?;
    if found.organisation == *session.reader.organisation() { Ok(found) } else { Err(Problem::not_found()) }
}

/// `GET /v1/webhooks/{id}`.
pub(super) async fn lire(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<WebhookJson>, Problem> {
    Ok(Json(WebhookJson::of(node.blocking(move |app| sien_ou_tout(app, &session, &id)).await?)))
}

/// `DELETE /v1/webhooks/{id}`.
pub(super) async fn supprimer(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    session.expect_bound()?;
    node.blocking(move |app| {
        let abonnement = sien_ou_tout(app, &session, &id)?;
        expect_libre(&abonnement, &session)?;
        if app.webhooks.magasin().supprimer(abonnement.id)? { Ok(()) } else { Err(Problem::not_found()) }
    })
    .await?;
    node.app().webhooks.reveiller();
    Ok(StatusCode::NO_CONTENT)
}

/// What became of a try.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "EssaiWebhook")]
pub(super) struct EssaiJson {
    livre: bool,
    /// `webhook-id` of what was sent.
    message: String,
    /// Why not.
    motif: Option<Motif>,
    /// What was answered, where it was not 2xx.
    statut: Option<u16>,
    duree_ms: u64,
}

/// `POST /v1/webhooks/{id}/essai`.
pub(super) async fn essayer(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<EssaiJson>, Problem> {
    session.expect_bound()?;
    let place = node.limits.essais.take(session.reader.organisation());
    let place = place.map_err(|full| match full {
        Full::OfEach | Full::OfAll => overloaded("tries of addresses"),
    })?;
    let abonnement = node.blocking(move |app| sien(app, &session, &id)).await?;
    let (message, begun) = (id_essai(), std::time::Instant::now());
    let origin = &node.app().ledger.opening().origine;
    let timestamp = Horodatage::from_unix_ms(node.app().ledger.now_ms()).to_string();
    let data = Essai { abonnement: abonnement.id, registre: origin.as_str() };
    let annonce = Annonce { event_type: TYPE_ESSAI, timestamp: &timestamp, data };
    let payload = serde_json::to_vec(&annonce).map_err(|error| Problem::internal(&error))?;
    let reponse = envoyer(Arc::clone(&node.app().webhooks), abonnement.url, message.clone(), payload, place).await?;
    let (livre, motif, statut) = match reponse {
        Reponse::Livre => (true, None, None),
        Reponse::Echec { motif, statut, .. } => (false, Some(motif), statut),
    };
    let duree_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(EssaiJson { livre, message, motif, statut, duree_ms }))
}

/// `POST /v1/webhooks/{id}/reprise`.
pub(super) async fn reprendre(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<WebhookJson>, Problem> {
    session.expect_bound()?;
    let repris = node
        .blocking(move |app| {
            let abonnement = sien_ou_tout(app, &session, &id)?;
            expect_libre(&abonnement, &session)?;
            let is_own = abonnement.organisation == *session.reader.organisation();
            // Another's goes on with what its own key may read, not with what the operator may.
            let cle = if is_own { session.key() } else { abonnement.cle };
            app.webhooks.magasin().reprendre(abonnement.id, &cle.to_string(), &repris(&abonnement.etat))?;
            sien_ou_tout(app, &session, &id)
        })
        .await?;
    node.app().webhooks.reveiller();
    Ok(Json(WebhookJson::of(repris)))
}

/// The query of a page of dead letters.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EchecsQuery {
    #[schemars(range(max = 9_223_372_036_854_775_807_u64))]
    apres: Option<u64>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
}

/// A dead letter.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "EchecsWebhookLigne")]
struct MortJson {
    /// The leaf that it announced.
    index: u64,
    tentatives: u32,
    /// The last time.
    echec: EchecJson,
    /// Whether it waits to be sent again.
    renvoi: bool,
}

impl MortJson {
    fn of(mort: Mort) -> Self {
        Self { index: mort.index, tentatives: mort.tentatives, echec: EchecJson::of(mort.echec), renvoi: mort.renvoi }
    }
}

/// A page of them.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "EchecsWebhook")]
pub(super) struct PageEchecs {
    echecs: Vec<MortJson>,
    /// What `apres` takes for the next page.
    suite: Option<u64>,
}

/// A leaf that a log could have.
fn feuille(name: &'static str, index: Option<u64>) -> Result<(), Problem> {
    let holds = index.is_none_or(|index| i64::try_from(index).is_ok());
    if holds { Ok(()) } else { Err(bad_parameter(name, "the index of a leaf is below 2^63")) }
}

/// `GET /v1/webhooks/{id}/echecs`.
pub(super) async fn echecs(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
    Params(query): Params<EchecsQuery>,
) -> Result<Json<PageEchecs>, Problem> {
    let limit = limite(query.limit)?;
    feuille("apres", query.apres)?;
    let found = node
        .blocking(move |app| {
            let abonnement = sien(app, &session, &id)?;
            Ok(app.webhooks.magasin().echecs(abonnement.id, query.apres, limit)?)
        })
        .await?;
    let is_full = found.len() == limit as usize;
    let suite = found.last().filter(|_| is_full).map(|last| last.index);
    Ok(Json(PageEchecs { echecs: found.into_iter().map(MortJson::of).collect(), suite }))
}

/// Which dead letter: all without.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenvoiQuery {
    #[schemars(range(max = 9_223_372_036_854_775_807_u64))]
    index: Option<u64>,
}

/// How many are sent again.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "RenvoiWebhook")]
pub(super) struct RenvoiJson {
    renvois: usize,
}

/// `POST /v1/webhooks/{id}/renvoi`.
pub(super) async fn renvoyer(
    State(node): State<Node>,
    session: Session,
    Path(id): Path<String>,
    Params(query): Params<RenvoiQuery>,
) -> Result<(StatusCode, Json<RenvoiJson>), Problem> {
    session.expect_bound()?;
    feuille("index", query.index)?;
    let renvois = node
        .blocking(move |app| {
            let abonnement = sien(app, &session, &id)?;
            let renvois = app.webhooks.magasin().renvoyer(abonnement.id, query.index)?;
            // One that is named and is not there.
            if query.index.is_some() && renvois == 0 { Err(Problem::not_found()) } else { Ok(renvois) }
        })
        .await?;
    node.app().webhooks.reveiller();
    Ok((StatusCode::ACCEPTED, Json(RenvoiJson { renvois })))
}
