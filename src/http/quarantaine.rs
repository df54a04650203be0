//! Messages that could not be placed, from their view (`greffe_projections::quarantaine`).
//!
//! ```text
//! GET /v1/quarantaine?siren=&etat=&motif=&limit=&apres=&at_least=      {"lignes":[…],"suite":…}
//! GET /v1/quarantaine/{id}?at_least=
//! ```
//!
//! Whoever received a message sees it, and so does the gateway that signs acts for it.

use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::{Famille, MotifQuarantaine};
use greffe_events::ident::{IdQuarantaine, Organisation, Siren};
use greffe_projections::quarantaine::{self, ETATS, FiltreQuarantaine, QuarantaineRow};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;

use super::Node;
use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::liste::{Conditions, Demande};
use super::openapi::mots;
use super::problem::Problem;
use super::request::{Params, parameter};
use super::vues::{FindQuery, PageJson, acces, mot, tranche, wait_for};

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[schemars(with = "Option<Siren>")]
    siren: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "etats_schema")]
    etat: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "motifs_schema")]
    motif: Option<String>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
    apres: Option<String>,
    at_least: Option<u64>,
}

fn etats_schema(_: &mut SchemaGenerator) -> Schema {
    mots(ETATS)
}

fn motifs_schema(_: &mut SchemaGenerator) -> Schema {
    mots(MotifQuarantaine::ALL.iter().map(|motif| motif.as_str()))
}

/// `GET /v1/quarantaine`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let siren: Option<Siren> = parameter("siren", query.siren.as_deref())?;
    let filtre = FiltreQuarantaine {
        titulaire: siren.map(|siren| Organisation::Siren(siren).to_string()),
        etat: mot("etat", query.etat.as_deref(), &ETATS, |word| word)?,
        motif: mot("motif", query.motif.as_deref(), MotifQuarantaine::ALL, MotifQuarantaine::as_str)?,
    };
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    wait_for(&node, query.at_least, |vues| &vues.quarantaine).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Actes)?;
        demande.lit(
            &app.vues.quarantaine,
            &acces,
            |view| quarantaine::list(view, &acces, &filtre, tranche),
            |page| Ok(PageJson::from(page)),
        )
    })
    .await
}

/// `GET /v1/quarantaine/{id}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(id): Path<String>,
    conditions: Conditions,
    Params(query): Params<FindQuery>,
) -> Result<Response, Problem> {
    let id: IdQuarantaine = id.parse().map_err(|_| Problem::not_found())?;
    wait_for(&node, query.at_least, |vues| &vues.quarantaine).await?;
    node.blocking(move |app| {
        let acces = acces(app, &reader, Famille::Actes)?;
        conditions.un(&app.vues.quarantaine, &acces, |view| quarantaine::find(view, &acces, &id.to_string()), |_| ())
    })
    .await
}

impl Tableau for QuarantaineRow {
    const NOM: &'static str = "quarantaine";
    const ENTETES: &'static [&'static str] = &[
        "Identifiant",
        "Reçu par",
        "Mis en quarantaine le (UTC)",
        "Message",
        "Motif",
        "Acte désigné",
        "État",
        "Réglé le (UTC)",
        "Rattaché à l'acte",
        "Écarté : motif",
        "Indice",
    ];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        vec![vec![
            (&self.id).into(),
            (&self.titulaire).into(),
            Cellule::Instant(&self.enregistre_le),
            (&self.message).into(),
            (&self.motif).into(),
            (&self.acte).into(),
            (&self.etat).into(),
            Cellule::option(self.regle_le.as_deref(), Cellule::Instant),
            (&self.acte_rattache).into(),
            (&self.motif_ecart).into(),
            self.index.into(),
        ]]
    }
}
