//! Acts, from their view (`greffe_projections::actes`), as far as the reader may see them.
//!
//! ```text
//! GET /v1/actes?siren=&departement=&nature=&etat=&limit=&apres=&at_least=      {"lignes":[…],"suite":"<cursor>"|null}
//! GET /v1/actes/{id}?at_least=
//! ```
//!
//! Newest first; cursors and `at_least` as in every view (`super::vues`). What an act is about is read from its
//! confidential piece when it is shown.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::Famille;
use greffe_events::horodatage::Jour;
use greffe_events::ident::{Departement, IdActe, Nature, Siren};
use greffe_projections::droit::Motif;
use greffe_projections::legalite::{self, Acces, AccuseRow, ActeRow, Etat, Filtre, Objets, PublicationRow};
use greffe_projections::liste::Page;
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;

use super::access::Reader;
use super::compression;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande};
use super::openapi::mots;
use super::problem::Problem;
use super::request::{Params, parameter};
use super::vues::{FindQuery, PageJson, limite, mot, organisations, read_cursor, wait_for};
use super::{App, Node};
use crate::vues::StorePieces;

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    #[schemars(with = "Option<Siren>")]
    pub siren: Option<String>,
    #[schemars(with = "Option<Departement>")]
    pub departement: Option<String>,
    #[schemars(with = "Option<Nature>")]
    pub nature: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "etats")]
    pub etat: Option<String>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    pub apres: Option<String>,
    at_least: Option<u64>,
}

fn etats(_: &mut SchemaGenerator) -> Schema {
    mots(Etat::ALL.map(Etat::as_str))
}

/// `GET /v1/actes`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let filtre = query.filtre()?;
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let filtre = Filtre { acces: acces(app, &reader)?, ..filtre };
        let maintenant_ms = app.ledger.now_ms();
        let read = |view: &_| lignes(view, &filtre, maintenant_ms);
        // The view's connection is given back first: files may be slow.
        let vu = vu(app, &filtre.acces, maintenant_ms);
        let answer = demande.lit(&app.vues.legalite, &vu, read, |page| Ok(PageJson::from(avec_objets(app, page))));
        answer.map(compression::never)
    })
    .await
}

/// The same, for whoever shows it otherwise.
pub(crate) fn page(app: &App, reader: &Reader, query: &ListQuery) -> Result<Page<ActeRow>, Problem> {
    let filtre = Filtre { acces: acces(app, reader)?, ..query.filtre()? };
    let read = app.vues.legalite.read(|view, _| lignes(view, &filtre, app.ledger.now_ms()))?;
    Ok(avec_objets(app, read))
}

/// One act, if it is there and the reader may see it.
pub(crate) fn un(app: &App, reader: &Reader, id: &str) -> Result<ActeRow, Problem> {
    let id: IdActe = id.parse().map_err(|_| Problem::not_found())?;
    let acces = acces(app, reader)?;
    let acte = app.vues.legalite.read(|view, _| legalite::find(view, &id.to_string(), &acces, app.ledger.now_ms()))?;
    let mut acte = acte.ok_or_else(Problem::not_found)?;
    objets(app).fill(&mut acte);
    Ok(acte)
}

fn lignes(view: &rusqlite::Connection, filtre: &Filtre, maintenant_ms: u64) -> rusqlite::Result<Page<ActeRow>> {
    let lignes = legalite::list(view, filtre, maintenant_ms)?;
    let Some(last) = lignes.last().map(|acte| acte.index) else { return Ok(Page { lignes, suite: None }) };
    let next = Filtre { apres: Some(last), limite: 1, ..filtre.clone() };
    let beyond = legalite::list(view, &next, maintenant_ms)?;
    Ok(Page { lignes, suite: (!beyond.is_empty()).then_some(last) })
}

fn avec_objets(app: &App, mut page: Page<ActeRow>) -> Page<ActeRow> {
    let objets = objets(app);
    for acte in &mut page.lignes {
        objets.fill(acte);
    }
    page
}

/// `GET /v1/actes/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let id: IdActe = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.legalite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader)?;
        let maintenant_ms = app.ledger.now_ms();
        let read = |view: &_| legalite::find(view, &id.to_string(), &acces, maintenant_ms);
        let answer =
            conditions.un(&app.vues.legalite, &vu(app, &acces, maintenant_ms), read, |acte| objets(app).fill(acte));
        answer.map(compression::never)
    })
    .await
}

impl ListQuery {
    /// The view's filter, each value checked; what the reader may see is added later.
    fn filtre(&self) -> Result<Filtre, Problem> {
        let siren: Option<Siren> = parameter("siren", self.siren.as_deref())?;
        let departement: Option<Departement> = parameter("departement", self.departement.as_deref())?;
        let nature: Option<Nature> = parameter("nature", self.nature.as_deref())?;
        Ok(Filtre {
            siren: siren.map(|siren| siren.to_string()),
            departement: departement.map(|departement| departement.to_string()),
            nature: nature.map(|nature| nature.to_string()),
            etat: mot("etat", self.etat.as_deref(), &Etat::ALL, Etat::as_str)?,
            acces: Acces::Partiel { sirens: Vec::new(), departements: Vec::new(), prefectures: Vec::new() },
            apres: self.apres.as_deref().map(read_cursor).transpose()?,
            limite: limite(self.limit)?,
        })
    }
}

/// What an answer follows from, beside the view: what the reader may see, the log, which may have erased an objet already, and the
/// day of the law, which somewhere begins with each hour.
pub(super) fn vu(app: &App, acces: &Acces, maintenant_ms: u64) -> impl std::fmt::Debug {
    const HOUR_MS: u64 = 3_600_000;
    (acces.clone(), app.ledger.head().size, maintenant_ms / HOUR_MS)
}

pub(super) fn objets(app: &App) -> Objets<StorePieces> {
    Objets(StorePieces(app.ledger.pieces().clone()))
}

/// The acts of its own, of whom it audits, of members that it signs for, and of its départements.
pub(super) fn acces(app: &App, reader: &Reader) -> Result<Acces, Problem> {
    if reader.reads_everything() {
        return Ok(Acces::Tout);
    }
    // A body without SIREN owns no act.
    let organisations = organisations(app, reader, Famille::Actes)?;
    Ok(Acces::Partiel {
        sirens: organisations
            .iter()
            .filter_map(greffe_events::ident::Organisation::siren)
            .map(|siren| siren.to_string())
            .collect(),
        departements: reader.departements().iter().map(ToString::to_string).collect(),
        prefectures: reader.prefectures().iter().map(ToString::to_string).collect(),
    })
}

impl Tableau for ActeRow {
    const NOM: &'static str = "actes";
    const ENTETES: &'static [&'static str] = &[
        "Identifiant",
        "SIREN",
        "Département",
        "Nature",
        "Numéro",
        "Date de décision",
        "Matière",
        "Objet",
        "État",
        "Transmis le (UTC)",
        "Transmissions",
        "Date de réception",
        "Accusé signé par",
        "Accusé constaté par",
        "Anomalies",
        "Publié le",
        "Notifié le",
        "Exécutoire depuis",
        "Exécutoire : motif",
        "Déféré possible jusqu'au, au plus tôt",
        "Déféré possible jusqu'au, au plus tard",
        "Pièces",
        "Indice",
    ];

    fn lignes<'a>(&'a self) -> Vec<Vec<Cellule<'a>>> {
        let jour = |text: Option<&'a String>| Cellule::option(text, |text| Cellule::Jour(text));
        let date = |jour: Option<Jour>| jour.map_or(Cellule::Vide, Cellule::Date);
        let first = |is_notification: bool| {
            let of_kind = |row: &&PublicationRow| (row.mode == "notification") == is_notification;
            jour(self.publications.iter().filter(of_kind).map(|row| &row.date).min())
        };
        let accuse = |par: fn(&AccuseRow) -> &Option<String>| {
            Cellule::option(self.accuses.iter().find_map(|accuse| par(accuse).as_ref()), Into::into)
        };
        vec![vec![
            (&self.id).into(),
            (&self.siren).into(),
            (&self.departement).into(),
            (&self.nature).into(),
            (&self.numero).into(),
            Cellule::Jour(&self.date_decision),
            (&self.matiere).into(),
            (&self.objet).into(),
            self.etat.as_str().into(),
            Cellule::option(self.transmis_le.as_deref(), Cellule::Instant),
            self.transmissions.into(),
            jour(self.date_reception.as_ref()),
            accuse(|accuse| &accuse.signe_par),
            accuse(|accuse| &accuse.constate_par),
            self.anomalies.len().into(),
            first(false),
            first(true),
            date(self.executoire.le),
            motif(self.executoire.motif).into(),
            date(self.defere.au_plus_tot),
            date(self.defere.au_plus_tard),
            self.pieces.len().into(),
            self.index.into(),
        ]]
    }
}

/// Why an act is executory, or is not, for people.
pub(crate) fn motif(motif: Motif) -> &'static str {
    match motif {
        Motif::PublieEtTransmis => "publié et transmis",
        Motif::NotifieEtTransmis => "notifié et transmis",
        Motif::PublieSansTransmission => "publié ; rien ne dit qu'il devait être transmis",
        Motif::NonPublie => "non publié",
        Motif::NonNotifie => "non notifié",
        Motif::TransmissionRejetee => "transmission rejetée",
        Motif::Annule => "annulé",
    }
}
