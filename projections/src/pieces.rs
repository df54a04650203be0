//! The files that events cite, and which of them are erased: two tables that every view with pieces keeps.
//!
//! ```text
//! pieces       one row per leaf that cites files: what it says of them
//! effacements  one row per piece that a leaf erased, cited in the view or not
//! ```
//!
//! A view takes nothing out of a file, so an erasure leaves nothing to blank in it: what it says of an erased piece is what
//! the leaf says, which stays, and which leaf erased it.

use std::borrow::Cow;

use greffe_events::Event;
use greffe_events::ident::Organisation;
use greffe_events::piece::{Designation, Empreinte, Piece};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::projection::{ApplyError, is_unreadable};
use crate::writer::Writer;

/// The two tables.
pub(crate) const TABLES: &str = "
 CREATE TABLE pieces(idx INTEGER PRIMARY KEY, organisation TEXT NOT NULL, pieces TEXT NOT NULL) STRICT;
 CREATE TABLE effacements(
     reference BLOB NOT NULL, organisation TEXT NOT NULL, idx INTEGER NOT NULL,
     PRIMARY KEY (reference, organisation)) STRICT, WITHOUT ROWID;";

/// A file that an event cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PieceRow {
    /// What it is to its event.
    pub role: String,
    /// Purpose of confidential fields.
    pub finalite: Option<String>,
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Attachment type of ACTES, 5 characters.
    pub typologie: Option<String>,
    /// Size in bytes.
    pub taille: u64,
    /// Its name, where it is public.
    pub nom: Option<String>,
    /// Digest of the file where it is public, its engagement otherwise; 64 hex digits.
    pub reference: String,
    /// Whether it is public by law.
    pub publique: bool,
    /// Leaf that cites it.
    pub index: u64,
    /// Leaf that erased it, if one did.
    pub effacee_index: Option<u64>,
    /// Whose copy the citation means: the source of the leaf.
    #[serde(skip)]
    pub organisation: String,
}

/// As it stands in the table.
#[derive(Serialize, Deserialize)]
struct Citee<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    finalite: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    media_type: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    typologie: Option<Cow<'a, str>>,
    taille: u64,
    /// Public pieces have a name in the log and no other does (DESIGN, Pieces).
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    nom: Option<Cow<'a, str>>,
    reference: Empreinte,
}

impl<'a> Citee<'a> {
    fn of(piece: &'a Piece) -> Self {
        let nom = match &piece.designation {
            Designation::Publique { nom, .. } => Some(nom.as_str().into()),
            Designation::Engagee { .. } => None,
        };
        Self {
            role: piece.role.as_str().into(),
            finalite: piece.finalite.map(|finalite| finalite.as_str().into()),
            media_type: piece.media_type.as_str().into(),
            typologie: piece.typologie.as_deref().map(Into::into),
            taille: piece.taille,
            nom,
            reference: piece.reference(),
        }
    }
}

/// What a citation mostly takes, in bytes.
const CITATION_BYTES: usize = 256;

/// Keeps the files that the event at `index` cites.
pub(crate) fn cite(tx: &Writer<'_>, index: u64, event: &Event) -> Result<(), ApplyError> {
    let pieces = event.data.pieces();
    if pieces.is_empty() {
        return Ok(());
    }
    let cited: Vec<Citee<'_>> = pieces.iter().map(Citee::of).collect();
    let mut text = Vec::with_capacity(CITATION_BYTES * cited.len());
    serde_json::to_writer(&mut text, &cited).map_err(ApplyError::leaf)?;
    let cited = String::from_utf8(text).map_err(ApplyError::leaf)?;
    tx.execute("INSERT INTO pieces VALUES (?1, ?2, ?3)", (index, event.source.to_string(), cited))?;
    Ok(())
}

/// Keeps that the leaf at `index` erased a piece.
pub(crate) fn efface(
    tx: &Writer<'_>,
    index: u64,
    organisation: &Organisation,
    reference: Empreinte,
) -> Result<(), ApplyError> {
    tx.execute(
        "INSERT INTO effacements VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        (reference.0, organisation.to_string(), index),
    )?;
    Ok(())
}

pub(crate) const CITED: &str = "SELECT organisation, pieces FROM pieces WHERE idx = ?1";
pub(crate) const ERASED: &str = "SELECT idx FROM effacements WHERE reference = ?1 AND organisation = ?2";

/// The files that the leaf at `index` cites.
pub(crate) fn read(conn: &Connection, index: u64) -> rusqlite::Result<Vec<PieceRow>> {
    let mut select = conn.prepare_cached(CITED)?;
    let mut rows = select.query([index])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let organisation = row.get_ref(0)?.as_str()?;
    let cited: Vec<Citee<'_>> =
        serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(|error| is_unreadable(1, error))?;
    let mut erased = conn.prepare_cached(ERASED)?;
    cited
        .into_iter()
        .map(|piece| {
            let effacee_index = erased.query_row((piece.reference.0, organisation), |row| row.get(0)).optional()?;
            Ok(PieceRow {
                role: piece.role.into_owned(),
                finalite: piece.finalite.map(Cow::into_owned),
                media_type: piece.media_type.into_owned(),
                typologie: piece.typologie.map(Cow::into_owned),
                taille: piece.taille,
                publique: piece.nom.is_some(),
                nom: piece.nom.map(Cow::into_owned),
                reference: piece.reference.to_string(),
                index,
                effacee_index,
                organisation: organisation.to_owned(),
            })
        })
        .collect()
}
