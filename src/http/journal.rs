//! The audit trail, from its view (`greffe_projections::journal`).
//!
//! ```text
//! GET /v1/journal?type=&source=&famille=&sujet=&constat=&code=&depuis=&avant=&limit=&apres=&at_least=
//! GET /v1/journal/{index}?at_least=
//! ```
//!
//! `source` is a SIREN or `ICD:identifier`, `sujet` a whole dossier (`family/identifier`), `depuis` and `avant` are instants
//! (RFC 3339) of recording. Everything is listed to those who read everything; to any other what it said, what is said about
//! its dossiers, its refusals, and the acts of its départements.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::EventType;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Organisation, Subject};
use greffe_projections::journal::{self, EvenementRow, Filtre};
use greffe_projections::liste::{LIMITE_MAX, Page, Tranche};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;

use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande};
use super::openapi::{mots, organisation};
use super::problem::Problem;
use super::request::{Params, bad_parameter, index_in_path, parameter};
use super::vues::{FindQuery, PageJson, acces_propre, mot, tranche, wait_for};
use super::{App, Node};

/// Families of dossiers.
pub(crate) const FAMILLES: [&str; 11] = [
    Subject::REGISTRE,
    Subject::ADHERENT,
    Subject::PIECE,
    Subject::ACTE,
    Subject::EXAMEN,
    Subject::QUARANTAINE,
    Subject::CLASSIFICATION,
    Subject::FLUX,
    Subject::FACTURE,
    Subject::CONSULTATION,
    Subject::PLI,
];

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    #[serde(rename = "type")]
    #[serde(default)]
    #[schemars(schema_with = "types")]
    pub event_type: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "organisation")]
    pub source: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "familles")]
    pub famille: Option<String>,
    pub sujet: Option<String>,
    pub constat: Option<bool>,
    pub code: Option<String>,
    #[schemars(with = "Option<Horodatage>")]
    pub depuis: Option<String>,
    #[schemars(with = "Option<Horodatage>")]
    pub avant: Option<String>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    pub apres: Option<String>,
    at_least: Option<u64>,
}

fn types(_: &mut SchemaGenerator) -> Schema {
    mots(EventType::ALL.iter().map(|event_type| event_type.as_str()))
}

fn familles(_: &mut SchemaGenerator) -> Schema {
    mots(FAMILLES)
}

impl ListQuery {
    fn filtre(&self) -> Result<Filtre, Problem> {
        let instant = |name, text: Option<&str>| {
            parameter::<Horodatage>(name, text).map(|instant| instant.map(|instant| instant.unix_ms().cast_signed()))
        };
        let source = self.source.as_deref().map(Organisation::of_abrege).transpose();
        let source = source.map_err(|error| bad_parameter("source", error.to_string()))?;
        let sujet: Option<Subject> = parameter("sujet", self.sujet.as_deref())?;
        Ok(Filtre {
            event_type: mot("type", self.event_type.as_deref(), EventType::ALL, EventType::as_str)?,
            source: source.map(|source| source.to_string()),
            famille: mot("famille", self.famille.as_deref(), &FAMILLES, |word| word)?,
            sujet: sujet.map(|sujet| sujet.to_string()),
            constat: self.constat,
            code: self.code.clone(),
            depuis_ms: instant("depuis", self.depuis.as_deref())?,
            avant_ms: instant("avant", self.avant.as_deref())?,
        })
    }
}

/// `GET /v1/journal`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let filtre = query.filtre()?;
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.journal).await?;
    node.blocking(move |app| {
        let acces = acces_propre(&reader);
        demande.lit(
            &app.vues.journal,
            &acces,
            |view| journal::list(view, &acces, &filtre, tranche),
            |page| Ok(PageJson::from(page)),
        )
    })
    .await
}

/// The same, for whoever shows it otherwise.
pub(crate) fn page(app: &App, reader: &Reader, query: &ListQuery) -> Result<Page<EvenementRow>, Problem> {
    let (filtre, tranche) = (query.filtre()?, tranche(query.limit, query.apres.as_deref())?);
    let acces = acces_propre(reader);
    Ok(app.vues.journal.read(|view, _| journal::list(view, &acces, &filtre, tranche))?)
}

/// What this reader sees of what was said about a dossier, in the order of the log; at most [`LIMITE_MAX`] events.
pub(crate) fn du_dossier(app: &App, reader: &Reader, sujet: &str) -> Result<Vec<EvenementRow>, Problem> {
    let filtre = Filtre { sujet: Some(sujet.to_owned()), ..Filtre::default() };
    let (acces, tranche) = (acces_propre(reader), Tranche { apres: None, limite: LIMITE_MAX });
    let mut page = app.vues.journal.read(|view, _| journal::list(view, &acces, &filtre, tranche))?;
    page.lignes.reverse();
    Ok(page.lignes)
}

/// `GET /v1/journal/{index}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(index): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let index = index_in_path(&index)?;
    wait_for(&node, query.at_least, |vues| &vues.journal).await?;
    node.blocking(move |app| {
        // SQLite numbers rows up to i64; no leaf is beyond.
        if i64::try_from(index).is_err() {
            return Err(Problem::not_found());
        }
        let acces = acces_propre(&reader);
        conditions.un(&app.vues.journal, &acces, |view| journal::find(view, &acces, index), |_| ())
    })
    .await
}

impl Tableau for EvenementRow {
    const NOM: &'static str = "journal";
    const ENTETES: &'static [&'static str] = &[
        "Indice",
        "Identifiant",
        "Type",
        "Source",
        "Dossier",
        "Signé le (UTC)",
        "Reçu le (UTC)",
        "Enregistré le (UTC)",
        "Précédent",
        "Rang",
        "Clés",
        "Signataire",
        "Délégation (indice)",
        "Constat",
        "Code",
        "Source refusée",
        "Clé refusée",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        let refus = self.refus.as_ref();
        vec![vec![
            self.index.into(),
            (&self.id).into(),
            (&self.event_type).into(),
            (&self.source).into(),
            (&self.sujet).into(),
            Cellule::Instant(&self.signe_le),
            Cellule::Instant(&self.recu_le),
            Cellule::Instant(&self.enregistre_le),
            self.precedent.into(),
            self.rang.into(),
            Cellule::liste(&self.cles),
            (&self.signataire).into(),
            self.delegation_index.into(),
            self.constat.into(),
            Cellule::option(refus, |refus| (&refus.code).into()),
            Cellule::option(refus, |refus| (&refus.source_refusee).into()),
            Cellule::option(refus, |refus| (&refus.cle).into()),
        ]]
    }
}
