//! One act as it is shown, whole: out of the four tables.

use greffe_events::horodatage::Horodatage;
use greffe_events::piece::Empreinte;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;

/// An act, as the log's events say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActeRow {
    /// `DEP-SIREN-YYYYMMDD-NUM-NAT`.
    pub id: String,
    /// The collectivité.
    pub siren: String,
    /// Three characters.
    pub departement: String,
    /// One digit.
    pub arrondissement: Option<u8>,
    /// Two letters.
    pub nature: String,
    /// The collectivité's own number.
    pub numero: String,
    /// Date of the decision, `YYYY-MM-DD`.
    pub date_decision: String,
    /// Subject matter, `7.1`.
    pub matiere: String,
    /// Date of the classification, `YYYY-MM-DD`.
    pub classification: String,
    /// What it is about; none where its piece was never readable or is erased.
    pub objet: Option<String>,
    /// How far it has come.
    pub etat: Etat,
    /// Leaf that transmitted it; the cursor of a list.
    pub transmis_index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub transmis_le: String,
    /// Day of reception, the prefecture's own word first, else a constat's, `YYYY-MM-DD`.
    pub date_reception: Option<String>,
    /// Acknowledgements, in the order of the log.
    pub accuses: Vec<AccuseRow>,
    /// Files cited by the act, then by its acknowledgements.
    pub pieces: Vec<PieceRow>,
}

/// How far an act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Etat {
    /// Transmitted.
    Transmis,
    /// Received by the prefecture, as it signed or as a constat says.
    Recu,
}

impl Etat {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Transmis, Self::Recu];

    /// `transmis` or `recu`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transmis => "transmis",
            Self::Recu => "recu",
        }
    }
}

/// An acknowledgement: « signé par Y » or « constaté par X », never both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccuseRow {
    /// Its leaf.
    pub index: u64,
    /// When that leaf was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Day of reception that it gives, `YYYY-MM-DD`.
    pub date_reception: String,
    /// The organisation whose own word it is.
    pub signe_par: Option<String>,
    /// The organisation that states what a file says.
    pub constate_par: Option<String>,
    /// Who that file says wrote it.
    pub auteur_declare: Option<AuteurRow>,
}

/// Who a file says wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuteurRow {
    /// `sgar`, `prefecture` or `sous-prefecture`.
    pub qualite: String,
    /// Three characters.
    pub departement: String,
    /// One digit.
    pub arrondissement: Option<u8>,
}

/// A file that an event cites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

pub(super) const ACTE: &str =
    "SELECT id, siren, departement, arrondissement, nature, numero, date_decision, matiere, classification,
     (SELECT objet FROM objets WHERE objets.id = actes.id), etat, transmis_index, transmis_le_ms, date_reception
     FROM actes WHERE ";

pub(super) const ACCUSES: &str =
    "SELECT idx, enregistre_le_ms, date_reception, organisation, qualite, departement, arrondissement
     FROM accuses WHERE acte = ?1 ORDER BY idx";

pub(super) const PIECES: &str = "SELECT role, finalite, type, typologie, taille, nom, reference, idx,
         (SELECT e.idx FROM effacements e WHERE e.reference = p.reference AND e.organisation = p.organisation)
     FROM pieces p WHERE idx = ?1 ORDER BY rang";

/// The whole of the act that `condition` on `?1` names, if there is one.
pub(super) fn acte(conn: &Connection, condition: &'static str, key: impl ToSql) -> rusqlite::Result<Option<ActeRow>> {
    let found = conn.prepare_cached(&format!("{ACTE}{condition}"))?.query_row([key], read_acte).optional()?;
    let Some(mut acte) = found else { return Ok(None) };
    acte.accuses =
        conn.prepare_cached(ACCUSES)?.query_map([&acte.id], read_accuse)?.collect::<rusqlite::Result<_>>()?;
    let mut pieces = conn.prepare_cached(PIECES)?;
    for index in std::iter::once(acte.transmis_index).chain(acte.accuses.iter().map(|accuse| accuse.index)) {
        for piece in pieces.query_map([index], read_piece)? {
            acte.pieces.push(piece?);
        }
    }
    Ok(Some(acte))
}

fn read_acte(row: &Row<'_>) -> rusqlite::Result<ActeRow> {
    let is_recu = row.get_ref(10)?.as_str()? == Etat::Recu.as_str();
    Ok(ActeRow {
        id: row.get(0)?,
        siren: row.get(1)?,
        departement: row.get(2)?,
        arrondissement: row.get(3)?,
        nature: row.get(4)?,
        numero: row.get(5)?,
        date_decision: row.get(6)?,
        matiere: row.get(7)?,
        classification: row.get(8)?,
        objet: row.get(9)?,
        // The table admits these two and no other.
        etat: if is_recu { Etat::Recu } else { Etat::Transmis },
        transmis_index: row.get(11)?,
        transmis_le: instant(row.get(12)?),
        date_reception: row.get(13)?,
        accuses: Vec::new(),
        pieces: Vec::new(),
    })
}

fn read_accuse(row: &Row<'_>) -> rusqlite::Result<AccuseRow> {
    let organisation: String = row.get(3)?;
    let qualite: Option<String> = row.get(4)?;
    let (signe_par, constate_par) =
        if qualite.is_none() { (Some(organisation), None) } else { (None, Some(organisation)) };
    let auteur_declare = match qualite {
        Some(qualite) => Some(AuteurRow { qualite, departement: row.get(5)?, arrondissement: row.get(6)? }),
        None => None,
    };
    Ok(AccuseRow {
        index: row.get(0)?,
        enregistre_le: instant(row.get(1)?),
        date_reception: row.get(2)?,
        signe_par,
        constate_par,
        auteur_declare,
    })
}

fn read_piece(row: &Row<'_>) -> rusqlite::Result<PieceRow> {
    let nom: Option<String> = row.get(5)?;
    Ok(PieceRow {
        role: row.get(0)?,
        finalite: row.get(1)?,
        media_type: row.get(2)?,
        typologie: row.get(3)?,
        taille: row.get(4)?,
        // Public pieces have a name in the log and no other does (DESIGN, Pieces).
        publique: nom.is_some(),
        nom,
        reference: Empreinte(row.get(6)?).to_string(),
        index: row.get(7)?,
        effacee_index: row.get(8)?,
    })
}

fn instant(ms: i64) -> String {
    Horodatage::from_unix_ms(ms.cast_unsigned()).to_string()
}
