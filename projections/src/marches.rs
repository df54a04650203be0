//! The view `marches`: tenders, the registers of who took the files and of what was deposited, submissions.
//!
//! ```text
//! consultations  one row per tender; its key is the leaf that created it
//! plis           one row per submission; its key is the leaf that announced or deposited it
//! cycles, suites, pieces, effacements   (crate::dossiers, crate::pieces)
//! visibles       who sees which tender (crate::liste): the buyer, bidders and those invited, once it is published everybody
//! ```
//!
//! **Before the opening of a submission begins nothing of it is read here but that it came, when, and whether in time**: not who sent it,
//! for which lots, how large it is, nor under which name its files are cited; whoever asks, but for the bidder itself. It begins with a
//! session of its round, never before the deadline, that enough members countersigned: from then on the buyer reads it, here as
//! leaf by leaf ([`greffe_events::dossier::Pli::ouverture_commencee`] decides for both), since nobody opens what cannot be named. One withdrawn
//! in time stays closed.

mod lecture;
#[cfg(test)]
mod tests;

use greffe_events::dossier::{Consultation, Dossier};
use greffe_events::event::DossierId;
use greffe_events::ident::{IdConsultation, IdPli, Subject};
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::Connection;

use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;
use crate::{dossiers, liste, pieces};

pub use lecture::{
    ConsultationRow, ContenuRow, EnvoiRow, Filtre, LotRow, PhaseRow, PliRow, RetraitRow, find, list, plis, retraits,
};

/// The projection behind the view `marches`.
pub struct Marches;

const TABLES: &str = "CREATE TABLE consultations(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, acheteur TEXT NOT NULL, procedure TEXT NOT NULL,
     nature TEXT NOT NULL, categorie TEXT NOT NULL, creee_le_ms INTEGER NOT NULL, publiee_index INTEGER,
     date_limite_ms INTEGER, terminee INTEGER NOT NULL) STRICT;
 CREATE TABLE plis(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, consultation TEXT NOT NULL, soumissionnaire TEXT NOT NULL) STRICT;
 CREATE INDEX plis_par_consultation ON plis(consultation);";

impl Projection for Marches {
    fn name(&self) -> &'static str {
        "marches"
    }

    fn version(&self) -> u32 {
        2
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        [TABLES, dossiers::TABLES, pieces::TABLES, liste::VISIBLES].iter().try_for_each(|sql| conn.execute_batch(sql))
    }

    fn tables(&self) -> &'static [&'static str] {
        &["consultations", "plis", "cycles", "suites", "pieces", "effacements", "visibles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match &event.dossier {
            DossierId::Piece(organisation, reference) => pieces::efface(tx, leaf.index(), organisation, *reference),
            DossierId::Consultation(id) => match dossiers::avance(tx, leaf, event)? {
                Some(Dossier::Consultation(state)) => consultation(tx, leaf, event, id, &state),
                _ => Ok(()),
            },
            DossierId::Pli(id) => match dossiers::avance(tx, leaf, event)? {
                Some(_) => pli(tx, leaf, id),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(event_type.family(), Subject::CONSULTATION | Subject::PLI | Subject::PIECE)
}

fn consultation(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    id: &IdConsultation,
    state: &Consultation,
) -> Result<(), ApplyError> {
    let id_text = id.to_string();
    if let Data::ConsultationCreee(data) = &event.data {
        let acheteur = id.acheteur.to_string();
        let added = tx.execute(
            "INSERT INTO consultations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, 0) ON CONFLICT(id) DO NOTHING",
            (
                leaf.index(),
                &id_text,
                &acheteur,
                data.procedure.as_str(),
                data.nature.as_str(),
                data.categorie.as_str(),
                leaf.recorded_at_ms()?,
            ),
        )?;
        if added > 0 {
            liste::montre(tx, leaf.index(), [acheteur.as_str()])?;
        }
    }
    let Some(row) = row(tx, &id_text)? else { return Ok(()) };
    match &event.data {
        Data::ConsultationAvisPublie(_) | Data::ConsultationDcePublie(_) => {
            tx.execute(
                "UPDATE consultations SET publiee_index = ?2 WHERE idx = ?1 AND publiee_index IS NULL",
                (row, leaf.index()),
            )?;
            liste::montre(tx, row, [liste::CHACUN])?;
        }
        Data::ConsultationPhaseOuverte(data) => {
            let invited: Vec<String> = data.invites.iter().map(ToString::to_string).collect();
            liste::montre(tx, row, invited.iter().map(String::as_str))?;
        }
        _ => {}
    }
    let limit = state.phases.last().and_then(|phase| phase.limite);
    tx.execute(
        "UPDATE consultations SET date_limite_ms = ?2, terminee = ?3 WHERE idx = ?1",
        (row, limit.map(|limit| limit.unix_ms().cast_signed()), state.est_terminee()),
    )?;
    Ok(())
}

fn row(tx: &Writer<'_>, id: &str) -> Result<Option<u64>, ApplyError> {
    Ok(tx.one("SELECT idx FROM consultations WHERE id = ?1", [id], |row| row.get(0))?)
}

fn pli(tx: &Writer<'_>, leaf: &Recorded, id: &IdPli) -> Result<(), ApplyError> {
    let consultation = id.consultation.to_string();
    let soumissionnaire = id.soumissionnaire.to_string();
    let added = tx.execute(
        "INSERT INTO plis VALUES (?1, ?2, ?3, ?4) ON CONFLICT(id) DO NOTHING",
        (leaf.index(), id.to_string(), &consultation, &soumissionnaire),
    )?;
    match row(tx, &consultation)?.filter(|_| added > 0) {
        Some(row) => liste::montre(tx, row, [soumissionnaire.as_str()]),
        None => Ok(()),
    }
}
