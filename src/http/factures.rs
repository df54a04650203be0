//! Invoices, from their view (`greffe_projections::comptabilite`).
//!
//! ```text
//! GET /v1/factures?vendeur=&acheteur=&etat=&annee=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/factures/totaux?acheteur=&at_least=      {"totaux":[…]}: by year, budget, budget year and currency
//! GET /v1/factures/{id}?at_least=                  with all that was said
//! ```
//!
//! Parties are named by a SIREN or `ICD:identifier`. Seller and buyer see their invoices, and so do the accountant that the
//! buyer names and the gateways that sign for them.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::Famille;
use greffe_events::catalogue::facture::Avancement;
use greffe_events::ident::{IdFacture, Organisation};
use greffe_projections::comptabilite::{self, FactureRow, FiltreFactures, TotalFactures};
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Node;
use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande, Liste};
use super::openapi::{mots, organisation};
use super::problem::Problem;
use super::request::{Params, bad_parameter};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// States beside the steps of an invoice's life.
const AUTRES_ETATS: [&str; 5] = ["sans-statut", "suspendue", "a-recycler", "rejetee", "abandonnee"];

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    #[schemars(schema_with = "organisation")]
    vendeur: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "organisation")]
    acheteur: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "etats_schema")]
    etat: Option<String>,
    annee: Option<u16>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

/// Every state.
fn etats() -> impl Iterator<Item = &'static str> {
    Avancement::ALL.iter().map(|step| step.as_str()).chain(AUTRES_ETATS)
}

fn etats_schema(_: &mut SchemaGenerator) -> Schema {
    mots(etats())
}

fn partie(name: &'static str, text: Option<&str>) -> Result<Option<String>, Problem> {
    let organisation = text.map(Organisation::of_abrege).transpose();
    let organisation = organisation.map_err(|error| bad_parameter(name, error.to_string()))?;
    Ok(organisation.map(|organisation| organisation.to_string()))
}

/// `GET /v1/factures`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let etats: Vec<&str> = etats().collect();
    let filtre = FiltreFactures {
        vendeur: partie("vendeur", query.vendeur.as_deref())?,
        acheteur: partie("acheteur", query.acheteur.as_deref())?,
        etat: mot("etat", query.etat.as_deref(), &etats, |word| word)?,
        annee: query.annee,
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        demande.lit(
            &app.vues.comptabilite,
            &acces,
            |view| comptabilite::factures(view, &acces, &filtre, tranche),
            |page| Ok(PageJson::from(page)),
        )
    })
    .await
}

/// The query of totals.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotauxQuery {
    #[schemars(schema_with = "organisation")]
    acheteur: String,
    at_least: Option<u64>,
}

/// Totals.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "TotauxFactures")]
pub(super) struct Totaux {
    totaux: Vec<TotalFactures>,
}

impl Liste for Totaux {
    type Ligne = TotalFactures;

    fn lignes(&self) -> &[TotalFactures] {
        &self.totaux
    }

    fn suite(&self) -> Option<String> {
        None
    }
}

/// `GET /v1/factures/totaux`.
pub(super) async fn totaux(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<TotauxQuery>,
) -> Result<Response, Problem> {
    let acheteur = partie("acheteur", Some(&query.acheteur))?.unwrap_or_default();
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        demande.lit(
            &app.vues.comptabilite,
            &acces,
            |view| comptabilite::totaux_factures(view, &acces, &acheteur),
            |totaux| Ok(Totaux { totaux }),
        )
    })
    .await
}

/// `GET /v1/factures/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let id: IdFacture = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.comptabilite).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Comptabilite)?;
        conditions.un(
            &app.vues.comptabilite,
            &acces,
            |view| comptabilite::facture(view, &acces, &id.to_string()),
            |_| (),
        )
    })
    .await
}

impl Tableau for FactureRow {
    const NOM: &'static str = "factures";
    const ENTETES: &'static [&'static str] = &[
        "Identifiant",
        "Vendeur",
        "Acheteur",
        "Année",
        "Comptable",
        "État",
        "Déposée le (UTC)",
        "Dépôt constaté",
        "Format",
        "Type de document",
        "Date de facture",
        "Date d'échéance",
        "Devise",
        "Montant HT",
        "Montant TVA",
        "Montant TTC",
        "Montant à payer",
        "Montant payé",
        "Budget (SIRET)",
        "Exercice",
        "Indice",
    ];

    fn lignes<'a>(&'a self) -> Vec<Vec<Cellule<'a>>> {
        let montant = |text: &'a Option<String>| Cellule::option(text.as_deref(), Cellule::Montant);
        let jour = |text: &'a Option<String>| Cellule::option(text.as_deref(), Cellule::Jour);
        vec![vec![
            (&self.id).into(),
            (&self.vendeur).into(),
            (&self.acheteur).into(),
            self.annee.into(),
            (&self.comptable).into(),
            (&self.etat).into(),
            Cellule::option(self.deposee_le.as_deref(), Cellule::Instant),
            self.depot_constate.into(),
            (&self.format).into(),
            self.type_document.into(),
            jour(&self.date_facture),
            jour(&self.date_echeance),
            (&self.devise).into(),
            montant(&self.montant_ht),
            montant(&self.montant_tva),
            montant(&self.montant_ttc),
            montant(&self.montant_a_payer),
            Cellule::Montant(&self.montant_paye),
            (&self.budget).into(),
            self.exercice.into(),
            self.index.into(),
        ]]
    }
}

impl Tableau for TotalFactures {
    const NOM: &'static str = "factures-totaux";
    const ENTETES: &'static [&'static str] = &[
        "Acheteur",
        "Année",
        "Budget (SIRET)",
        "Exercice",
        "Devise",
        "Factures",
        "Montant HT",
        "Montant TTC",
        "Montant payé",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            (&self.acheteur).into(),
            self.annee.into(),
            (&self.budget).into(),
            self.exercice.into(),
            (&self.devise).into(),
            self.factures.into(),
            Cellule::Montant(&self.montant_ht),
            Cellule::Montant(&self.montant_ttc),
            Cellule::Montant(&self.montant_paye),
        ]]
    }
}
