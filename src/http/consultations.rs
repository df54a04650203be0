//! Tenders, their registers and submissions, from their view (`greffe_projections::marches`).
//!
//! ```text
//! GET /v1/consultations?acheteur=&procedure=&ouverte=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/consultations/{id}?at_least=                          what was said that is for the reader
//! GET /v1/consultations/{id}/retraits?limit=&apres=&at_least=   the register of withdrawals: the buyer's
//! GET /v1/consultations/{id}/plis?limit=&apres=&at_least=       the register of deposits; to a bidder its own submissions
//! ```
//!
//! Once a notice or the files are published every reader sees the tender. Of a submission nothing but that it came, when, and
//! whether in time is shown before its opening begins, whoever asks but for its bidder.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::Famille;
use greffe_events::catalogue::consultation::Procedure;
use greffe_events::ident::{IdConsultation, Organisation};
use greffe_projections::marches::{self, ConsultationRow, EnvoiRow, Filtre, PliRow, RetraitRow};
use serde::Deserialize;

use super::Node;
use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande};
use super::openapi::organisation;
use super::problem::Problem;
use super::request::{Params, bad_parameter};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    #[schemars(schema_with = "organisation")]
    acheteur: Option<String>,
    #[schemars(with = "Option<Procedure>")]
    procedure: Option<String>,
    #[schemars(extend("const" = true))]
    ouverte: Option<bool>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// `GET /v1/consultations`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let acheteur = query.acheteur.as_deref().map(Organisation::of_abrege).transpose();
    let acheteur = acheteur.map_err(|error| bad_parameter("acheteur", error.to_string()))?;
    if query.ouverte == Some(false) {
        return Err(bad_parameter("ouverte", "ouverte is true, or left out"));
    }
    let filtre = Filtre {
        acheteur: acheteur.map(|acheteur| acheteur.to_string()),
        procedure: mot("procedure", query.procedure.as_deref(), Procedure::ALL, Procedure::as_str)?,
        ouverte_a_ms: query.ouverte.map(|_| node.app().ledger.now_ms().cast_signed()),
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let read = |view: &_| marches::list(view, &acces, &filtre, tranche);
        if filtre.ouverte_a_ms.is_some() {
            // Which are still open changes with the clock.
            return demande.repond(&PageJson::from(app.vues.marches.read(|view, _| read(view))?));
        }
        demande.lit(&app.vues.marches, &acces, read, |page| Ok(PageJson::from(page)))
    })
    .await
}

/// `GET /v1/consultations/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        conditions.un(&app.vues.marches, &acces, |view| marches::find(view, &acces, &id.to_string()), |_| ())
    })
    .await
}

/// The query of a register.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistreQuery {
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// `GET /v1/consultations/{id}/retraits`.
pub(super) async fn retraits(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    demande: Demande,
    Params(query): Params<RegistreQuery>,
) -> Result<Response, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let finish = |found: Option<_>| found.map(PageJson::from).ok_or_else(Problem::not_found);
        demande.lit(&app.vues.marches, &acces, |view| marches::retraits(view, &acces, &id.to_string(), tranche), finish)
    })
    .await
}

/// `GET /v1/consultations/{id}/plis`.
pub(super) async fn plis(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    demande: Demande,
    Params(query): Params<RegistreQuery>,
) -> Result<Response, Problem> {
    let id: IdConsultation = id.parse().map_err(|_| Problem::not_found())?;
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.marches).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Marches)?;
        let finish = |found: Option<_>| found.map(PageJson::from).ok_or_else(Problem::not_found);
        demande.lit(&app.vues.marches, &acces, |view| marches::plis(view, &acces, &id.to_string(), tranche), finish)
    })
    .await
}

impl Tableau for ConsultationRow {
    const NOM: &'static str = "consultations";
    const ENTETES: &'static [&'static str] = &[
        "Identifiant",
        "Acheteur",
        "Procédure",
        "Nature",
        "Catégorie",
        "Créée le (UTC)",
        "Publiée",
        "Date limite (UTC)",
        "Terminée",
        "Phases",
        "Lots",
        "Lots : états",
        "Version du DCE",
        "Retraits",
        "Questions",
        "Plis",
        "Indice",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        let lots = self.lots.iter().map(|lot| match lot.numero {
            Some(numero) => format!("{numero}={}", lot.etat),
            None => lot.etat.to_owned(),
        });
        vec![vec![
            (&self.id).into(),
            (&self.acheteur).into(),
            (&self.procedure).into(),
            (&self.nature).into(),
            (&self.categorie).into(),
            Cellule::Instant(&self.creee_le),
            self.publiee_index.is_some().into(),
            Cellule::option(self.date_limite.as_deref(), Cellule::Instant),
            self.terminee.into(),
            self.phases.len().into(),
            self.lots.len().into(),
            Cellule::liste(lots),
            self.dce_version.into(),
            self.retraits.into(),
            self.questions.into(),
            self.plis.into(),
            self.index.into(),
        ]]
    }
}

impl Tableau for RetraitRow {
    const NOM: &'static str = "retraits";
    const ENTETES: &'static [&'static str] =
        &["Indice", "Signé par", "Constaté par", "Enregistré le (UTC)", "Version", "Complet", "Retiré le (UTC)"];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            self.index.into(),
            (&self.signe_par).into(),
            (&self.constate_par).into(),
            Cellule::Instant(&self.enregistre_le),
            self.dit["version"].as_u64().into(),
            self.dit["complet"].as_bool().into(),
            Cellule::option(self.dit["retire_le"].as_str(), Cellule::Instant),
        ]]
    }
}

impl Tableau for PliRow {
    const NOM: &'static str = "plis";
    const ENTETES: &'static [&'static str] = &[
        "Indice",
        "Phase",
        "Annoncé le (UTC)",
        "Annonce : délai",
        "Déposé le (UTC)",
        "Dépôt : délai",
        "Dépôt constaté",
        "Retiré le (UTC)",
        "Ouvert",
        "Illisible",
        "Identifiant",
        "Soumissionnaire",
        "Scellement conforme",
        "Annonce tenue",
    ];

    fn lignes<'a>(&'a self) -> Vec<Vec<Cellule<'a>>> {
        let le =
            |envoi: &'a Option<EnvoiRow>| Cellule::option(envoi.as_ref(), |envoi| Cellule::Instant(&envoi.recu_le));
        let delai = |envoi: &'a Option<EnvoiRow>| Cellule::option(envoi.as_ref(), |envoi| envoi.verdict.into());
        let contenu = self.contenu.as_ref();
        vec![vec![
            self.index.into(),
            self.phase.into(),
            le(&self.annonce),
            delai(&self.annonce),
            le(&self.depot),
            delai(&self.depot),
            self.depot.as_ref().map(|depot| depot.constat).into(),
            le(&self.retrait),
            self.ouvert.into(),
            self.illisible.into(),
            Cellule::option(contenu, |contenu| (&contenu.id).into()),
            Cellule::option(contenu, |contenu| (&contenu.soumissionnaire).into()),
            contenu.and_then(|contenu| contenu.scellement_conforme).into(),
            contenu.and_then(|contenu| contenu.annonce_tenue).into(),
        ]]
    }
}
