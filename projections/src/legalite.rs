//! The view `legalite`: one row per act, what was said about it, its pieces, and what is to be done.
//!
//! ```text
//! actes        one row per act; its key is the leaf that transmitted it last, or published one that was never transmitted
//! faits        one row per later event: acknowledgement, letter, publication, cancellation…; with or without its act
//! comptes      how often what was said, by département, month, nature, matière, arrondissement
//! classifications   versions of the classification that each organisation published or received
//! pieces, effacements   what events cite (crate::pieces)
//! ```
//!
//! All follows from the log alone. What an act is about (*objet*) stands in a confidential piece, which readers may see at
//! most as long as it is there: [`Objets`] reads it when the act is shown, and nothing of it is kept here.
//!
//! Rows hold facts; what follows from them in law (since when an act is executory, until when it can be referred to the
//! court) is computed when it is shown ([`crate::droit`]): it depends on a calendar, the clock, and the law of the day. What work
//! lists are ordered by stands in the row too, as the law has it if nothing more is said (`suivi`).
//!
//! Nothing is decided here: events were admitted. Orders that admission forbids are kept without a failure: an
//! acknowledgement waits in `faits` for its act, a second transmission of an act that was not rejected adds nothing.
//!
//! [`list`], [`find`], [`travail`], [`statistiques`] read the view.

mod classification;
mod faits;
mod objet;
mod query;
mod row;
mod statistiques;
mod suivi;
#[cfg(test)]
mod tests;
mod travail;

use greffe_events::catalogue::ActeTransmis;
use greffe_events::event::DossierId;
use greffe_events::ident::{IdActe, Subject};
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::Connection;

use crate::pieces;
use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

pub use classification::{ClassificationRow, classifications};
pub use objet::{OBJET_CHARS_MAX, OBJET_PIECE_BYTES_MAX, Objets, PieceSource, PieceUnreadable};
pub use query::{Acces, Filtre, LIMITE_MAX, find, list};
pub use row::{
    AccuseRow, ActeRow, AnnulationRow, AnomalieRow, AuteurRow, CourrierRow, Etat, ExamenRow, PublicationRow,
};
pub use statistiques::{Dimension, FiltreStatistiques, LIGNES_MAX, StatistiqueRow, statistiques};
pub use travail::{Curseur, Lieu, ListeDeTravail, PageDeTravail, travail};

/// The projection behind the view `legalite`.
pub struct Legalite;

/// idx is the rowid, which ends every index: each holds its acts in the order of the log.
const TABLES: &str = "CREATE TABLE actes(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, siren TEXT NOT NULL, departement TEXT NOT NULL,
     arrondissement INTEGER, nature TEXT NOT NULL, matiere TEXT, classification TEXT,
     etat TEXT NOT NULL,
     transmis_le_ms INTEGER, transmissions INTEGER NOT NULL,
     attend TEXT, a_publier INTEGER, au_plus_tot TEXT, au_plus_tard TEXT,
     a_examiner INTEGER, vu INTEGER, suite_examen TEXT) STRICT;
 CREATE TABLE faits(
     acte TEXT NOT NULL, idx INTEGER NOT NULL, genre TEXT NOT NULL, enregistre_le_ms INTEGER NOT NULL, date TEXT,
     courrier TEXT, organisation TEXT NOT NULL, qualite TEXT, departement TEXT, arrondissement INTEGER,
     code TEXT, mot TEXT, jusqu_au TEXT, PRIMARY KEY (acte, idx),
     CHECK ((qualite IS NULL) = (departement IS NULL))) STRICT, WITHOUT ROWID;
 CREATE TABLE comptes(
     departement TEXT NOT NULL, mois TEXT NOT NULL, genre TEXT NOT NULL, nature TEXT NOT NULL, matiere TEXT NOT NULL,
     arrondissement INTEGER NOT NULL, nombre INTEGER NOT NULL,
     PRIMARY KEY (departement, mois, genre, nature, matiere, arrondissement)) STRICT, WITHOUT ROWID;";

impl Projection for Legalite {
    fn name(&self) -> &'static str {
        "legalite"
    }

    fn version(&self) -> u32 {
        3
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        [TABLES, classification::TABLES, pieces::TABLES].iter().try_for_each(|sql| conn.execute_batch(sql))
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX actes_par_siren ON actes(siren, nature);
         CREATE INDEX actes_par_departement ON actes(departement, nature, etat);
         CREATE INDEX actes_sans_accuse ON actes(departement, idx) WHERE etat = 'transmis';
         CREATE INDEX actes_a_examiner ON actes(departement, a_examiner, au_plus_tot, idx) WHERE a_examiner IS NOT NULL;
         CREATE INDEX actes_incertains ON actes(departement, a_examiner, au_plus_tard)
             WHERE a_examiner IS NOT NULL AND (au_plus_tard IS NULL OR au_plus_tard > au_plus_tot);
         CREATE INDEX actes_attendus ON actes(departement, attend, idx) WHERE attend IS NOT NULL;
         CREATE INDEX actes_a_repondre ON actes(siren, idx) WHERE attend IS NOT NULL;
         CREATE INDEX actes_refuses ON actes(siren, idx) WHERE etat = 'anomalie';
         CREATE INDEX actes_a_publier ON actes(siren, idx) WHERE a_publier IS NOT NULL;"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["actes", "faits", "comptes", "classifications", "pieces", "effacements"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match (&event.data, &event.dossier) {
            (Data::ActeTransmis(data), DossierId::Acte(id)) => transmis(tx, leaf, event, id, data),
            (data, DossierId::Acte(id)) => match faits::Fait::of(data) {
                Some(fait) => fait.add(tx, leaf, event, id),
                None => Ok(()),
            },
            (Data::ActeExamine(data), DossierId::Examen(id)) => suivi::examine(tx, id, data),
            (data, DossierId::Classification(organisation)) => classification::add(tx, leaf, event, organisation, data),
            (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) => {
                pieces::efface(tx, leaf.index(), organisation, *reference)
            }
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(event_type.family(), Subject::ACTE | Subject::EXAMEN | Subject::CLASSIFICATION | Subject::PIECE)
}

fn transmis(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    id: &IdActe,
    data: &ActeTransmis,
) -> Result<(), ApplyError> {
    let id_text = event.subject.identifier();
    let matiere = data.matiere.to_string();
    let is_first = leaf.leaf()?.previous.is_none();
    if !is_first {
        // What was transmitted before keeps its place among what was said, and its files.
        tx.execute(
            "INSERT INTO faits SELECT id, idx, 'transmis', transmis_le_ms, NULL, NULL, 'urn:siren:' || siren, NULL, NULL, NULL, NULL,
                 NULL, NULL FROM actes WHERE id = ?1 AND transmissions > 0 ON CONFLICT DO NOTHING",
            [id_text],
        )?;
    }
    let added = tx.execute(
        "INSERT INTO actes VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'transmis', ?9, 1, NULL, 1, NULL, NULL, NULL, NULL, NULL)
             ON CONFLICT(id) DO UPDATE SET idx = ?1, arrondissement = ?5, matiere = ?7, classification = ?8,
                 etat = 'transmis', transmis_le_ms = ?9, transmissions = transmissions + 1
                 WHERE transmissions = 0 OR (
                     EXISTS (SELECT 1 FROM faits WHERE acte = ?2 AND genre = 'anomalie' AND idx > actes.idx)
                     AND NOT EXISTS (SELECT 1 FROM faits WHERE acte = ?2 AND genre = 'accuse-reception'))",
        (
            leaf.index(),
            id_text,
            id.siren.as_str(),
            id.departement.as_str(),
            data.arrondissement,
            id.nature.as_str(),
            &matiere,
            data.classification.to_string(),
            leaf.recorded_at_ms()?,
        ),
    )?;
    if added == 0 {
        return Ok(());
    }
    pieces::cite(tx, leaf.index(), event)?;
    statistiques::transmis(tx, leaf, id, &matiere, data.arrondissement)?;
    // The first leaf of its dossier: nothing was said before.
    if is_first { Ok(()) } else { suivi::settle(tx, id) }
}
