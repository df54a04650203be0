//! The view `actes`: one row per act sent to the prefecture, its acknowledgements and its pieces.
//!
//! ```text
//! actes        one row per act; its key is the leaf that transmitted it, its state follows from the rows of `accuses`
//! accuses      one row per acknowledgement, signed (`qualite` is null) or stated (constat), with or without its act
//! pieces       one row per file cited, by the citing leaf
//! effacements  one row per piece that a leaf erased, cited by an act or not
//! objets       what the act is about, where its confidential piece can still be read
//! ```
//!
//! All but `objets` follows from the log alone. An *objet* stands in a confidential piece only ([`PieceSource`]) and is taken
//! from it while the event is applied. Its erasure blanks it, before or after: whether the view was there when the piece
//! was erased, or is built afterwards, its rows are the same, and so is its digest.
//!
//! Nothing is decided here: events were admitted. Orders that admission forbids are kept without a failure: an
//! acknowledgement waits in `accuses` for its act, a second transmission of an act adds nothing. An event of a type that
//! this version does not show is passed over; the version that shows it builds the view again.
//!
//! [`list`] and [`find`] read the view; they never read a piece.

mod objet;
mod query;
mod row;
#[cfg(test)]
mod tests;

use greffe_events::catalogue::{ActeAccuseReception, ActeTransmis};
use greffe_events::event::DossierId;
use greffe_events::ident::{IdActe, Organisation};
use greffe_events::leaf::Leaf;
use greffe_events::piece::{Designation, Empreinte, Piece};
use greffe_events::{Data, Event, EventType};
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};

use crate::projection::{ApplyError, Projection};

pub use objet::{OBJET_CHARS_MAX, OBJET_PIECE_BYTES_MAX, PieceSource, PieceUnreadable};
pub use query::{Acces, Filtre, LIMITE_MAX, find, list};
pub use row::{AccuseRow, ActeRow, AuteurRow, Etat, PieceRow};

/// The projection behind the view `actes`.
pub struct Actes {
    pieces: Box<dyn PieceSource>,
}

impl Actes {
    /// With where to read the objets.
    pub fn new(pieces: Box<dyn PieceSource>) -> Self {
        Self { pieces }
    }
}

/// transmis_index is the rowid, which ends every index: each holds its acts in the order of the log.
const TABLES: &str = "CREATE TABLE actes(
     transmis_index INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, siren TEXT NOT NULL,
     departement TEXT NOT NULL, arrondissement INTEGER, nature TEXT NOT NULL, numero TEXT NOT NULL,
     date_decision TEXT NOT NULL, matiere TEXT NOT NULL, classification TEXT NOT NULL,
     etat TEXT NOT NULL CHECK (etat IN ('transmis', 'recu')), transmis_le_ms INTEGER NOT NULL,
     date_reception TEXT, CHECK ((etat = 'recu') = (date_reception IS NOT NULL))) STRICT;
 CREATE INDEX actes_par_siren ON actes(siren, nature, etat);
 CREATE INDEX actes_par_departement ON actes(departement, nature, etat);
 CREATE INDEX actes_par_nature ON actes(nature, etat);
 CREATE TABLE accuses(
     idx INTEGER PRIMARY KEY, acte TEXT NOT NULL, enregistre_le_ms INTEGER NOT NULL,
     date_reception TEXT NOT NULL, organisation TEXT NOT NULL, qualite TEXT, departement TEXT,
     arrondissement INTEGER, CHECK ((qualite IS NULL) = (departement IS NULL))) STRICT;
 CREATE INDEX accuses_par_acte ON accuses(acte);
 CREATE TABLE pieces(
     idx INTEGER NOT NULL, rang INTEGER NOT NULL, role TEXT NOT NULL, finalite TEXT, type TEXT NOT NULL,
     typologie TEXT, taille INTEGER NOT NULL, nom TEXT, reference BLOB NOT NULL, organisation TEXT NOT NULL,
     PRIMARY KEY (idx, rang)) STRICT, WITHOUT ROWID;
 CREATE INDEX pieces_objets ON pieces(reference, organisation) WHERE finalite = 'objet';
 CREATE TABLE effacements(
     reference BLOB NOT NULL, organisation TEXT NOT NULL, idx INTEGER NOT NULL,
     PRIMARY KEY (reference, organisation)) STRICT, WITHOUT ROWID;
 CREATE TABLE objets(id TEXT PRIMARY KEY, objet TEXT NOT NULL) STRICT, WITHOUT ROWID;";

impl Projection for Actes {
    fn name(&self) -> &'static str {
        "actes"
    }

    fn version(&self) -> u32 {
        2
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(TABLES)
    }

    fn tables(&self) -> &'static [&'static str] {
        &["actes", "accuses", "pieces", "effacements", "objets"]
    }

    fn apply(&self, tx: &Transaction<'_>, index: u64, leaf: &[u8]) -> Result<(), ApplyError> {
        let leaf = Leaf::decode(leaf).map_err(ApplyError::leaf)?;
        if !is_shown(leaf.envelope.payload()) {
            return Ok(());
        }
        let event = Event::of(&leaf.envelope).map_err(ApplyError::leaf)?;
        match (&event.data, &event.dossier) {
            (Data::ActeTransmis(data), DossierId::Acte(id)) => {
                self.transmis(tx, index, leaf.recorded_at_ms, &event, id, data)
            }
            (Data::ActeAccuseReception(data), DossierId::Acte(id)) => {
                accuse(tx, index, leaf.recorded_at_ms, &event, id, data)
            }
            (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) => {
                effacee(tx, index, organisation, *reference)
            }
            _ => Ok(()),
        }
    }
}

/// Whether the event is of a type that this view shows. The others are not read further: their types may be unknown here.
fn is_shown(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(rename = "type")]
        event_type: String,
    }
    let shown = [EventType::ActeTransmis, EventType::ActeAccuseReception, EventType::PieceEffacee];
    serde_json::from_slice::<Attributes>(payload)
        .is_ok_and(|attributes| shown.iter().any(|known| known.as_str() == attributes.event_type))
}

impl Actes {
    fn transmis(
        &self,
        tx: &Transaction<'_>,
        index: u64,
        recorded_at_ms: u64,
        event: &Event,
        id: &IdActe,
        data: &ActeTransmis,
    ) -> Result<(), ApplyError> {
        let id_text = id.to_string();
        let added = tx
            .prepare_cached(
                "INSERT INTO actes(transmis_index, id, siren, departement, arrondissement, nature, numero, date_decision,
                     matiere, classification, etat, transmis_le_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'transmis', ?11) ON CONFLICT(id) DO NOTHING",
            )?
            .execute((
                index,
                &id_text,
                id.siren.as_str(),
                id.departement.as_str(),
                data.arrondissement,
                id.nature.as_str(),
                id.numero.as_str(),
                id.date.to_string(),
                data.matiere.to_string(),
                data.classification.to_string(),
                recorded_at_ms.cast_signed(),
            ))?;
        if added == 0 {
            return Ok(());
        }
        add_pieces(tx, index, event, &data.pieces)?;
        if let Some(objet) = objet::read(self.pieces.as_ref(), &event.source, &data.pieces)? {
            // A conflict can't be: the act is new, and only acts have an objet.
            tx.prepare_cached("INSERT INTO objets VALUES (?1, ?2)")?.execute((&id_text, objet))?;
            // Cited while it was being erased: the file may still have been there.
            blank_erased(tx, "a.id = ?1", [&id_text])?;
        }
        settle(tx, &id_text)
    }
}

fn accuse(
    tx: &Transaction<'_>,
    index: u64,
    recorded_at_ms: u64,
    event: &Event,
    id: &IdActe,
    data: &ActeAccuseReception,
) -> Result<(), ApplyError> {
    let id = id.to_string();
    let declare = data.auteur_declare.as_ref();
    tx.prepare_cached("INSERT INTO accuses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute((
        index,
        &id,
        recorded_at_ms.cast_signed(),
        data.date_reception.to_string(),
        event.source.to_string(),
        declare.map(|auteur| word(&auteur.qualite)).transpose()?,
        declare.map(|auteur| auteur.departement.to_string()),
        declare.and_then(|auteur| auteur.arrondissement),
    ))?;
    add_pieces(tx, index, event, &data.pieces)?;
    settle(tx, &id)
}

/// A piece is erased: what was taken from it goes.
fn effacee(
    tx: &Transaction<'_>,
    index: u64,
    organisation: &Organisation,
    reference: Empreinte,
) -> Result<(), ApplyError> {
    let organisation = organisation.to_string();
    tx.prepare_cached("INSERT INTO effacements VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?.execute((
        reference.0,
        &organisation,
        index,
    ))?;
    blank_erased(tx, "p.reference = ?1 AND p.organisation = ?2 ", (reference.0, &organisation))
}

/// Deletes the objets, among those of `condition`, whose piece is erased.
fn blank_erased(
    tx: &Transaction<'_>,
    condition: &'static str,
    values: impl rusqlite::Params,
) -> Result<(), ApplyError> {
    tx.prepare_cached(&format!(
        "DELETE FROM objets WHERE id IN (
             SELECT a.id FROM pieces p
             JOIN effacements e ON e.reference = p.reference AND e.organisation = p.organisation
             JOIN actes a ON a.transmis_index = p.idx
             WHERE p.finalite = 'objet' AND {condition})"
    ))?
    .execute(values)?;
    Ok(())
}

/// Brings an act to what its acknowledgements say: the prefecture's own word first, else the constat's.
fn settle(tx: &Transaction<'_>, id: &str) -> Result<(), ApplyError> {
    tx.prepare_cached(
        "UPDATE actes SET etat = 'recu', date_reception =
             (SELECT date_reception FROM accuses WHERE acte = ?1 ORDER BY qualite IS NOT NULL, idx LIMIT 1)
         WHERE id = ?1 AND EXISTS (SELECT 1 FROM accuses WHERE acte = ?1)",
    )?
    .execute([id])?;
    Ok(())
}

fn add_pieces(tx: &Transaction<'_>, index: u64, event: &Event, pieces: &[Piece]) -> Result<(), ApplyError> {
    let organisation = event.source.to_string();
    let mut insert = tx.prepare_cached("INSERT INTO pieces VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?;
    for (rang, piece) in (0_u32..).zip(pieces) {
        let nom = match &piece.designation {
            Designation::Publique { nom, .. } => Some(nom),
            Designation::Engagee { .. } => None,
        };
        insert.execute((
            index,
            rang,
            word(&piece.role)?,
            piece.finalite.as_ref().map(word).transpose()?,
            &piece.media_type,
            &piece.typologie,
            piece.taille,
            nom,
            piece.reference().0,
            &organisation,
        ))?;
    }
    Ok(())
}

/// The word that stands for a value in events.
fn word(value: &impl Serialize) -> Result<String, ApplyError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(ApplyError::leaf(format!("{other} is not a word"))),
        Err(error) => Err(ApplyError::leaf(error)),
    }
}
