//! What a projection writes its tables with: one transaction, whose statements stay prepared for its length.
//!
//! A batch runs a handful of statements thousands of times. Looking one up by its text each time costs as much as many a row, so
//! they are found by where the text lies.

use std::cell::RefCell;

use rusqlite::{CachedStatement, OptionalExtension, Params, Row, Transaction};

/// The tables of a view, within the transaction of one batch.
pub struct Writer<'t> {
    tx: &'t Transaction<'t>,
    /// Those that are not running.
    statements: RefCell<Vec<(&'static str, CachedStatement<'t>)>>,
}

impl<'t> Writer<'t> {
    /// Writes in this transaction.
    pub(crate) fn new(tx: &'t Transaction<'t>) -> Self {
        Self { tx, statements: RefCell::default() }
    }

    /// Runs a statement that gives no rows; how many it changed.
    pub fn execute(&self, sql: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(params))
    }

    /// The row that a query gives, if it gives one.
    pub fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.with(sql, |statement| statement.query_row(params, read).optional())
    }

    /// Reads each row that a query gives.
    pub fn each(
        &self,
        sql: &'static str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        self.with(sql, |statement| {
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                read(row)?;
            }
            Ok(())
        })
    }

    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut CachedStatement<'t>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // The same text may lie at several places; it is then prepared for each.
        let is_it = |(known, _): &(&'static str, _)| std::ptr::eq(*known, sql);
        let at = self.statements.borrow().iter().position(is_it);
        // Taken out while it runs: what it calls may run others.
        let taken = at.map(|at| self.statements.borrow_mut().swap_remove(at).1);
        let mut statement = match taken {
            Some(statement) => statement,
            None => self.tx.prepare_cached(sql)?,
        };
        let result = run(&mut statement);
        self.statements.borrow_mut().push((sql, statement));
        result
    }
}
