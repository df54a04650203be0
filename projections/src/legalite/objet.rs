//! The objet of an act, out of its confidential piece: `{"objet": "…"}`, read when the act is shown.
//!
//! The piece is somebody's file, never checked at admission. Whatever is wrong with it costs the act its objet and its reader
//! nothing else: absent, erased, not I-JSON, too long, all are "no objet". It is asked for only where nothing erased it.

use greffe_events::ident::Organisation;
use greffe_events::json;
use greffe_events::piece::{Empreinte, Finalite};
use serde::Deserialize;
use thiserror::Error;

use super::row::ActeRow;

/// Longest objet, in characters (ACTES, `Objet`).
pub const OBJET_CHARS_MAX: usize = 500;
/// Largest piece that is read for an objet, in bytes: the longest objet with every character escaped as a surrogate
/// pair (12 bytes each), and room for the form.
pub const OBJET_PIECE_BYTES_MAX: u64 = 8 * 1024;

/// Where small confidential pieces are read.
pub trait PieceSource: Send + Sync {
    /// The bytes of a piece that `organisation` cited; none where it is absent or erased. Asked once per act shown, and only
    /// where the citation says at most [`OBJET_PIECE_BYTES_MAX`] bytes.
    fn read(&self, organisation: &Organisation, reference: Empreinte) -> Result<Option<Vec<u8>>, PieceUnreadable>;
}

/// The disk does not tell whether a piece is there, or what it holds.
#[derive(Debug, Error)]
#[error("a piece can't be read: {0}")]
pub struct PieceUnreadable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Fills in what acts are about.
pub struct Objets<S>(pub S);

impl<S: PieceSource> Objets<S> {
    /// Reads the objet of an act. One that the disk does not give is missing, and the node's log says so: it is not erased,
    /// which the list of pieces tells.
    pub fn fill(&self, acte: &mut ActeRow) {
        acte.objet = self.read(acte).unwrap_or_else(|error| {
            tracing::error!(acte = acte.id, %error, "the objet of an act can't be read");
            None
        });
    }

    fn read(&self, acte: &ActeRow) -> Result<Option<String>, PieceUnreadable> {
        let is_objet = |finalite: Option<&str>| finalite == Some(Finalite::Objet.as_str());
        let own = acte.pieces.iter().filter(|piece| piece.index == acte.index);
        let Some(piece) = own.into_iter().find(|piece| is_objet(piece.finalite.as_deref())) else { return Ok(None) };
        if piece.effacee_index.is_some() || piece.taille > OBJET_PIECE_BYTES_MAX {
            return Ok(None);
        }
        // The view's own words, out of an event: both are well-formed.
        let (Ok(organisation), Ok(reference)) = (piece.organisation.parse(), piece.reference.parse()) else {
            return Ok(None);
        };
        Ok(self.0.read(&organisation, reference)?.and_then(|bytes| parse(&bytes)))
    }
}

fn parse(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Confidentiel {
        objet: String,
    }
    if bytes.len() as u64 > OBJET_PIECE_BYTES_MAX {
        return None;
    }
    json::check_object(bytes).ok()?;
    let Confidentiel { objet } = serde_json::from_slice(bytes).ok()?;
    let holds = !objet.trim().is_empty() && objet.chars().count() <= OBJET_CHARS_MAX;
    holds.then_some(objet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_objet_is_none() {
        let of_chars = |count: usize, c: &str| format!(r#"{{"objet":"{}"}}"#, c.repeat(count));
        for (piece, expected) in [
            (r#"{"objet":"Tarifs de la cantine"}"#.to_owned(), Some("Tarifs de la cantine".to_owned())),
            (r#" { "autre": [1], "objet": "É\u00e9 😀" } "#.to_owned(), Some("Éé 😀".to_owned())),
            (of_chars(OBJET_CHARS_MAX, "é"), Some("é".repeat(OBJET_CHARS_MAX))),
            (of_chars(OBJET_CHARS_MAX, "\\ud83d\\ude00"), Some("😀".repeat(OBJET_CHARS_MAX))),
            (of_chars(OBJET_CHARS_MAX + 1, "é"), None),
            (String::new(), None),
            ("Tarifs".to_owned(), None),
            (r#""Tarifs""#.to_owned(), None),
            (r#"["Tarifs"]"#.to_owned(), None),
            ("{}".to_owned(), None),
            (r#"{"objet":null}"#.to_owned(), None),
            (r#"{"objet":7}"#.to_owned(), None),
            (r#"{"objet":["Tarifs"]}"#.to_owned(), None),
            (r#"{"objet":""}"#.to_owned(), None),
            (r#"{"objet":" \n"}"#.to_owned(), None),
            (r#"{"objet":"a","objet":"b"}"#.to_owned(), None),
            (r#"{"objet":"a"} {"objet":"b"}"#.to_owned(), None),
            (r#"{"objet":"\ud800"}"#.to_owned(), None),
            (r#"{"objet":"a""#.to_owned(), None),
            ("\u{feff}{\"objet\":\"a\"}".to_owned(), None),
            (format!("{}{}", r#"{"objet":"a","x":"#, "[".repeat(5_000)), None),
            (format!("{{\"objet\":\"a\"}}{}", " ".repeat(10_000_000)), None),
        ] {
            assert_eq!(parse(piece.as_bytes()), expected, "{}", piece.chars().take(60).collect::<String>());
        }
        assert_eq!(parse(b"{\"objet\":\"\xe9t\xe9\"}"), None, "not UTF-8");
    }
}
