//! The view `legalite`: one row per act, what was said about it, and its pieces.
//!
//! ```text
//! actes        one row per act; its key is the leaf that transmitted it last, or published one that was never transmitted
//! faits        one row per later event: acknowledgement, anomaly, publication, cancellation; with or without its act
//! pieces, effacements   what events cite (crate::pieces)
//! ```
//!
//! All follows from the log alone. What an act is about (*objet*) stands in a confidential piece, which readers may see at
//! most as long as it is there: [`Objets`] reads it when the act is shown, and nothing of it is kept here.
//!
//! Rows hold facts; what follows from them in law (since when an act is executory, until when it can be referred to the
//! court) is computed when it is shown ([`crate::droit`]): it depends on a calendar, the clock, and the law of the day.
//!
//! Nothing is decided here: events were admitted. Orders that admission forbids are kept without a failure: an
//! acknowledgement waits in `faits` for its act, a second transmission of an act that was not rejected adds nothing.
//!
//! [`list`] and [`find`] read the view.

mod objet;
mod query;
mod row;
#[cfg(test)]
mod tests;

use greffe_events::catalogue::{ActeTransmis, AuteurDeclare};
use greffe_events::event::DossierId;
use greffe_events::horodatage::Jour;
use greffe_events::ident::IdActe;
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::Connection;

use crate::pieces;
use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

pub use objet::{OBJET_CHARS_MAX, OBJET_PIECE_BYTES_MAX, Objets, PieceSource, PieceUnreadable};
pub use query::{Acces, Filtre, LIMITE_MAX, find, list};
pub use row::{AccuseRow, ActeRow, AnnulationRow, AnomalieRow, AuteurRow, Etat, PublicationRow};

/// The projection behind the view `legalite`.
pub struct Legalite;

/// idx is the rowid, which ends every index: each holds its acts in the order of the log.
const TABLES: &str = "CREATE TABLE actes(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, siren TEXT NOT NULL, departement TEXT NOT NULL,
     arrondissement INTEGER, nature TEXT NOT NULL, matiere TEXT, classification TEXT,
     etat TEXT NOT NULL,
     transmis_le_ms INTEGER, transmissions INTEGER NOT NULL) STRICT;
 CREATE TABLE faits(
     acte TEXT NOT NULL, idx INTEGER NOT NULL, genre TEXT NOT NULL, enregistre_le_ms INTEGER NOT NULL, date TEXT,
     organisation TEXT NOT NULL, qualite TEXT, departement TEXT, arrondissement INTEGER,
     code TEXT, portee TEXT, mode TEXT, jusqu_au TEXT, PRIMARY KEY (acte, idx),
     CHECK ((qualite IS NULL) = (departement IS NULL))) STRICT, WITHOUT ROWID;";

impl Projection for Legalite {
    fn name(&self) -> &'static str {
        "legalite"
    }

    fn version(&self) -> u32 {
        2
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(TABLES)?;
        conn.execute_batch(pieces::TABLES)
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX actes_par_siren ON actes(siren, nature);
         CREATE INDEX actes_par_departement ON actes(departement, nature, etat);"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["actes", "faits", "pieces", "effacements"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match (&event.data, &event.dossier) {
            (Data::ActeTransmis(data), DossierId::Acte(id)) => transmis(tx, leaf, event, id, data),
            (data, DossierId::Acte(id)) => match Fait::of(data) {
                Some(fait) => fait.add(tx, leaf, event, id),
                None => Ok(()),
            },
            (Data::PieceEffacee(_), DossierId::Piece(organisation, reference)) => {
                pieces::efface(tx, leaf.index(), organisation, *reference)
            }
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::ActeTransmis
            | EventType::ActeAccuseReception
            | EventType::ActeAnomalie
            | EventType::ActePublie
            | EventType::ActeAnnulationDemandee
            | EventType::ActeAnnulationAcquittee
            | EventType::PieceEffacee
    )
}

fn transmis(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    id: &IdActe,
    data: &ActeTransmis,
) -> Result<(), ApplyError> {
    let id_text = event.subject.identifier();
    let added = tx.execute(
        "INSERT INTO actes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'transmis', ?9, 1)
             ON CONFLICT(id) DO UPDATE SET idx = ?1, arrondissement = ?5, matiere = ?7, classification = ?8,
                 etat = 'transmis', transmis_le_ms = ?9, transmissions = transmissions + 1
                 WHERE (etat = 'publie' OR etat = 'anomalie')",
        (
            leaf.index(),
            id_text,
            id.siren.as_str(),
            id.departement.as_str(),
            data.arrondissement,
            id.nature.as_str(),
            data.matiere.to_string(),
            data.classification.to_string(),
            leaf.recorded_at_ms()?,
        ),
    )?;
    if added == 0 {
        return Ok(());
    }
    pieces::cite(tx, leaf.index(), event)?;
    // The first leaf of its dossier: nothing was said before.
    if leaf.leaf()?.previous.is_some() { settle(tx, id_text) } else { Ok(()) }
}

/// What an event says about an act.
struct Fait<'a> {
    genre: &'static str,
    date: Option<Jour>,
    auteur: Option<&'a AuteurDeclare>,
    code: Option<&'a str>,
    portee: Option<&'static str>,
    mode: Option<&'static str>,
    jusqu_au: Option<Jour>,
}

const ACCUSE: &str = "accuse";
const ANOMALIE: &str = "anomalie";
const PUBLICATION: &str = "publication";
const ANNULATION_DEMANDEE: &str = "annulation-demandee";
const ANNULATION_ACQUITTEE: &str = "annulation-acquittee";

impl<'a> Fait<'a> {
    fn of(data: &'a Data) -> Option<Self> {
        let dated =
            |genre, date, auteur| Self { genre, date, auteur, code: None, portee: None, mode: None, jusqu_au: None };
        Some(match data {
            Data::ActeAccuseReception(data) => dated(ACCUSE, Some(data.date_reception), data.auteur_declare.as_ref()),
            Data::ActeAnomalie(data) => Self {
                code: Some(data.code.as_str()),
                portee: Some(data.portee.as_str()),
                ..dated(ANOMALIE, Some(data.date), data.auteur_declare.as_ref())
            },
            Data::ActePublie(data) => Self {
                mode: Some(data.mode.as_str()),
                jusqu_au: data.jusqu_au,
                ..dated(PUBLICATION, Some(data.date), None)
            },
            Data::ActeAnnulationDemandee(_) => dated(ANNULATION_DEMANDEE, None, None),
            Data::ActeAnnulationAcquittee(data) => {
                dated(ANNULATION_ACQUITTEE, Some(data.date_reception), data.auteur_declare.as_ref())
            }
            _ => return None,
        })
    }

    fn add(&self, tx: &Writer<'_>, leaf: &Recorded, event: &Event, id: &IdActe) -> Result<(), ApplyError> {
        let id_text = event.subject.identifier();
        let text = |jour: Option<Jour>| jour.map(|jour| jour.to_string());
        tx.execute(
            "INSERT INTO faits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            rusqlite::params![
                id_text,
                leaf.index(),
                self.genre,
                leaf.recorded_at_ms()?,
                text(self.date),
                event.source.to_string(),
                self.auteur.map(|auteur| auteur.qualite.as_str()),
                self.auteur.map(|auteur| auteur.departement.as_str().to_owned()),
                self.auteur.and_then(|auteur| auteur.arrondissement),
                self.code,
                self.portee,
                self.mode,
                text(self.jusqu_au),
            ],
        )?;
        pieces::cite(tx, leaf.index(), event)?;
        let etat = match self.genre {
            ACCUSE => "UPDATE actes SET etat = 'recu' WHERE id = ?1 AND (etat = 'transmis' OR etat = 'anomalie')",
            ANOMALIE => "UPDATE actes SET etat = 'anomalie' WHERE id = ?1 AND etat = 'transmis'",
            ANNULATION_DEMANDEE => {
                "UPDATE actes SET etat = 'annulation-demandee' WHERE id = ?1 AND etat <> 'publie' AND etat <> 'annule'"
            }
            ANNULATION_ACQUITTEE => "UPDATE actes SET etat = 'annule' WHERE id = ?1 AND etat <> 'publie'",
            _ => {
                // An act of which this is all that is known: those that need no transmission are published only (CGCT L2131-3).
                let sql = "INSERT INTO actes VALUES (?1, ?2, ?3, ?4, NULL, ?5, NULL, NULL, 'publie', NULL, 0)
                     ON CONFLICT(id) DO NOTHING";
                let place = (id.siren.as_str(), id.departement.as_str(), id.nature.as_str());
                tx.execute(sql, (leaf.index(), id_text, place.0, place.1, place.2))?;
                return Ok(());
            }
        };
        tx.execute(etat, [id_text])?;
        Ok(())
    }
}

/// Brings the state of an act that was transmitted to what had been said about it before.
fn settle(tx: &Writer<'_>, id: &str) -> Result<(), ApplyError> {
    let sql = "SELECT idx, etat FROM actes WHERE id = ?1 AND transmissions > 0";
    let acte = tx.one(sql, [id], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)))?;
    let Some((transmis, known)) = acte else { return Ok(()) };
    let (mut recu, mut refuse, mut demandee, mut annule) = (false, false, false, false);
    tx.each("SELECT genre, idx FROM faits WHERE acte = ?1", [id], |row| {
        match row.get_ref(0)?.as_str()? {
            ACCUSE => recu = true,
            // What rejected an earlier transmission says nothing of this one.
            ANOMALIE => refuse |= row.get::<_, u64>(1)? > transmis,
            ANNULATION_DEMANDEE => demandee = true,
            ANNULATION_ACQUITTEE => annule = true,
            _ => {}
        }
        Ok(())
    })?;
    let etat = match (annule, demandee, recu, refuse) {
        (true, ..) => Etat::Annule,
        (_, true, ..) => Etat::AnnulationDemandee,
        (_, _, true, _) => Etat::Recu,
        (_, _, _, true) => Etat::Anomalie,
        _ => Etat::Transmis,
    };
    if etat.as_str() != known {
        tx.execute("UPDATE actes SET etat = ?2 WHERE idx = ?1", (transmis, etat.as_str()))?;
    }
    Ok(())
}
