//! ACTES: acts of local authorities sent to the prefecture for legality control.
//!
//! ```text
//! TRI-EACT--SIREN--YYYYMMDD-n.tar.gz      archive    gzip over tar, flat
//! ├── EACT--SIREN--YYYYMMDD-n.xml         enveloppe  who sends, which messages
//! ├── DEP-SIREN-DATE-NUM-NAT-1-1_0.xml    message    one "fichier métier" per act
//! ├── 99_DE-DEP-…-1-1_1.pdf               document   the act itself
//! └── 99_AU-DEP-…-1-1_2.pdf …             annexes
//! ```
//!
//! Source: schema `actesv1_1.xsd`, namespace [`ESPACE`], of which two incompatible generations share
//! the name (see [`message::Generation`]). Reading keeps the bytes, reads what can be read and says what could
//! not, as [`Ecart`]s; it errs only where a message would mean nothing. Writing follows either
//! generation to the letter.
//!
//! This module does not validate against the XSD, does not know which [`classification`] is in force, and does not decide whether an act is admissible: that is a life cycle's business.

pub mod archive;
pub mod classification;
pub mod ecriture;
pub mod enveloppe;
pub mod evenements;
pub mod identifiants;
pub mod lecture;
pub mod lot;
pub mod message;
pub mod nom;
pub mod rapprochement;
pub mod sonde;
pub mod xml;

mod code;
mod ecart;

pub use ecart::{Ecart, Motif, Severite};

/// Namespace of the messages, the same for both generations of the schema.
pub const ESPACE: &str = "http://www.interieur.gouv.fr/ACTES#v1.1-20040216";
/// Namespace of the SIREN attribute.
pub const ESPACE_INSEE: &str = "http://xml.insee.fr/schema";
/// Namespace of `xsi:nil`.
pub const ESPACE_XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
