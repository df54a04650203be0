//! Outside formats, in and out: pure functions, bytes in, values out.
//!
//! Nothing here opens a file, reads a clock or knows the ledger. Reading a folder, keeping the bytes
//! and signing events about them are the business of `cli`, `ledger` and `http`.

pub mod actes;
