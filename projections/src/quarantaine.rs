//! The view `quarantaine`: messages that could not be placed, why, and what became of each.
//!
//! ```text
//! messages     one row per message; its key is the leaf that put it aside
//! pieces, effacements   what events cite (crate::pieces)
//! visibles     who sees which (crate::liste): whoever received it
//! ```

#[cfg(test)]
mod tests;

use greffe_events::catalogue::QuarantaineMise;
use greffe_events::event::DossierId;
use greffe_events::ident::{IdQuarantaine, Subject};
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::Serialize;

use crate::dossiers::instant;
use crate::legalite::AuteurRow;
use crate::liste::{self, Acces, Liste, Page, Tranche, liste};
use crate::pieces::{self, PieceRow};
use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

/// The projection behind the view `quarantaine`.
pub struct Quarantaine;

const TABLES: &str = "CREATE TABLE messages(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, titulaire TEXT NOT NULL, mis_par TEXT NOT NULL, mis_le_ms INTEGER NOT NULL,
     message TEXT NOT NULL, motif TEXT NOT NULL, acte TEXT, qualite TEXT, departement TEXT, arrondissement INTEGER,
     etat TEXT NOT NULL, regle_index INTEGER, regle_le_ms INTEGER, regle_par TEXT, acte_rattache TEXT, feuille INTEGER,
     motif_ecart TEXT, CHECK ((qualite IS NULL) = (departement IS NULL))) STRICT;";

/// Every word of the state of a message.
pub const ETATS: [&str; 3] = [EN_ATTENTE, RATTACHEE, ECARTEE];

const EN_ATTENTE: &str = "en-attente";
const RATTACHEE: &str = "rattachee";
const ECARTEE: &str = "ecartee";

impl Projection for Quarantaine {
    fn name(&self) -> &'static str {
        "quarantaine"
    }

    fn version(&self) -> u32 {
        1
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        [TABLES, pieces::TABLES, liste::VISIBLES].iter().try_for_each(|sql| conn.execute_batch(sql))
    }

    fn tables(&self) -> &'static [&'static str] {
        &["messages", "pieces", "effacements", "visibles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match (&event.dossier, &event.data) {
            (DossierId::Piece(organisation, reference), _) => {
                pieces::efface(tx, leaf.index(), organisation, *reference)
            }
            (DossierId::Quarantaine(id), Data::QuarantaineMise(data)) => mise(tx, leaf, event, id, data),
            (DossierId::Quarantaine(_), Data::QuarantaineRattachee(data)) => {
                let acte = data.acte.to_string();
                regle(tx, leaf, event, RATTACHEE, Some(&acte), Some(data.feuille.get()), None)
            }
            (DossierId::Quarantaine(_), Data::QuarantaineEcartee(data)) => {
                regle(tx, leaf, event, ECARTEE, None, None, Some(data.motif.as_str()))
            }
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(event_type.family(), Subject::QUARANTAINE | Subject::PIECE)
}

fn mise(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    id: &IdQuarantaine,
    data: &QuarantaineMise,
) -> Result<(), ApplyError> {
    let (titulaire, source) = (id.titulaire.to_string(), event.source.to_string());
    let auteur = data.auteur_declare.as_ref();
    let added = tx.execute(
        "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, NULL, NULL, NULL, NULL, NULL, NULL)
             ON CONFLICT(id) DO NOTHING",
        params![
            leaf.index(),
            event.subject.identifier(),
            titulaire,
            source,
            leaf.recorded_at_ms()?,
            data.message.as_str(),
            data.motif.as_str(),
            data.acte.as_ref().map(ToString::to_string),
            auteur.map(|auteur| auteur.qualite.as_str()),
            auteur.map(|auteur| auteur.departement.to_string()),
            auteur.and_then(|auteur| auteur.arrondissement),
            EN_ATTENTE,
        ],
    )?;
    if added == 0 {
        return Ok(());
    }
    pieces::cite(tx, leaf.index(), event)?;
    liste::montre(tx, leaf.index(), std::collections::BTreeSet::from([titulaire.as_str(), source.as_str()]))
}

fn regle(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    etat: &str,
    acte: Option<&str>,
    feuille: Option<u64>,
    motif: Option<&str>,
) -> Result<(), ApplyError> {
    tx.execute(
        "UPDATE messages SET etat = ?2, regle_index = ?3, regle_le_ms = ?4, regle_par = ?5, acte_rattache = ?6, feuille = ?7,
             motif_ecart = ?8 WHERE id = ?1",
        params![
            event.subject.identifier(),
            etat,
            leaf.index(),
            leaf.recorded_at_ms()?,
            event.source.to_string(),
            acte,
            feuille,
            motif,
        ],
    )?;
    pieces::cite(tx, leaf.index(), event)
}

/// A message that could not be placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct QuarantaineRow {
    /// The leaf that put it aside: its place in lists.
    pub index: u64,
    /// `RECEIVER_UUID`.
    pub id: String,
    /// Who received it.
    pub titulaire: String,
    /// Who put it aside: the receiver, or its gateway.
    pub mis_par: String,
    /// When that was recorded, RFC 3339.
    pub enregistre_le: String,
    /// `1-1` to `7-3`, `ano` or `inconnu`.
    pub message: String,
    /// Why it could not be placed.
    pub motif: String,
    /// The act that it names, or that its parts make; there may be none of that name.
    pub acte: Option<String>,
    /// Who the file says wrote it.
    pub auteur_declare: Option<AuteurRow>,
    /// One of [`ETATS`].
    pub etat: String,
    /// The leaf that attached it or set it aside.
    pub regle_index: Option<u64>,
    /// When that was recorded, RFC 3339.
    pub regle_le: Option<String>,
    /// Who decided it.
    pub regle_par: Option<String>,
    /// The act that it was attached to.
    pub acte_rattache: Option<String>,
    /// The leaf of that act which says it.
    pub feuille: Option<u64>,
    /// Why it was set aside.
    pub motif_ecart: Option<String>,
    /// Its files, then those of what became of it.
    pub pieces: Vec<PieceRow>,
}

/// Which messages.
#[derive(Debug, Clone, Default)]
pub struct FiltreQuarantaine {
    /// Received by this organisation.
    pub titulaire: Option<String>,
    /// In this state.
    pub etat: Option<String>,
    /// For this reason.
    pub motif: Option<String>,
}

const MESSAGES: Liste =
    liste!("messages", "((?4 IS NULL OR titulaire = ?4) AND (?5 IS NULL OR etat = ?5) AND (?6 IS NULL OR motif = ?6))");

macro_rules! un_message {
    ($condition:literal) => {
        concat!(
            "SELECT idx, id, titulaire, mis_par, mis_le_ms, message, motif, acte, qualite, departement, arrondissement, etat,
                 regle_index, regle_le_ms, regle_par, acte_rattache, feuille, motif_ecart FROM messages WHERE ",
            $condition
        )
    };
}

const PAR_INDEX: &str = un_message!("idx = ?1");
const PAR_ID: &str = un_message!("id = ?1");

/// A page of messages, those put aside last first.
pub fn list(
    conn: &Connection,
    acces: &Acces,
    filtre: &FiltreQuarantaine,
    tranche: Tranche,
) -> rusqlite::Result<Page<QuarantaineRow>> {
    let filtres: [&dyn ToSql; 3] = [&filtre.titulaire, &filtre.etat, &filtre.motif];
    MESSAGES.page(conn, acces, &filtres, tranche, |index| {
        let row = conn.prepare_cached(PAR_INDEX)?.query_row([index], read)?;
        with_pieces(conn, row)
    })
}

/// One message, if it is there and the reader may see it.
pub fn find(conn: &Connection, acces: &Acces, id: &str) -> rusqlite::Result<Option<QuarantaineRow>> {
    match conn.prepare_cached(PAR_ID)?.query_row([id], read).optional()? {
        Some(row) if liste::voit(conn, acces, row.index)? => with_pieces(conn, row).map(Some),
        _ => Ok(None),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<QuarantaineRow> {
    let auteur_declare = match row.get(8)? {
        Some(qualite) => Some(AuteurRow { qualite, departement: row.get(9)?, arrondissement: row.get(10)? }),
        None => None,
    };
    Ok(QuarantaineRow {
        index: row.get(0)?,
        id: row.get(1)?,
        titulaire: row.get(2)?,
        mis_par: row.get(3)?,
        enregistre_le: instant(row.get(4)?),
        message: row.get(5)?,
        motif: row.get(6)?,
        acte: row.get(7)?,
        auteur_declare,
        etat: row.get(11)?,
        regle_index: row.get(12)?,
        regle_le: row.get::<_, Option<i64>>(13)?.map(instant),
        regle_par: row.get(14)?,
        acte_rattache: row.get(15)?,
        feuille: row.get(16)?,
        motif_ecart: row.get(17)?,
        pieces: Vec::new(),
    })
}

fn with_pieces(conn: &Connection, mut row: QuarantaineRow) -> rusqlite::Result<QuarantaineRow> {
    row.pieces = pieces::read(conn, row.index)?;
    if let Some(index) = row.regle_index {
        row.pieces.extend(pieces::read(conn, index)?);
    }
    Ok(row)
}
