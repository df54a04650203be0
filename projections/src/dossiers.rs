//! Dossiers as their life cycle has them, and what was said about each: the tables that views of exchanges keep.
//!
//! ```text
//! cycles   the state of each dossier, as `greffe_events::dossier` makes it of its events
//! suites   one row per event of a dossier: who spoke, when, and what it says, its pieces apart
//! pieces, effacements   (crate::pieces)
//! ```
//!
//! The functions that admitted an event say what it changes: a view has no life cycle of its own.

use greffe_events::dossier::{Dossier, Recording};
use greffe_events::horodatage::Horodatage;
use greffe_events::{Event, Recorded};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde_json::Value;

use crate::pieces::{self, PieceRow};
use crate::projection::{ApplyError, is_unreadable};
use crate::writer::Writer;

/// The two tables.
pub(crate) const TABLES: &str = "
 CREATE TABLE cycles(sujet TEXT PRIMARY KEY, etat TEXT NOT NULL) STRICT, WITHOUT ROWID;
 CREATE TABLE suites(
     sujet TEXT NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, recu_le_ms INTEGER NOT NULL,
     enregistre_le_ms INTEGER NOT NULL, constat INTEGER NOT NULL, dit TEXT NOT NULL,
     PRIMARY KEY (sujet, idx)) STRICT, WITHOUT ROWID;";

/// One event of a dossier.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SuiteRow {
    /// Its leaf.
    pub index: u64,
    /// What was said.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Whose word it is; none for a constat.
    pub signe_par: Option<String>,
    /// Who states what a file says.
    pub constate_par: Option<String>,
    /// When its last byte was received, RFC 3339.
    pub recu_le: String,
    /// When it was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Its `data`, pieces apart.
    pub dit: Value,
    /// The files that it cites.
    pub pieces: Vec<PieceRow>,
}

/// Takes an event into its dossier; the state after it, if there is one.
pub(crate) fn avance(tx: &Writer<'_>, leaf: &Recorded, event: &Event) -> Result<Option<Dossier>, ApplyError> {
    let record = leaf.leaf()?;
    let mut said = serde_json::to_value(&event.data).map_err(ApplyError::leaf)?;
    if let Some(said) = said.as_object_mut() {
        said.remove("pieces");
    }
    tx.execute(
        "INSERT INTO suites VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            event.subject.as_str(),
            leaf.index(),
            event.data.event_type().as_str(),
            event.source.to_string(),
            record.received_at_ms.cast_signed(),
            record.recorded_at_ms.cast_signed(),
            event.data.is_constat(),
            said.to_string(),
        ),
    )?;
    pieces::cite(tx, leaf.index(), event)?;
    let cycle = |sujet: &str| {
        let text = tx.one(CYCLE, [sujet], |row| row.get::<_, String>(0))?;
        read_cycle(text)
    };
    let before = cycle(event.subject.as_str())?;
    let linked = event.dossier.lie().map(|subject| cycle(subject.as_str())).transpose()?.flatten();
    let at =
        Recording { index: leaf.index(), recorded_at_ms: record.recorded_at_ms, received_at_ms: record.received_at_ms };
    // Every event was admitted. One that this code would refuse changes nothing, and is shown with the others.
    let Ok(after) = Dossier::after(before.as_ref(), event, at, linked.as_ref()) else { return Ok(before) };
    let text = serde_json::to_string(&after).map_err(ApplyError::leaf)?;
    tx.execute("INSERT OR REPLACE INTO cycles VALUES (?1, ?2)", (event.subject.as_str(), text))?;
    Ok(Some(after))
}

pub(crate) const CYCLE: &str = "SELECT etat FROM cycles WHERE sujet = ?1";
pub(crate) const SUITES: &str = "SELECT idx, type, source, recu_le_ms, enregistre_le_ms, constat, dit FROM suites
     WHERE sujet = ?1 ORDER BY idx";

/// The state of a dossier.
pub(crate) fn cycle(conn: &Connection, sujet: &str) -> rusqlite::Result<Option<Dossier>> {
    read_cycle(conn.prepare_cached(CYCLE)?.query_row([sujet], |row| row.get(0)).optional()?)
}

fn read_cycle(text: Option<String>) -> rusqlite::Result<Option<Dossier>> {
    text.map(|text| serde_json::from_str(&text).map_err(|error| is_unreadable(0, error))).transpose()
}

/// What was said about a dossier, in the order of the log.
pub(crate) fn suites(conn: &Connection, sujet: &str) -> rusqlite::Result<Vec<SuiteRow>> {
    let mut select = conn.prepare_cached(SUITES)?;
    let mut rows = select.query([sujet])?;
    let mut said = Vec::new();
    while let Some(row) = rows.next()? {
        let index = row.get(0)?;
        let source = Some(row.get(2)?);
        let (signe_par, constate_par) = if row.get(5)? { (None, source) } else { (source, None) };
        said.push(SuiteRow {
            index,
            event_type: row.get(1)?,
            signe_par,
            constate_par,
            recu_le: instant(row.get(3)?),
            enregistre_le: instant(row.get(4)?),
            dit: serde_json::from_str(row.get_ref(6)?.as_str()?).map_err(|error| is_unreadable(6, error))?,
            pieces: pieces::read(conn, index)?,
        });
    }
    Ok(said)
}

/// An instant as views show it.
pub(crate) fn instant(ms: i64) -> String {
    Horodatage::from_unix_ms(ms.cast_unsigned()).to_string()
}
