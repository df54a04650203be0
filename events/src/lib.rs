//! What can be written to a Greffe ledger.
//!
//! Pure: no I/O, no clock of its own. Bytes come in, values and verdicts come out.

pub mod ident;
