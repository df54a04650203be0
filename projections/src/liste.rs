//! Lists of a view: newest first, as far as the reader may see, a bounded walk a page.
//!
//! Rows of a list have a leaf for their key. A view with readers of its own keeps beside its rows
//!
//! ```text
//! visibles     (qui, idx): who sees which row: an organisation (one with a SIREN by its nine digits, as a number), a département
//!              (`departement:039`), its prefecture alone (`prefecture:039`), everybody (`*`)
//! ```
//!
//! A page walks the rows of each of the reader's names from where it starts and keeps those that the filters admit. It looks
//! at [`PARCOURS_MAX`] rows at most, whatever is asked for: where few rows match, a page may hold fewer than its limit, even
//! none, and still say where the next one starts. So no filter needs an index, and none makes a page slow.

use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput};

use crate::projection::ApplyError;
use crate::writer::Writer;

/// Rows that a page looks at, at most, but for one more of each name of the reader: some fifteen milliseconds.
pub const PARCOURS_MAX: usize = 10_000;

/// Most rows in a page.
pub const LIMITE_MAX: u32 = 1_000;

/// Of a row that everybody with a key may see.
pub const CHACUN: &str = "*";

/// The table of who sees what.
pub(crate) const VISIBLES: &str = "
 CREATE TABLE visibles(qui ANY NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (qui, idx)) STRICT, WITHOUT ROWID;";

/// A name as it stands in `visibles`, where every event has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nom<'a> {
    /// The SIREN of an organisation that has one.
    Siren(u32),
    /// Any other name.
    Autre(&'a str),
}

impl<'a> Nom<'a> {
    /// That of this name.
    pub(crate) fn of(name: &'a str) -> Self {
        let digits = name.strip_prefix("urn:siren:").filter(|digits| digits.len() == 9);
        digits.and_then(|digits| digits.parse().ok()).map_or(Self::Autre(name), Self::Siren)
    }
}

impl ToSql for Nom<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Siren(siren) => siren.to_sql(),
            Self::Autre(name) => name.to_sql(),
        }
    }
}

impl From<Nom<'_>> for serde_json::Value {
    fn from(nom: Nom<'_>) -> Self {
        match nom {
            Nom::Siren(siren) => siren.into(),
            Nom::Autre(name) => name.into(),
        }
    }
}

/// What a reader may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acces {
    /// All.
    Tout,
    /// What one of these sees: organisations, départements, [`CHACUN`].
    De(Vec<String>),
}

/// How those are called who see what concerns a département.
pub fn du_departement(departement: &str) -> String {
    format!("departement:{departement}")
}

/// How those are called who see what only the prefecture of a département does.
pub fn de_la_prefecture(departement: &str) -> String {
    format!("prefecture:{departement}")
}

/// A page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub lignes: Vec<T>,
    /// Before which leaf the next page starts, if there is one.
    pub suite: Option<u64>,
}

/// From where, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Tranche {
    /// Only rows before this leaf: the `suite` of the page before.
    pub apres: Option<u64>,
    /// Most rows; at most [`LIMITE_MAX`] are given.
    pub limite: u32,
}

/// The two statements of a list: `?1` before which leaf, `?2` most rows, `?3` who looks, `?4`… the filters. Each row is its
/// leaf and whether the filters admit it.
pub(crate) struct Liste {
    pub tout: &'static str,
    pub de: &'static str,
}

/// The list of a table whose rows the condition admits.
macro_rules! liste {
    ($table:literal, $condition:literal) => {
        $crate::liste::Liste {
            tout: concat!("SELECT idx, ", $condition, " FROM ", $table, " WHERE idx < ?1 ORDER BY idx DESC LIMIT ?2"),
            de: concat!(
                "SELECT v.idx, (SELECT ",
                $condition,
                " FROM ",
                $table,
                " t WHERE t.idx = v.idx)
                 FROM visibles v WHERE v.qui = ?3 AND v.idx < ?1 ORDER BY v.idx DESC LIMIT ?2"
            ),
        }
    };
}
pub(crate) use liste;

impl Liste {
    /// A page of rows, each read whole by `row`.
    pub(crate) fn page<T>(
        &self,
        conn: &Connection,
        acces: &Acces,
        filtres: &[&dyn ToSql],
        tranche: Tranche,
        row: impl Fn(u64) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Page<T>> {
        let (indexes, suite) = self.indexes(conn, acces, filtres, tranche)?;
        Ok(Page { lignes: indexes.into_iter().map(row).collect::<rusqlite::Result<_>>()?, suite })
    }

    fn indexes(
        &self,
        conn: &Connection,
        acces: &Acces,
        filtres: &[&dyn ToSql],
        tranche: Tranche,
    ) -> rusqlite::Result<(Vec<u64>, Option<u64>)> {
        let limite = tranche.limite.min(LIMITE_MAX) as usize;
        // SQLite's integers end there, and so do leaves.
        let before = tranche.apres.map_or(i64::MAX, |index| i64::try_from(index).unwrap_or(i64::MAX));
        let names: BTreeSet<Option<Nom<'_>>> = match acces {
            Acces::Tout => BTreeSet::from([None]),
            Acces::De(names) => names.iter().map(|name| Some(Nom::of(name))).collect(),
        };
        let walk = (PARCOURS_MAX / names.len().max(1)).max(limite) + 1;
        // One more than asked for: it tells whether another page follows.
        let mut found = BTreeSet::new();
        // Below it some name's rows were not looked at.
        let mut seen_from = 0;
        for name in names {
            let sql = if name.is_some() { self.de } else { self.tout };
            let mut select = conn.prepare_cached(sql)?;
            let mut params: Vec<&dyn ToSql> = vec![&before, &walk, &name];
            params.extend(filtres);
            let mut rows = select.query(params.as_slice())?;
            let mut walked = 0;
            while let Some(row) = rows.next()? {
                let index: u64 = row.get(0)?;
                // The page is full of newer ones.
                if found.len() > limite && found.first().is_some_and(|oldest| index < *oldest) {
                    break;
                }
                walked += 1;
                if row.get::<_, Option<bool>>(1)? == Some(true) {
                    found.insert(index);
                }
                if found.len() > limite + 1 {
                    found.pop_first();
                }
                if walked == walk {
                    seen_from = seen_from.max(index);
                }
            }
        }
        let mut page: Vec<u64> = found.into_iter().rev().filter(|index| *index >= seen_from).collect();
        let is_more = page.len() > limite;
        page.truncate(limite);
        let suite = if is_more { page.last().copied() } else { (seen_from > 0).then_some(seen_from) };
        Ok((page, suite))
    }
}

/// Keeps that these see the row.
pub(crate) fn montre<'a>(
    tx: &Writer<'_>,
    index: u64,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), ApplyError> {
    for name in names {
        tx.execute("INSERT INTO visibles VALUES (?1, ?2) ON CONFLICT DO NOTHING", (Nom::of(name), index))?;
    }
    Ok(())
}

pub(crate) const VOIT: &str = "SELECT 1 FROM visibles WHERE qui = ?1 AND idx = ?2";

/// Whether the reader sees the row.
pub(crate) fn voit(conn: &Connection, acces: &Acces, index: u64) -> rusqlite::Result<bool> {
    let Acces::De(names) = acces else { return Ok(true) };
    let mut select = conn.prepare_cached(VOIT)?;
    for name in names {
        if select.exists((Nom::of(name), index))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Fails where a statement of a list walks without an index, or sorts.
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test's own")]
pub(crate) fn assert_searches(conn: &Connection, sql: &str) {
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
    let steps = explain.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3)).unwrap();
    for step in steps.collect::<rusqlite::Result<Vec<String>>>().unwrap() {
        assert!(step.starts_with("SEARCH") || step.starts_with("CORRELATED SCALAR"), "{step}\n{sql}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOMBRES: Liste = liste!("nombres", "(?4 IS NULL OR pair = ?4)");

    /// Row `n` is seen by `a` where 3 divides it, by `b` where 5 does.
    fn nombres(count: u64) -> Connection {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE nombres(idx INTEGER PRIMARY KEY, pair INTEGER NOT NULL) STRICT").unwrap();
        conn.execute_batch(VISIBLES).unwrap();
        let tx = conn.transaction().unwrap();
        for n in 0..count {
            tx.execute("INSERT INTO nombres VALUES (?1, ?2)", (n, n % 2 == 0)).unwrap();
            let names = [("a", 3), ("b", 5)].into_iter().filter(|(_, by)| n % by == 0).map(|(name, _)| name);
            montre(&Writer::new(&tx), n, names).unwrap();
        }
        tx.commit().unwrap();
        conn
    }

    fn all(conn: &Connection, acces: &Acces, pair: Option<bool>, limite: u32) -> Vec<u64> {
        let (mut seen, mut apres) = (Vec::new(), None);
        loop {
            let page = NOMBRES.page(conn, acces, &[&pair], Tranche { apres, limite }, Ok).unwrap();
            assert!(page.lignes.len() <= limite as usize);
            seen.extend(page.lignes);
            assert!(apres.is_none_or(|apres| page.suite.is_none_or(|suite| suite < apres)), "it goes on");
            apres = page.suite;
            if apres.is_none() {
                return seen;
            }
        }
    }

    /// Which numbers a reader sees.
    type Sees = fn(u64) -> bool;

    #[test]
    fn page_after_page_gives_each_row_that_the_reader_sees_once() {
        let conn = nombres(400);
        let of = |names: &[&str]| Acces::De(names.iter().map(|&name| name.to_owned()).collect());
        let readers: [(Acces, Sees); 5] = [
            (Acces::Tout, |_| true),
            (of(&["a"]), |n| n % 3 == 0),
            (of(&["a", "b", "b", "c"]), |n| n % 3 == 0 || n % 5 == 0),
            (of(&["c"]), |_| false),
            (of(&[]), |_| false),
        ];
        for (acces, sees) in readers {
            for pair in [None, Some(true), Some(false)] {
                let expected: Vec<u64> =
                    (0..400).rev().filter(|n| sees(*n) && pair.is_none_or(|pair| (n % 2 == 0) == pair)).collect();
                for limite in [1, 7, 1_000] {
                    assert_eq!(all(&conn, &acces, pair, limite), expected, "{acces:?} {pair:?} {limite}");
                }
            }
            for n in 0..20 {
                assert_eq!(voit(&conn, &acces, n).unwrap(), sees(n), "{acces:?} {n}");
            }
        }
    }

    #[test]
    fn a_rare_row_is_found_by_following_pages_that_each_end_in_time() {
        let conn = nombres(3 * PARCOURS_MAX as u64);
        conn.execute_batch("UPDATE nombres SET pair = 7 WHERE idx = 15").unwrap();
        let first = NOMBRES.page(&conn, &Acces::Tout, &[&7], Tranche { apres: None, limite: 10 }, Ok).unwrap();
        assert_eq!((first.lignes, first.suite.is_some()), (vec![], true));
        let (mut apres, mut pages) = (first.suite, 1);
        let found = loop {
            let page = NOMBRES.page(&conn, &Acces::Tout, &[&7], Tranche { apres, limite: 10 }, Ok).unwrap();
            pages += 1;
            if !page.lignes.is_empty() {
                break page.lignes;
            }
            apres = page.suite;
        };
        assert_eq!((found, pages), (vec![15], 3));
        for sql in [NOMBRES.tout, NOMBRES.de, VOIT] {
            assert_searches(&conn, sql);
        }
    }
}
