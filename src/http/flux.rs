//! Accounting flows, from their view (`greffe_projections::comptabilite`).
//!
//! ```text
//! GET /v1/flux?budget=&etat=&exercice=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/flux/totaux?budget=&at_least=       {"totaux":[…]}: bordereaux by budget, year and sense
//! GET /v1/flux/{id}?at_least=                 with all that was said
//! ```
//!
//! `budget` is a SIRET, or the SIREN of an organisation for all of its budgets. The owner of the budget sees its flows, and so
//! do the accountant that it names and the gateway that signs for it.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::Famille;
use greffe_events::ident::{IdFlux, Siren, Siret};
use greffe_projections::comptabilite::{self, ETATS_FLUX, FiltreFlux, FluxRow, TotalFlux};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Node;
use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande, Liste};
use super::openapi::mots;
use super::problem::Problem;
use super::request::{Params, bad_parameter};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    #[schemars(schema_with = "budget_schema")]
    budget: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "etats_schema")]
    etat: Option<String>,
    exercice: Option<u16>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

fn etats_schema(_: &mut SchemaGenerator) -> Schema {
    mots(ETATS_FLUX)
}

fn budget_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^([0-9]{9}|[0-9]{14})$" })
}

/// A SIRET or a SIREN.
fn budget(text: &str) -> Result<String, Problem> {
    let holds = text.parse::<Siret>().is_ok() || text.parse::<Siren>().is_ok();
    if holds { Ok(text.to_owned()) } else { Err(bad_parameter("budget", "budget is a SIRET or a SIREN")) }
}

/// `GET /v1/flux`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let filtre = FiltreFlux {
        budget: query.budget.as_deref().map(budget).transpose()?,
        etat: mot("etat", query.etat.as_deref(), &ETATS_FLUX, |word| word)?,
        exercice: query.exercice,
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        demande.lit(
            &app.vues.comptabilite,
            &acces,
            |view| comptabilite::liste_flux(view, &acces, &filtre, tranche),
            |page| Ok(PageJson::from(page)),
        )
    })
    .await
}

/// The query of totals.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotauxQuery {
    #[schemars(schema_with = "budget_schema")]
    budget: String,
    at_least: Option<u64>,
}

/// Totals.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "TotauxFlux")]
pub(super) struct Totaux {
    totaux: Vec<TotalFlux>,
}

impl Liste for Totaux {
    type Ligne = TotalFlux;

    fn lignes(&self) -> &[TotalFlux] {
        &self.totaux
    }

    fn suite(&self) -> Option<String> {
        None
    }
}

/// `GET /v1/flux/totaux`.
pub(super) async fn totaux(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<TotauxQuery>,
) -> Result<Response, Problem> {
    let budget = budget(&query.budget)?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        demande.lit(
            &app.vues.comptabilite,
            &acces,
            |view| comptabilite::totaux_flux(view, &acces, &budget),
            |totaux| Ok(Totaux { totaux }),
        )
    })
    .await
}

/// `GET /v1/flux/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let id: IdFlux = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        conditions.un(&app.vues.comptabilite, &acces, |view| comptabilite::flux(view, &acces, &id.to_string()), |_| ())
    })
    .await
}

/// A line for each bordereau, since that is what is counted; one for a flow that has none.
impl Tableau for FluxRow {
    const NOM: &'static str = "flux";
    const ENTETES: &'static [&'static str] = &[
        "Identifiant",
        "Budget (SIRET)",
        "Comptable",
        "Type de flux",
        "État",
        "Transmis le (UTC)",
        "Bordereaux du flux",
        "Indice",
        "Exercice",
        "Sens",
        "Type de bordereau",
        "Numéro de bordereau",
        "Date du bordereau",
        "Mandats ou titres",
        "Montant HT",
        "Montant TVA",
        "Acquit",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        let flux = || {
            vec![
                (&self.id).into(),
                (&self.budget).into(),
                (&self.comptable).into(),
                (&self.type_flux).into(),
                (&self.etat).into(),
                Cellule::option(self.transmis_le.as_deref(), Cellule::Instant),
                self.bordereaux_total.into(),
                self.index.into(),
            ]
        };
        let filled = |mut line: Vec<_>| {
            line.resize(Self::ENTETES.len(), Cellule::Vide);
            line
        };
        if self.bordereaux.is_empty() {
            return vec![filled(flux())];
        }
        let bordereaux = self.bordereaux.iter().map(|bordereau| {
            let mut line = flux();
            line.extend([
                bordereau.exercice.into(),
                (&bordereau.sens).into(),
                (&bordereau.type_bordereau).into(),
                bordereau.numero.into(),
                Cellule::Jour(&bordereau.date),
                bordereau.nombre_pieces.into(),
                Cellule::Montant(&bordereau.montant_ht),
                Cellule::Montant(&bordereau.montant_tva),
                (&bordereau.acquit).into(),
            ]);
            line
        });
        bordereaux.collect()
    }
}

impl Tableau for TotalFlux {
    const NOM: &'static str = "flux-totaux";
    const ENTETES: &'static [&'static str] = &[
        "Budget (SIRET)",
        "Exercice",
        "Sens",
        "Bordereaux",
        "Mandats ou titres",
        "Montant HT",
        "Montant TVA",
        "Accepté HT",
        "Rejeté HT",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            (&self.budget).into(),
            self.exercice.into(),
            (&self.sens).into(),
            self.bordereaux.into(),
            self.nombre_pieces.into(),
            Cellule::Montant(&self.montant_ht),
            Cellule::Montant(&self.montant_tva),
            Cellule::Montant(&self.accepte_ht),
            Cellule::Montant(&self.rejete_ht),
        ]]
    }
}
