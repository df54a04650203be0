//! Members with their keys and delegations, from their view (`greffe_projections::adherents`).
//!
//! ```text
//! GET /v1/adherents?categorie=&departement=&membre=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/adherents/{organisation}?at_least=          keys, delegations and history, as they are now
//! ```
//!
//! An organisation is named as in the dossier of a member: a SIREN, or `ICD:identifier`. A reader sees itself, whom it
//! audits, and the members of its départements.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::ident::{Departement, Organisation};
use greffe_projections::adherents::{self, AdherentRow, Filtre};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;

use super::Node;
use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::etag;
use super::liste::Demande;
use super::openapi::mots;
use super::problem::Problem;
use super::request::{Params, parameter};
use super::vues::{FindQuery, PageJson, acces_propre, mot, tranche, wait_for};

/// What kinds of bodies there are.
const CATEGORIES: [&str; 9] = [
    "commune",
    "epci",
    "departement",
    "region",
    "etablissement-public",
    "prefecture",
    "etat",
    "operateur",
    "entreprise",
];

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    #[schemars(schema_with = "categories")]
    categorie: Option<String>,
    #[schemars(with = "Option<Departement>")]
    departement: Option<String>,
    membre: Option<bool>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

fn categories(_: &mut SchemaGenerator) -> Schema {
    mots(CATEGORIES)
}

/// `GET /v1/adherents`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let departement: Option<Departement> = parameter("departement", query.departement.as_deref())?;
    let filtre = Filtre {
        categorie: mot("categorie", query.categorie.as_deref(), &CATEGORIES, |word| word)?,
        departement: departement.map(|departement| departement.to_string()),
        membre: query.membre,
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.adherents).await?;
    node.blocking(move |app| {
        let acces = acces_propre(&reader);
        demande.lit(
            &app.vues.adherents,
            &acces,
            |view| adherents::list(view, &acces, &filtre, tranche),
            |page| Ok(PageJson::from(page)),
        )
    })
    .await
}

/// `GET /v1/adherents/{organisation}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(organisation): Path<String>,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let organisation = Organisation::of_abrege(&organisation).map_err(|_| Problem::not_found())?.to_string();
    wait_for(&node, query.at_least, |vues| &vues.adherents).await?;
    node.blocking(move |app| {
        let acces = acces_propre(&reader);
        let now_ms = app.ledger.now_ms();
        let found = app.vues.adherents.read(|view, _| adherents::find(view, &acces, &organisation, now_ms))?;
        // Whether a key is in force changes with the clock.
        etag::json(&found.ok_or_else(Problem::not_found)?)
    })
    .await
}

impl Tableau for AdherentRow {
    const NOM: &'static str = "adherents";
    const ENTETES: &'static [&'static str] = &[
        "Organisme",
        "Catégorie",
        "Dénomination",
        "Département",
        "Adhérent",
        "Inscrit le (UTC)",
        "Sorti le (UTC)",
        "Motif de sortie",
        "Indice",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        let sortie = self.sortie.as_ref();
        vec![vec![
            (&self.organisation).into(),
            (&self.categorie).into(),
            (&self.denomination).into(),
            (&self.departement).into(),
            self.membre.into(),
            Cellule::Instant(&self.inscrit_le),
            Cellule::option(sortie.map(|fin| fin.enregistre_le.as_str()), Cellule::Instant),
            Cellule::option(sortie.and_then(|fin| fin.motif.as_deref()), Into::into),
            self.index.into(),
        ]]
    }
}
