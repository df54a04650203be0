//! One hash over all that a view says, to show that two buildings of it are identical (DESIGN, promise 8).
//!
//! ```text
//! SHA-256 of
//!   "greffe-view-digest-v1\n"  text(name)  u32 version
//!   for each table, by name:   'T' text(table)  u32 number of columns  text(column) …   as declared
//!     for each row:            'R' cell …
//! text = u64 length ‖ UTF-8        integers big-endian
//! cell = 'N' | 'I' i64 | 'F' u64 bits of the double | 'S' text | 'B' u64 length ‖ bytes
//! ```
//!
//! Rows come in the order of the primary key, then of the remaining columns, compared as bytes, then by type. The
//! order of insertion, the layout of pages, indexes and row numbers that are no column do not count. The position
//! does not either: it is given beside the hash, read in the same transaction.

use std::fmt;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

/// What a view says at a position of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Number of leaves applied.
    pub position: u64,
    /// The hash described in the module's documentation.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.sha256 {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "@{}", self.position)
    }
}

/// Hashes `tables` in whatever transaction `conn` is in.
pub(crate) fn of_tables(conn: &Connection, name: &str, version: u32, tables: &[&str]) -> rusqlite::Result<[u8; 32]> {
    let mut hash = Sha256::new_with_prefix(b"greffe-view-digest-v1\n");
    bytes(&mut hash, name.as_bytes());
    hash.update(version.to_be_bytes());
    let mut tables = tables.to_vec();
    tables.sort_unstable();
    for table in tables {
        hash_table(conn, table, &mut hash)?;
    }
    Ok(hash.finalize().into())
}

fn hash_table(conn: &Connection, table: &str, hash: &mut Sha256) -> rusqlite::Result<()> {
    let columns = conn
        .prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(String, u32)>>>()?;
    hash.update(b"T");
    bytes(hash, table.as_bytes());
    hash.update(u32::try_from(columns.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (column, _) in &columns {
        bytes(hash, column.as_bytes());
    }
    let listed = columns.iter().map(|(column, _)| quoted(column)).collect::<Vec<_>>().join(", ");
    let mut by_key = columns;
    by_key.sort_by_key(|&(_, pk)| if pk == 0 { u32::MAX } else { pk });
    // SQLite stops sorting at a unique not-null key: for most tables this costs no sort at all. The type parts 1 from 1.0.
    let order = by_key
        .iter()
        .map(|(column, _)| format!("{0} COLLATE BINARY", quoted(column)))
        .chain(by_key.iter().map(|(column, _)| format!("typeof({})", quoted(column))))
        .collect::<Vec<_>>()
        .join(", ");
    let mut select = conn.prepare(&format!("SELECT {listed} FROM {} ORDER BY {order}", quoted(table)))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        hash.update(b"R");
        for cell in 0..by_key.len() {
            match row.get_ref(cell)? {
                ValueRef::Null => hash.update(b"N"),
                ValueRef::Integer(value) => {
                    hash.update(b"I");
                    hash.update(value.to_be_bytes());
                }
                ValueRef::Real(value) => {
                    hash.update(b"F");
                    hash.update(value.to_bits().to_be_bytes());
                }
                ValueRef::Text(value) => {
                    hash.update(b"S");
                    bytes(hash, value);
                }
                ValueRef::Blob(value) => {
                    hash.update(b"B");
                    bytes(hash, value);
                }
            }
        }
    }
    Ok(())
}

fn bytes(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn digest(rows: &[&str], extra: &str) -> [u8; 32] {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t(a TEXT, b, PRIMARY KEY (a, b)); CREATE TABLE u(n INTEGER PRIMARY KEY)")
            .unwrap();
        for row in rows {
            conn.execute_batch(&format!("INSERT INTO t VALUES {row}")).unwrap();
        }
        conn.execute_batch(extra).unwrap();
        of_tables(&conn, "view", 1, &["t", "u"]).unwrap()
    }

    #[test]
    fn any_changed_cell_changes_the_digest() {
        let all = [
            digest(&[], ""),
            digest(&["('x', 1)"], ""),
            digest(&["('x', 2)"], ""),
            digest(&["('y', 1)"], ""),
            digest(&["('x', 1.0)"], ""),
            digest(&["('x', '1')"], ""),
            digest(&["('x', x'31')"], ""),
            digest(&["('x', NULL)"], ""),
            digest(&["('x', '')"], ""),
            digest(&["('x', x'')"], ""),
            digest(&["('', 'x')"], ""),
            digest(&["('x', 1)", "('x', 2)"], ""),
            digest(&["('x', 1)"], "INSERT INTO u VALUES (1)"),
            digest(&["('x', 1)"], "INSERT INTO u VALUES (2)"),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn the_order_of_insertion_and_the_layout_of_pages_do_not_count() {
        let rows = ["('x', 1)", "('x', NULL)", "('x', 'z')", "('é', 1.5)", "(NULL, 3)", "(NULL, 3)", "(NULL, 3.0)"];
        let expected = digest(&rows, "");
        for turn in 1..rows.len() {
            let mut turned = rows;
            turned.rotate_left(turn);
            assert_eq!(digest(&turned, ""), expected);
        }
        let churn =
            "CREATE INDEX i ON t(b); INSERT INTO t VALUES ('gone', zeroblob(100000)); DELETE FROM t WHERE a = 'gone'";
        assert_eq!(digest(&rows, churn), expected);
        assert_eq!(digest(&rows, &format!("{churn}; VACUUM")), expected);
    }

    #[test]
    fn the_bytes_hashed_are_those_documented() {
        let mut expected = Sha256::new();
        expected.update(b"greffe-view-digest-v1\n");
        expected.update(b"\0\0\0\0\0\0\0\x04view\0\0\0\x01");
        expected.update(b"T\0\0\0\0\0\0\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x01a\0\0\0\0\0\0\0\x01b");
        expected.update(b"RS\0\0\0\0\0\0\0\x01xI\0\0\0\0\0\0\0\x07");
        expected.update(b"T\0\0\0\0\0\0\0\x01u\0\0\0\x01\0\0\0\0\0\0\0\x01n");
        assert_eq!(digest(&["('x', 7)"], "")[..], expected.finalize()[..]);
    }
}
