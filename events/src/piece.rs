//! Pieces: how an event cites a file.
//!
//! A document public by law is cited by its digest and name; any other by an *engagement*
//! (commitment), so that the leaf says nothing about it that outlives its erasure:
//!
//! ```text
//! engagement = SHA-256( "greffe-piece-v1" ‖ sel (32 random bytes) ‖ SHA-256(file) )
//! ```
//!
//! `sel` and the file's digest and name live beside the file and are erased with it. Storing pieces is
//! `ledger::pieces`' matter.

use std::fmt;

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::forme::{self, vocabulaire};
use crate::key::hex_bytes;

/// Largest piece, in bytes: the limit of an ACTES archive.
pub const PIECE_BYTES_MAX: u64 = 157_286_400;

/// Largest sealed submission (pli) or file for bidders (DCE), in bytes: 10 GiB. Uploads of that size go in chunks.
pub const PLI_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;

/// Most pieces cited by one event; more would not fit the payload's 60,000 bytes.
pub const PIECES_MAX: usize = 250;

/// Domain separation of an engagement.
const ENGAGEMENT_PREFIX: &[u8] = b"greffe-piece-v1";

/// A SHA-256 digest, 64 lowercase hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Empreinte(pub [u8; 32]);

impl Empreinte {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The engagement of a file: what a leaf shows of a piece that is not public.
pub fn engagement(sel: &[u8; 32], file: Empreinte) -> Empreinte {
    let mut hasher = Sha256::new();
    hasher.update(ENGAGEMENT_PREFIX);
    hasher.update(sel);
    hasher.update(file.0);
    Empreinte(hasher.finalize().into())
}

impl fmt::Display for Empreinte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Empreinte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Empreinte {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        hex_bytes(text).map(Self).ok_or("a digest is 64 lowercase hex digits")
    }
}

impl Serialize for Empreinte {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Empreinte {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::Texte::deserialize(deserializer)?.0.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Empreinte {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Empreinte".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256, lowercase hex" })
    }
}

vocabulaire! {
    /// What a piece is to its event.
    pub enum RolePiece {
        /// The act itself.
        Acte = "acte",
        /// An annexe of the act or invoice.
        Annexe = "annexe",
        /// The message, byte for byte.
        Message = "message",
        /// The envelope it came in, byte for byte.
        Enveloppe = "enveloppe",
        /// Confidential fields, JSON, one piece per person and purpose.
        Confidentiel = "confidentiel",
        /// A signed mandate, by which a member lets another organisation sign for it.
        Mandat = "mandat",
        /// A PES file, byte for byte.
        Flux = "flux",
        /// An invoice, byte for byte.
        Facture = "facture",
        /// A published notice of a tender.
        Avis = "avis",
        /// A file of the dossier de consultation des entreprises.
        Dce = "dce",
        /// A file of a submission, sealed.
        Pli = "pli",
        /// A member's share of a sealed submission, re-sealed for the session.
        Part = "part",
        /// A document of an opened submission.
        Document = "document",
        /// A signed contract.
        Contrat = "contrat",
        /// A qualified timestamp (RFC 3161) over what the event says.
        Horodatage = "horodatage",
        /// What proves it: certificate of posting, proof of delivery, minutes.
        Preuve = "preuve",
        /// Anything else that came with it.
        Autre = "autre",
    }

    /// The purpose of confidential fields: erased together, apart from others.
    pub enum Finalite {
        /// What the act, tender or invoice is about: `{"objet": "…"}`. Free text may name somebody.
        Objet = "objet",
        /// Whom to write to: names, telephone numbers, e-mail addresses.
        Contact = "contact",
        /// Why, in words: `{"motif": "…"}`.
        Motif = "motif",
        /// References that a party chose: number of an invoice, name of a file, commitment, contract.
        Reference = "reference",
        /// A question, an answer, a letter: `{"texte": "…"}`.
        Texte = "texte",
        /// Who signs, sits or holds: names of persons and their functions.
        Identite = "identite",
        /// What was read in a file beyond what the event says, line by line.
        Detail = "detail",
    }
}

/// How a piece is designated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Designation {
    /// Public by law: name and digest stand in the leaf.
    Publique {
        /// A name in the normalised form of ACTES, which has no room for a person's.
        nom: String,
        /// Digest of the file.
        sha256: Empreinte,
    },
    /// Anything else.
    Engagee {
        /// The commitment.
        engagement: Empreinte,
    },
}

/// One cited file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "PieceWire")]
pub struct Piece {
    /// What it is to the event.
    pub role: RolePiece,
    /// Its purpose; there for role `confidentiel` and no other.
    pub finalite: Option<Finalite>,
    /// Media type.
    pub media_type: String,
    /// Attachment type of ACTES, 5 characters (`99_DE`).
    pub typologie: Option<String>,
    /// Size in bytes, at most [`PIECE_BYTES_MAX`]; of a pli or DCE [`PLI_BYTES_MAX`].
    pub taille: u64,
    /// Digest or commitment.
    pub designation: Designation,
}

impl Piece {
    /// The digest that names the piece in storage: of the file where public, the engagement otherwise.
    pub fn reference(&self) -> Empreinte {
        match &self.designation {
            Designation::Publique { sha256, .. } => *sha256,
            Designation::Engagee { engagement } => *engagement,
        }
    }
}

/// The JSON of a piece.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(
    rename = "Piece",
    description = "A cited file: with `nom` and `sha256` where public by law, with `engagement` otherwise"
)]
struct PieceWire {
    role: RolePiece,
    #[serde(skip_serializing_if = "Option::is_none")]
    finalite: Option<Finalite>,
    #[serde(rename = "type")]
    media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    typologie: Option<String>,
    #[schemars(range(max = 10_737_418_240_u64))]
    taille: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Empreinte>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engagement: Option<Empreinte>,
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire: PieceWire = forme::objet(deserializer)?;
        wire.try_into().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Piece {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        PieceWire::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = PieceWire::json_schema(generator);
        if let Some(media_type) = schema.pointer_mut("/properties/type") {
            media_type["enum"] = serde_json::json!(MEDIA_TYPES);
        }
        schema.insert(
            "oneOf".to_owned(),
            serde_json::json!([{ "required": ["nom", "sha256"] }, { "required": ["engagement"] }]),
        );
        schema
    }
}

impl TryFrom<PieceWire> for Piece {
    type Error = &'static str;

    fn try_from(wire: PieceWire) -> Result<Self, &'static str> {
        let designation = match (wire.nom, wire.sha256, wire.engagement) {
            (Some(nom), Some(sha256), None) => Designation::Publique { nom, sha256 },
            (None, None, Some(engagement)) => Designation::Engagee { engagement },
            _ => return Err("a piece has either nom and sha256 (public) or engagement (any other)"),
        };
        if let Designation::Publique { nom, .. } = &designation
            && !nom_est_normalise(nom)
        {
            return Err(
                "the nom of a public piece follows [TYPEPJ-]DEP-SIREN-DATE-NUM-NAT-T-S_k.ext; cite any other by engagement",
            );
        }
        let is_large = matches!(wire.role, RolePiece::Pli | RolePiece::Dce);
        if wire.taille > if is_large { PLI_BYTES_MAX } else { PIECE_BYTES_MAX } {
            return Err("a piece has at most 157286400 bytes, a pli or dce 10737418240");
        }
        if !is_media_type(&wire.media_type) {
            return Err(
                "type is one of the media types of the schema, such as application/pdf; application/octet-stream fits any file",
            );
        }
        if wire.typologie.as_deref().is_some_and(|code| !is_typologie(code)) {
            return Err("typologie has 5 characters of A-Z 0-9 _");
        }
        if (wire.role == RolePiece::Confidentiel) != wire.finalite.is_some() {
            return Err("finalite goes with role confidentiel, and only with it");
        }
        if wire.role == RolePiece::Confidentiel && matches!(designation, Designation::Publique { .. }) {
            return Err("confidential fields are cited by engagement");
        }
        Ok(Self {
            role: wire.role,
            finalite: wire.finalite,
            media_type: wire.media_type,
            typologie: wire.typologie,
            taille: wire.taille,
            designation,
        })
    }
}

impl From<Piece> for PieceWire {
    fn from(piece: Piece) -> Self {
        let (nom, sha256, engagement) = match piece.designation {
            Designation::Publique { nom, sha256 } => (Some(nom), Some(sha256), None),
            Designation::Engagee { engagement } => (None, None, Some(engagement)),
        };
        Self {
            role: piece.role,
            finalite: piece.finalite,
            media_type: piece.media_type,
            typologie: piece.typologie,
            taille: piece.taille,
            nom,
            sha256,
            engagement,
        }
    }
}

/// The kinds of files that exchanges hold. A list, because free text in a leaf could name somebody.
pub const MEDIA_TYPES: [&str; 10] = [
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/pkcs7-signature",
    "application/timestamp-reply",
    "application/xml",
    "application/zip",
    "image/jpeg",
    "image/png",
    "text/csv",
];

fn is_media_type(text: &str) -> bool {
    MEDIA_TYPES.contains(&text)
}

fn is_typologie(code: &str) -> bool {
    code.len() == 5 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a file name is `[TYPEPJ-]DEP-SIREN-YYYYMMDD-NUM-NAT-T-S_k.ext` (ACTES, names of files): the
/// only form in which a name may stand in a leaf, because it has no room for free text.
pub fn nom_est_normalise(nom: &str) -> bool {
    id_du_nom(nom).is_some()
}

/// The act that such a name names.
pub fn id_du_nom(nom: &str) -> Option<crate::ident::IdActe> {
    const EXTENSION_CHARS_MAX: usize = 4;
    const ORDER_DIGITS_MAX: usize = 6;
    let digits = |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let (stem, extension) = nom.split_once('.')?;
    let (stem, order) = stem.rsplit_once('_')?;
    let (stem, sub) = stem.rsplit_once('-')?;
    let (stem, kind) = stem.rsplit_once('-')?;
    // An identifier has five parts. A sixth stands before it.
    let id = match stem.bytes().filter(|byte| *byte == b'-').count() {
        4 => stem,
        5 => stem.split_once('-').filter(|(typologie, _)| is_typologie(typologie))?.1,
        _ => return None,
    };
    let holds = [kind, sub].iter().all(|part| digits(part, 1))
        && digits(order, ORDER_DIGITS_MAX)
        && (1..=EXTENSION_CHARS_MAX).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    id.parse().ok().filter(|_| holds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_engagement_depends_on_salt_and_file() {
        let file = Empreinte::of(b"acte");
        let one = engagement(&[1; 32], file);
        assert_ne!(one, engagement(&[2; 32], file));
        assert_ne!(one, engagement(&[1; 32], Empreinte::of(b"autre")));
        // The formula of the module's head, spelled out.
        let mut message = b"greffe-piece-v1".to_vec();
        message.extend([1; 32]);
        message.extend(file.0);
        assert_eq!(one, Empreinte::of(&message));
    }

    #[test]
    fn a_name_with_room_for_a_person_never_stands_in_a_leaf() {
        for good in [
            "045-214502494-20170717-D201717-DE-1-1_1.pdf",
            "99_DE-045-214502494-20170717-D201717-DE-1-1_1.pdf",
            "32_DP-034-491011698-20171207-CL20171227_06-DE-1-1_17.PDF",
        ] {
            assert!(nom_est_normalise(good), "{good}");
        }
        for bad in [
            "deliberation.pdf",
            "subvention a un habitant.pdf",
            "045-214502494-20170717-D201717-DE-1-1_1",
            "045-214502494-20170717-D201717-DE-1-1_1.pdf.exe",
            "Jean-045-214502494-20170717-D201717-DE-1-1_1.pdf",
            "../045-214502494-20170717-D201717-DE-1-1_1.pdf",
            "045-214502494-20170717-D201717-DE-1-1_x.pdf",
            "045-214502494-20170230-D201717-DE-1-1_1.pdf",
        ] {
            assert!(!nom_est_normalise(bad), "{bad}");
        }
    }

    #[test]
    fn a_piece_is_public_or_committed_never_both_never_neither() {
        let digest = Empreinte::of(b"x");
        let nom = "045-214502494-20170717-D201717-DE-1-1_1.pdf";
        let read = |value: serde_json::Value| serde_json::from_value::<Piece>(value);
        let public = serde_json::json!({"role":"acte","type":"application/pdf","taille":1,"nom":nom,"sha256":digest});
        assert_eq!(serde_json::to_value(read(public.clone()).unwrap()).unwrap(), public);
        let with = |name: &str, value: serde_json::Value| {
            let mut piece = public.clone();
            piece[name] = value;
            piece
        };
        let without = |name: &str| {
            let mut piece = public.clone();
            piece.as_object_mut().unwrap().remove(name);
            piece
        };
        for bad in [
            with("engagement", serde_json::json!(digest)),
            with("nom", serde_json::json!("lettre.pdf")),
            with("taille", serde_json::json!(PIECE_BYTES_MAX + 1)),
            with("taille", serde_json::json!(-1)),
            with("type", serde_json::json!("pdf")),
            with("typologie", serde_json::json!("99_d")),
            with("role", serde_json::json!("inconnu")),
            with("sha256", serde_json::json!("00")),
            with("finalite", serde_json::json!("objet")),
            with("role", serde_json::json!("confidentiel")),
            without("nom"),
            without("sha256"),
            without("taille"),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
