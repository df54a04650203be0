//! Reading the view `legalite`: a page of acts, or one, as far as the reader may see them.
//!
//! A page is merged from *strands*: the acts of one SIREN or département, of one nature, in one state; where nothing is asked
//! for and nothing hidden, all acts are one. Each is in the order of the log, read from where the page starts for no more
//! rows than the page still lacks. So no filter, however rare what it asks for, and no list of rights makes a page read more
//! than `strands × limite` index entries, or all acts of the collectivités that are asked for; SQLite never sorts. Every value
//! is a parameter.
//!
//! The statements of one call belong together: call within one read transaction, as `ViewReader::read` gives.

use std::collections::BTreeSet;

use greffe_events::ident::Nature;
use rusqlite::{Connection, OptionalExtension};

use super::row::{ActeRow, Etat, acte};

/// Most acts in a page.
pub const LIMITE_MAX: u32 = 1_000;

/// Which acts.
#[derive(Debug, Clone)]
pub struct Filtre {
    /// Of this collectivité.
    pub siren: Option<String>,
    /// Of this département.
    pub departement: Option<String>,
    /// Of this nature, two letters.
    pub nature: Option<String>,
    /// In this state ([`Etat`]).
    pub etat: Option<String>,
    /// What the reader may see.
    pub acces: Acces,
    /// Only acts placed before this leaf: the `index` that ended the page before.
    pub apres: Option<u64>,
    /// Most acts; at most [`LIMITE_MAX`] are given.
    pub limite: u32,
}

/// Which acts a reader may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acces {
    /// All.
    Tout,
    /// Those of any of these collectivités, and those of any of these départements.
    Partiel {
        /// Collectivités.
        sirens: Vec<String>,
        /// Départements.
        departements: Vec<String>,
        /// Départements of which it is the prefecture: what that examined is for it alone.
        prefectures: Vec<String>,
    },
}

impl Acces {
    /// An act without what this reader may not see of it.
    pub(super) fn montre(&self, mut acte: ActeRow) -> ActeRow {
        match self {
            Self::Partiel { prefectures, .. } if !prefectures.contains(&acte.departement) => acte.examen = None,
            _ => {}
        }
        acte
    }

    fn admits(&self, acte: &ActeRow) -> bool {
        match self {
            Self::Tout => true,
            Self::Partiel { sirens, departements, .. } => {
                sirens.contains(&acte.siren) || departements.contains(&acte.departement)
            }
        }
    }
}

/// A page of acts, newest first. It stays the same while new acts arrive, but for their state and those transmitted again.
/// What follows in law is that of `maintenant_ms`, Unix ms.
pub fn list(conn: &Connection, filtre: &Filtre, maintenant_ms: u64) -> rusqlite::Result<Vec<ActeRow>> {
    let limite = filtre.limite.min(LIMITE_MAX);
    // SQLite's integers end there, and so do leaves.
    let before = filtre.apres.map_or(i64::MAX, |index| i64::try_from(index).unwrap_or(i64::MAX));
    let natures =
        filtre.nature.as_deref().map_or(Nature::ALL.iter().map(Nature::as_str).collect(), |nature| vec![nature]);
    let each_etat = filtre.etat.as_deref().map_or(Etat::ALL.map(Etat::as_str).to_vec(), |etat| vec![etat]);
    let each_etat: Vec<Option<&str>> = each_etat.into_iter().map(Some).collect();
    let any_etat = [filtre.etat.as_deref()];
    let mut page = BTreeSet::new();
    for place in places(conn, filtre)? {
        let mut select = conn.prepare_cached(place.sql())?;
        // The index of a collectivité holds its states together.
        let etats = if place.siren.is_some() { &any_etat[..] } else { &each_etat };
        let kinds = natures.iter().flat_map(|nature| etats.iter().map(move |etat| (*nature, *etat)));
        // Where all acts are one strand, it is read once.
        let once = if place == Place::default() { 1 } else { usize::MAX };
        for (nature, etat) in kinds.take(once) {
            // Once the page is full, only what is newer than its oldest act can still enter it.
            let is_full = page.len() >= limite as usize;
            let from = page.first().filter(|_| is_full).map_or(0, |oldest: &i64| oldest + 1);
            let params = (&place.siren, &place.departement, nature, etat, from, before, limite);
            for index in select.query_map(params, |row| row.get(0))? {
                page.insert(index?);
            }
            while page.len() > limite as usize {
                page.pop_first();
            }
        }
    }
    let whole = |index| acte(conn, "idx = ?1", index, maintenant_ms)?.ok_or(rusqlite::Error::QueryReturnedNoRows);
    page.iter().rev().map(|index| whole(*index).map(|acte| filtre.acces.montre(acte))).collect()
}

/// One act, if it is there and the reader may see it, as the law has it at `maintenant_ms`, Unix ms.
pub fn find(conn: &Connection, id: &str, acces: &Acces, maintenant_ms: u64) -> rusqlite::Result<Option<ActeRow>> {
    Ok(acte(conn, "id = ?1", id, maintenant_ms)?.filter(|acte| acces.admits(acte)).map(|acte| acces.montre(acte)))
}

/// Where the acts of some strands lie; everywhere by default.
#[derive(Clone, Default, PartialEq)]
struct Place {
    siren: Option<String>,
    departement: Option<String>,
}

/// The places that together hold what `filtre` asks for and the reader may see; they may overlap.
fn places(conn: &Connection, filtre: &Filtre) -> rusqlite::Result<Vec<Place>> {
    let asked = Place { siren: filtre.siren.clone(), departement: filtre.departement.clone() };
    let Acces::Partiel { sirens, departements, .. } = &filtre.acces else {
        let is_filtered = filtre.nature.is_some() || filtre.etat.is_some();
        if asked != Place::default() || !is_filtered {
            return Ok(vec![asked]);
        }
        let of = |departement| Place { siren: None, departement: Some(departement) };
        return Ok(known_departements(conn)?.into_iter().map(of).collect());
    };
    let by_siren = distinct(sirens)
        .into_iter()
        .filter(|siren| filtre.siren.as_deref().is_none_or(|only| only == *siren))
        .map(|siren| Place { siren: Some(siren.to_owned()), ..asked.clone() });
    let by_departement = distinct(departements)
        .into_iter()
        .filter(|departement| filtre.departement.as_deref().is_none_or(|only| only == *departement))
        .map(|departement| Place { departement: Some(departement.to_owned()), ..asked.clone() });
    Ok(by_siren.chain(by_departement).collect())
}

fn distinct(values: &[String]) -> BTreeSet<&str> {
    values.iter().map(String::as_str).collect()
}

const NEXT_DEPARTEMENT: &str = "SELECT departement FROM actes INDEXED BY actes_par_departement
     WHERE departement > ?1 ORDER BY departement LIMIT 1";

/// The départements that have acts: some hundred, one look into the index each.
fn known_departements(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut next = conn.prepare_cached(NEXT_DEPARTEMENT)?;
    let mut known: Vec<String> = Vec::new();
    while let Some(departement) =
        next.query_row([known.last().map_or("", String::as_str)], |row| row.get(0)).optional()?
    {
        known.push(departement);
    }
    Ok(known)
}

/// One strand: `?1` siren, `?2` département, `?3` nature, `?4` état, `?5` and `?6` from and before which leaf, `?7` limit.
macro_rules! strand {
    ($index:literal, $place:literal, $etat:literal) => {
        concat!(
            "SELECT idx FROM actes INDEXED BY ",
            $index,
            " WHERE ",
            $place,
            " AND nature = ?3 AND ",
            $etat,
            " AND idx >= ?5 AND idx < ?6 ORDER BY idx DESC LIMIT ?7"
        )
    };
}

/// All acts, with the parameters of a strand.
const ALL: &str = "SELECT idx FROM actes WHERE idx >= ?5 AND idx < ?6 ORDER BY idx DESC LIMIT ?7";

impl Place {
    fn sql(&self) -> &'static str {
        match (&self.siren, &self.departement) {
            // A collectivité lies in one département; asking for both filters little.
            (Some(_), _) => strand!(
                "actes_par_siren",
                "siren = ?1 AND (?2 IS NULL OR departement = ?2)",
                "(?4 IS NULL OR etat = ?4)"
            ),
            (None, Some(_)) => strand!("actes_par_departement", "departement = ?2", "etat = ?4"),
            (None, None) => ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::legalite::row::{ACTE, FAITS};
    use crate::pieces::{CITED, ERASED, TABLES as PIECES};

    #[test]
    fn no_query_scans_a_table_or_sorts() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(crate::legalite::TABLES).unwrap();
        conn.execute_batch(crate::Projection::indexes(&crate::legalite::Legalite)).unwrap();
        conn.execute_batch(PIECES).unwrap();
        let some = || Some(String::new());
        let strands = [(some(), None), (some(), some()), (None, some()), (None, None)]
            .map(|(siren, departement)| Place { siren, departement }.sql().to_owned());
        let whole = ["idx = ?1", "id = ?1"].map(|condition| format!("{ACTE}{condition}"));
        let others = [FAITS, CITED, ERASED, NEXT_DEPARTEMENT].map(str::to_owned);
        for sql in strands.into_iter().chain(whole).chain(others) {
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = explain.parameter_count();
            let steps = explain
                .query_map(rusqlite::params_from_iter(vec![rusqlite::types::Null; count]), |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<Vec<String>>>()
                .unwrap();
            assert!(!steps.is_empty());
            for step in steps {
                assert!(step.starts_with("SEARCH"), "{step}\n{sql}");
                // A strand is entered where the page starts, not walked up to it.
                assert!(!sql.contains("?7") || step.contains("rowid>? AND rowid<?"), "{step}");
            }
        }
    }
}
