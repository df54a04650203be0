//! Refusals, for those who were refused: what was wrong, what to do, and the proof that it was said.
//!
//! ```text
//! GET /v1/refus?apres=&limit=      {"lignes":[…],"suite":"<cursor>"|null}      newest first
//! GET /v1/refus/{index}            one, with its receipt
//! ```
//!
//! A reader sees the refusals of what its organisation's keys signed, and of what named its organisation as source; an auditor those of
//! the organisations that it audits. Anything else is not there. Cursors and limits are those of every list (`super::vues`).
//!
//! The leaf of a refusal holds no word of what was submitted: whoever kept the payload proves with `sel` and `empreinte` that
//! it was this one (SHA-256(sel ‖ payload) = empreinte). The detail that the first answer gave is not kept.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use greffe_events::catalogue::{Data, RegistreRefus};
use greffe_events::horodatage::Horodatage;
use greffe_events::leaf::Leaf;
use greffe_events::{Code, Event};
use greffe_projections::liste::{Page, Tranche};
use serde::{Deserialize, Serialize};

use super::access::Reader;
use super::csv::{Cellule, Tableau};
use super::events::readable_leaf;
use super::liste::Demande;
use super::problem::Problem;
use super::request::{Params, index_in_path};
use super::vues::{PageJson, tranche};
use super::{App, Node};
use crate::ledger::head::Receipt;

/// The query of a list.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    apres: Option<String>,
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<u32>,
}

/// A refusal.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Refus")]
pub(super) struct RefusJson {
    index: u64,
    enregistre_le: Horodatage,
    title: &'static str,
    titre: &'static str,
    conseil: &'static str,
    #[serde(flatten)]
    refus: RegistreRefus,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
}

impl RefusJson {
    /// None for a leaf that records no refusal.
    fn of(index: u64, leaf: &Leaf) -> Result<Option<Self>, Problem> {
        let event = Event::of(&leaf.envelope).map_err(|refusal| Problem::internal(&refusal))?;
        let Data::RegistreRefus(refus) = event.data else { return Ok(None) };
        let code = refus.code.parse::<Code>().ok();
        Ok(Some(Self {
            index,
            enregistre_le: Horodatage::from_unix_ms(leaf.recorded_at_ms),
            title: code.map_or("This node does not know the code", Code::title),
            titre: code.map_or("Ce nœud ne connaît pas ce code", Code::titre),
            conseil: code.map_or("Demandez à votre opérateur ce que signifie ce code.", Code::conseil),
            refus,
            receipt: None,
        }))
    }
}

/// `GET /v1/refus`.
pub(super) async fn list(
    State(node): State<Node>,
    reader: Reader,
    demande: Demande,
    Params(query): Params<ListQuery>,
) -> Result<Response, Problem> {
    let tranche = tranche(query.limit, query.apres.as_deref())?;
    node.blocking(move |app| demande.repond(&page(app, &reader, tranche)?)).await
}

fn page(app: &App, reader: &Reader, tranche: Tranche) -> Result<PageJson<RefusJson>, Problem> {
    let organisations = reader.organisations();
    // One more than asked for: it tells whether another page follows.
    let mut indices = app.ledger.index().refusals(organisations.as_deref(), tranche.apres, tranche.limite + 1)?;
    let is_more = indices.len() > tranche.limite as usize;
    indices.truncate(tranche.limite as usize);
    let mut lignes = Vec::with_capacity(indices.len());
    for index in &indices {
        let bytes = app.ledger.leaf(*index)?.ok_or_else(Problem::not_found)?;
        let leaf = Leaf::decode(&bytes).map_err(|error| Problem::internal(&error))?;
        lignes.extend(RefusJson::of(*index, &leaf)?);
    }
    Ok(Page { lignes, suite: indices.last().copied().filter(|_| is_more) }.into())
}

/// `GET /v1/refus/{index}`.
pub(super) async fn find(
    State(node): State<Node>,
    reader: Reader,
    Path(index): Path<String>,
) -> Result<Json<RefusJson>, Problem> {
    let index = index_in_path(&index)?;
    node.blocking(move |app| {
        let feuille = readable_leaf(app, &reader, index)?;
        let refus = RefusJson::of(index, feuille.leaf()?)?.ok_or_else(Problem::not_found)?;
        Ok(Json(RefusJson { receipt: app.ledger.receipt(index)?, ..refus }))
    })
    .await
}

impl Tableau for RefusJson {
    const NOM: &'static str = "refus";
    const ENTETES: &'static [&'static str] =
        &["Indice", "Enregistré le (UTC)", "Code", "Motif", "Que faire", "Source refusée", "Clé", "Identifiant refusé"];

    fn lignes(&self) -> Vec<Vec<Cellule<'_>>> {
        let text = |value: Option<String>| value.map_or(Cellule::Vide, |text| Cellule::Texte(text.into()));
        vec![vec![
            self.index.into(),
            Cellule::Horodatage(self.enregistre_le),
            (&self.refus.code).into(),
            self.titre.into(),
            self.conseil.into(),
            text(self.refus.source_refusee.as_ref().map(ToString::to_string)),
            Cellule::Texte(self.refus.cle.to_string().into()),
            text(self.refus.id_refuse.as_ref().map(ToString::to_string)),
        ]]
    }
}
