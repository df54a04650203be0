//! Versions of the classification, of each organisation that published or received some.
//!
//! An act is judged by what its collectivité knew: the newest version that it received, or that the prefecture of its département
//! published, before the act was transmitted. One that names an older version is shown so before the prefecture rejects it (1-3,
//! code 002).

use greffe_events::ident::Organisation;
use greffe_events::{Data, Event, Recorded};
use rusqlite::Connection;
use serde::Serialize;

use crate::dossiers::instant;
use crate::pieces::{self, PieceRow};
use crate::projection::ApplyError;
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

/// One row for each time that an organisation published, received or confirmed a version.
pub(super) const TABLES: &str = "CREATE TABLE classifications(
     idx INTEGER PRIMARY KEY, organisation TEXT NOT NULL, departement TEXT NOT NULL, date TEXT NOT NULL, enregistre_le_ms INTEGER NOT NULL,
     constat INTEGER NOT NULL, matieres INTEGER) STRICT;
 CREATE INDEX classifications_de ON classifications(organisation, date);
 CREATE INDEX classifications_du ON classifications(departement, date) WHERE NOT constat;";

/// Keeps a version.
pub(super) fn add(
    tx: &Writer<'_>,
    leaf: &Recorded,
    event: &Event,
    organisation: &Organisation,
    data: &Data,
) -> Result<(), ApplyError> {
    let (version, departement, matieres) = match data {
        Data::ClassificationPubliee(data) => (data.date, data.departement, Some(data.matieres.len())),
        Data::ClassificationInchangee(data) => (data.date, data.departement, None),
        _ => return Ok(()),
    };
    tx.execute(
        "INSERT INTO classifications VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            leaf.index(),
            organisation.to_string(),
            departement.as_str(),
            version.to_string(),
            leaf.recorded_at_ms()?,
            data.is_constat(),
            matieres,
        ),
    )?;
    pieces::cite(tx, leaf.index(), event)
}

pub(super) const CONNUES: &str = "SELECT max(date) FROM (
     SELECT date FROM classifications WHERE organisation = ?1 AND idx < ?3
     UNION ALL SELECT date FROM classifications WHERE departement = ?2 AND NOT constat AND idx < ?3)";

/// The newest version that a collectivité knew before that leaf, `YYYY-MM-DD`.
pub(super) fn connue(
    conn: &Connection,
    siren: &str,
    departement: &str,
    before: u64,
) -> rusqlite::Result<Option<String>> {
    let organisation = format!("urn:siren:{siren}");
    conn.prepare_cached(CONNUES)?.query_row((organisation, departement, before), |row| row.get(0))
}

/// A version of the classification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ClassificationRow {
    /// The leaf that says it.
    pub index: u64,
    /// Who published it, or received it.
    pub organisation: String,
    /// Three characters.
    pub departement: String,
    /// Date of the version, `YYYY-MM-DD`.
    pub date: String,
    /// When the leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Whether it states what a file says.
    pub constat: bool,
    /// How many matières it has; none where it says only that nothing changed.
    pub matieres: Option<u32>,
    /// The message, with the labels.
    pub pieces: Vec<PieceRow>,
}

/// Most versions of an answer: a prefecture publishes some a year.
const VERSIONS_MAX: u32 = 200;

pub(super) const DE: &str =
    "SELECT idx, organisation, departement, date, enregistre_le_ms, constat, matieres FROM classifications
     INDEXED BY classifications_de WHERE organisation = ?1 ORDER BY date DESC, idx DESC LIMIT ?2";
pub(super) const DU: &str =
    "SELECT idx, organisation, departement, date, enregistre_le_ms, constat, matieres FROM classifications
     INDEXED BY classifications_du WHERE departement = ?1 AND NOT constat ORDER BY date DESC, idx DESC LIMIT ?2";

/// The versions that a prefecture published for its département, or, where that is asked for, those of an organisation; newest first.
pub fn classifications(
    conn: &Connection,
    departement: &str,
    organisation: Option<&str>,
) -> rusqlite::Result<Vec<ClassificationRow>> {
    let (sql, key) = organisation.map_or((DU, departement), |organisation| (DE, organisation));
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map((key, VERSIONS_MAX), |row| {
        Ok(ClassificationRow {
            index: row.get(0)?,
            organisation: row.get(1)?,
            departement: row.get(2)?,
            date: row.get(3)?,
            enregistre_le: instant(row.get(4)?),
            constat: row.get(5)?,
            matieres: row.get(6)?,
            pieces: Vec::new(),
        })
    })?;
    let mut found: Vec<ClassificationRow> = rows.collect::<rusqlite::Result<_>>()?;
    for row in &mut found {
        row.pieces = pieces::read(conn, row.index)?;
    }
    Ok(found)
}
