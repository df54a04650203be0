//! How often what was said of acts, by département, month, nature, matière, arrondissement.
//!
//! Each thing counts in the civil month of its recording, at its place, once: a receipt that is signed and stated from a file
//! too is one. A matière counts with its first two levels.

use greffe_events::ident::IdActe;
use greffe_events::{EventType, Recorded};
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;

use super::faits::genre;
use crate::droit::Calendrier;
use crate::projection::ApplyError;
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

/// What is not known of an act: never an arrondissement, never a matière.
const SANS_ARRONDISSEMENT: i64 = -1;

/// Most rows of an answer: each matière of each month of two years.
pub const LIGNES_MAX: u32 = 2_000;

/// Counts a transmission.
pub(super) fn transmis(
    tx: &Writer<'_>,
    leaf: &Recorded,
    id: &IdActe,
    matiere: &str,
    arrondissement: Option<u8>,
) -> Result<(), ApplyError> {
    let second = matiere.match_indices('.').nth(1).map_or(matiere.len(), |(at, _)| at);
    tx.execute(
        "INSERT INTO comptes VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
             ON CONFLICT DO UPDATE SET nombre = nombre + 1",
        (
            id.departement.as_str(),
            mois(leaf, id)?,
            genre(EventType::ActeTransmis),
            id.nature.as_str(),
            &matiere[..second],
            arrondissement.map_or(SANS_ARRONDISSEMENT, i64::from),
        ),
    )?;
    Ok(())
}

/// Counts what was said of an act that is known.
pub(super) fn dit(tx: &Writer<'_>, leaf: &Recorded, id: &IdActe, event_type: EventType) -> Result<(), ApplyError> {
    let sql = "SELECT matiere, arrondissement FROM actes WHERE id = ?1";
    let acte =
        tx.one(sql, [id.to_string()], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?)))?;
    let (matiere, arrondissement) = acte.unwrap_or_default();
    let matiere = matiere.unwrap_or_default();
    let second = matiere.match_indices('.').nth(1).map_or(matiere.len(), |(at, _)| at);
    tx.execute(
        "INSERT INTO comptes VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
             ON CONFLICT DO UPDATE SET nombre = nombre + 1",
        (
            id.departement.as_str(),
            mois(leaf, id)?,
            genre(event_type),
            id.nature.as_str(),
            &matiere[..second],
            arrondissement.unwrap_or(SANS_ARRONDISSEMENT),
        ),
    )?;
    Ok(())
}

fn mois(leaf: &Recorded, id: &IdActe) -> Result<String, ApplyError> {
    let jour = Calendrier::du_departement(id.departement.as_str()).jour_civil(leaf.recorded_at_ms()?.cast_unsigned());
    Ok(format!("{:04}-{:02}", jour.year(), jour.month()))
}

/// By what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Three characters.
    Departement,
    /// One digit.
    Arrondissement,
    /// Two letters.
    Nature,
    /// Two levels.
    Matiere,
    /// `YYYY-MM`.
    Mois,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Departement, Self::Arrondissement, Self::Nature, Self::Matiere, Self::Mois];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Departement => "departement",
            Self::Arrondissement => "arrondissement",
            Self::Nature => "nature",
            Self::Matiere => "matiere",
            Self::Mois => "mois",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone)]
pub struct FiltreStatistiques {
    /// Of these départements; all where there are none.
    pub departements: Option<Vec<String>>,
    /// From this month on, `YYYY-MM`.
    pub du: Option<String>,
    /// Up to this month, `YYYY-MM`.
    pub au: Option<String>,
    /// By what.
    pub par: Vec<Dimension>,
}

/// How often what was said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct StatistiqueRow {
    /// Where it is counted by départements.
    pub departement: Option<String>,
    /// Where it is counted by arrondissements, and known.
    pub arrondissement: Option<u8>,
    /// Where it is counted by natures.
    pub nature: Option<String>,
    /// Where it is counted by matières; two levels.
    pub matiere: Option<String>,
    /// Where it is counted by months, `YYYY-MM`.
    pub mois: Option<String>,
    /// Acts transmitted, each time.
    pub transmis: u64,
    /// Acts received by the prefecture.
    pub recus: u64,
    /// Anomalies.
    pub anomalies: u64,
    /// Cancellations acknowledged.
    pub annules: u64,
    /// Plain letters.
    pub courriers_simples: u64,
    /// Requests for documents.
    pub demandes_pieces: u64,
    /// Letters of observations.
    pub lettres_observations: u64,
    /// Referrals to the court.
    pub deferes: u64,
}

/// Where a number stands in a row.
type Place = fn(&mut StatistiqueRow) -> &mut u64;

const SOMMES: [(EventType, Place); 8] = [
    (EventType::ActeTransmis, |row| &mut row.transmis),
    (EventType::ActeAccuseReception, |row| &mut row.recus),
    (EventType::ActeAnomalie, |row| &mut row.anomalies),
    (EventType::ActeAnnulationAcquittee, |row| &mut row.annules),
    (EventType::ActeCourrierSimple, |row| &mut row.courriers_simples),
    (EventType::ActeDemandePieces, |row| &mut row.demandes_pieces),
    (EventType::ActeLettreObservations, |row| &mut row.lettres_observations),
    (EventType::ActeDefere, |row| &mut row.deferes),
];

/// Sums, in the order of what they are counted by; at most [`LIGNES_MAX`], and whether that is all.
pub fn statistiques(conn: &Connection, filtre: &FiltreStatistiques) -> rusqlite::Result<(Vec<StatistiqueRow>, bool)> {
    let par: Vec<Dimension> = Dimension::ALL.into_iter().filter(|one| filtre.par.contains(one)).collect();
    let columns: Vec<&str> = par.iter().map(|one| one.as_str()).collect();
    let sums: Vec<String> = SOMMES
        .iter()
        .map(|(event_type, _)| format!("sum(nombre) FILTER (WHERE genre = '{}')", genre(*event_type)))
        .collect();
    let known = match &filtre.departements {
        Some(departements) => departements.clone(),
        None => departements(conn)?,
    };
    let places = vec!["?"; known.len()].join(", ");
    let by = if columns.is_empty() { String::new() } else { format!("GROUP BY {0} ORDER BY {0}", columns.join(", ")) };
    let sql = format!(
        "SELECT {} FROM comptes WHERE departement IN ({places}) AND mois >= ? AND mois <= ? {by} LIMIT {}",
        columns.iter().map(ToString::to_string).chain(sums).collect::<Vec<_>>().join(", "),
        LIGNES_MAX + 1
    );
    let du = filtre.du.clone().unwrap_or_default();
    let au = filtre.au.clone().unwrap_or_else(|| "9999-12".to_owned());
    let params: Vec<&str> = known.iter().map(String::as_str).chain([du.as_str(), au.as_str()]).collect();
    let mut select = conn.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(params), |row| read(row, &par))?;
    let mut rows: Vec<StatistiqueRow> = rows.collect::<rusqlite::Result<_>>()?;
    let is_all = rows.len() <= LIGNES_MAX as usize;
    rows.truncate(LIGNES_MAX as usize);
    Ok((rows, is_all))
}

const NEXT_DEPARTEMENT: &str = "SELECT departement FROM comptes WHERE departement > ?1 ORDER BY departement LIMIT 1";

/// Those of which something is counted.
fn departements(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut next = conn.prepare_cached(NEXT_DEPARTEMENT)?;
    let mut known: Vec<String> = Vec::new();
    loop {
        let mut rows = next.query([known.last().map_or("", String::as_str)])?;
        match rows.next()? {
            Some(row) => known.push(row.get(0)?),
            None => return Ok(known),
        }
    }
}

fn read(row: &Row<'_>, par: &[Dimension]) -> rusqlite::Result<StatistiqueRow> {
    let mut read = StatistiqueRow::default();
    for (at, dimension) in par.iter().enumerate() {
        match dimension {
            Dimension::Departement => read.departement = row.get(at)?,
            Dimension::Arrondissement => read.arrondissement = u8::try_from(row.get::<_, i64>(at)?).ok(),
            Dimension::Nature => read.nature = row.get(at)?,
            Dimension::Matiere => read.matiere = row.get::<_, Option<String>>(at)?.filter(|text| !text.is_empty()),
            Dimension::Mois => read.mois = row.get(at)?,
        }
    }
    for (at, (_, place)) in SOMMES.iter().enumerate() {
        *place(&mut read) = row.get::<_, Option<u64>>(par.len() + at)?.unwrap_or_default();
    }
    Ok(read)
}
