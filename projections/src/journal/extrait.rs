//! What extracts ask of the view: where the leaves of one organisation are, and those of one dossier. The view proposes; who writes
//! the extract reads each leaf and decides.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::liste::Nom;

/// Leaves that an organisation sees, from one index on and below another, in order: at most `max`.
pub fn concernant(conn: &Connection, qui: &str, from: u64, below: u64, max: u32) -> rusqlite::Result<Vec<u64>> {
    let sql = "SELECT idx FROM visibles WHERE qui = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx LIMIT ?4";
    conn.prepare_cached(sql)?.query_map((Nom::of(qui), from, below, max), index)?.collect()
}

/// The last leaf below an index whose source is that organisation.
pub fn parole_avant(conn: &Connection, source: &str, below: u64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT v.idx FROM visibles v JOIN evenements e ON e.idx = v.idx
         WHERE v.qui = ?1 AND v.idx < ?2 AND e.source = ?3 ORDER BY v.idx DESC LIMIT 1";
    conn.prepare_cached(sql)?.query_row((Nom::of(source), below, source), index).optional()
}

/// The first one from an index on.
pub fn parole_depuis(conn: &Connection, source: &str, from: u64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT v.idx FROM visibles v JOIN evenements e ON e.idx = v.idx
         WHERE v.qui = ?1 AND v.idx >= ?2 AND e.source = ?3 ORDER BY v.idx LIMIT 1";
    conn.prepare_cached(sql)?.query_row((Nom::of(source), from, source), index).optional()
}

/// All leaves of a dossier below an index but recorded refusals, in order.
pub fn du_dossier(conn: &Connection, sujet: &str, below: u64) -> rusqlite::Result<Vec<u64>> {
    let sql = "SELECT idx FROM evenements INDEXED BY evenements_par_sujet
         WHERE sujet = ?1 AND idx < ?2 AND code IS NULL ORDER BY idx";
    conn.prepare_cached(sql)?.query_map((sujet, below), index)?.collect()
}

fn index(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get(0)
}
