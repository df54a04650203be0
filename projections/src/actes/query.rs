//! Reading the view `actes`: a page of acts, or one, as far as the reader may see them.
//!
//! A page is merged from *strands*: the acts of one SIREN or département (or all), of one nature, in one state. Each is
//! an index in the order of the log, read from where the page starts for no more rows than the page still lacks. So no
//! filter, however rare what it asks for, and no list of rights makes a page read more than `strands × limite` index
//! entries, and SQLite never sorts. Every value is a parameter.
//!
//! The statements of one call belong together: call within one read transaction, as `ViewReader::read` gives.

use std::collections::BTreeSet;

use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Nature;
use greffe_events::piece::Empreinte;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;

/// Most acts in a page.
pub const LIMITE_MAX: u32 = 1_000;

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
}

/// Which acts.
#[derive(Debug, Clone)]
pub struct Filtre {
    /// Of this collectivité.
    pub siren: Option<String>,
    /// Of this département.
    pub departement: Option<String>,
    /// Of this nature, two letters.
    pub nature: Option<String>,
    /// In this state, `transmis` or `recu`.
    pub etat: Option<String>,
    /// What the reader may see.
    pub acces: Acces,
    /// Only acts transmitted before this leaf: the `transmis_index` that ended the page before.
    pub apres: Option<u64>,
    /// Most acts; at most [`LIMITE_MAX`] are given.
    pub limite: u32,
}

/// Which acts a reader may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acces {
    /// All.
    Tout,
    /// Those of any of these collectivités, and those of any of these départements.
    Partiel {
        /// Collectivités.
        sirens: Vec<String>,
        /// Départements.
        departements: Vec<String>,
    },
}

impl Acces {
    fn admits(&self, acte: &ActeRow) -> bool {
        match self {
            Self::Tout => true,
            Self::Partiel { sirens, departements } => {
                sirens.contains(&acte.siren) || departements.contains(&acte.departement)
            }
        }
    }
}

/// A page of acts, newest first. It stays the same while new acts arrive, but for their state.
pub fn list(conn: &Connection, filtre: &Filtre) -> rusqlite::Result<Vec<ActeRow>> {
    let limite = filtre.limite.min(LIMITE_MAX);
    // SQLite's integers end there, and so do leaves.
    let before = filtre.apres.map_or(i64::MAX, |index| i64::try_from(index).unwrap_or(i64::MAX));
    let natures =
        filtre.nature.as_deref().map_or(Nature::ALL.iter().map(Nature::as_str).collect(), |nature| vec![nature]);
    let etats = filtre.etat.as_deref().map_or(Etat::ALL.map(Etat::as_str).to_vec(), |etat| vec![etat]);
    let mut page = BTreeSet::new();
    for place in places(filtre) {
        let mut select = conn.prepare_cached(place.sql())?;
        for (nature, etat) in natures.iter().flat_map(|nature| etats.iter().map(move |etat| (nature, etat))) {
            // Once the page is full, only what is newer than its oldest act can still enter it.
            let is_full = page.len() >= limite as usize;
            let from = page.first().filter(|_| is_full).map_or(0, |oldest: &i64| oldest + 1);
            let params = (place.siren, place.departement, nature, etat, from, before, limite);
            for index in select.query_map(params, |row| row.get(0))? {
                page.insert(index?);
            }
            while page.len() > limite as usize {
                page.pop_first();
            }
        }
    }
    let whole = |index| acte(conn, "transmis_index = ?1", index)?.ok_or(rusqlite::Error::QueryReturnedNoRows);
    page.iter().rev().map(whole).collect()
}

/// One act, if it is there and the reader may see it.
pub fn find(conn: &Connection, id: &str, acces: &Acces) -> rusqlite::Result<Option<ActeRow>> {
    Ok(acte(conn, "id = ?1", id)?.filter(|acte| acces.admits(acte)))
}

/// Where the acts of some strands lie.
#[derive(Clone, Copy)]
struct Place<'a> {
    siren: Option<&'a str>,
    departement: Option<&'a str>,
}

/// The places that together hold what `filtre` asks for and the reader may see; they may overlap.
fn places(filtre: &Filtre) -> Vec<Place<'_>> {
    let asked = Place { siren: filtre.siren.as_deref(), departement: filtre.departement.as_deref() };
    let Acces::Partiel { sirens, departements } = &filtre.acces else { return vec![asked] };
    let by_siren = distinct(sirens)
        .into_iter()
        .filter(|siren| asked.siren.is_none_or(|only| only == *siren))
        .map(|siren| Place { siren: Some(siren), ..asked });
    let by_departement = distinct(departements)
        .into_iter()
        .filter(|departement| asked.departement.is_none_or(|only| only == *departement))
        .map(|departement| Place { departement: Some(departement), ..asked });
    by_siren.chain(by_departement).collect()
}

fn distinct(values: &[String]) -> BTreeSet<&str> {
    values.iter().map(String::as_str).collect()
}

/// One strand: `?1` siren, `?2` département, `?3` nature, `?4` état, `?5` and `?6` from and before which leaf, `?7` limit.
macro_rules! strand {
    ($index:literal, $place:literal) => {
        concat!(
            "SELECT transmis_index FROM actes INDEXED BY ",
            $index,
            " WHERE ",
            $place,
            " nature = ?3 AND etat = ?4 AND transmis_index >= ?5 AND transmis_index < ?6
              ORDER BY transmis_index DESC LIMIT ?7"
        )
    };
}

impl Place<'_> {
    fn sql(self) -> &'static str {
        match (self.siren, self.departement) {
            // A collectivité lies in one département; asking for both filters little.
            (Some(_), _) => strand!("actes_par_siren", "siren = ?1 AND (?2 IS NULL OR departement = ?2) AND"),
            (None, Some(_)) => strand!("actes_par_departement", "departement = ?2 AND"),
            (None, None) => strand!("actes_par_etat", ""),
        }
    }
}

const ACTE: &str =
    "SELECT id, siren, departement, arrondissement, nature, numero, date_decision, matiere, classification,
     (SELECT objet FROM objets WHERE objets.id = actes.id), etat, transmis_index, transmis_le_ms, date_reception
     FROM actes WHERE ";

const ACCUSES: &str = "SELECT idx, enregistre_le_ms, date_reception, organisation, qualite, departement, arrondissement
     FROM accuses WHERE acte = ?1 ORDER BY idx";

const PIECES: &str = "SELECT role, finalite, type, typologie, taille, nom, reference, idx
     FROM pieces WHERE idx = ?1 ORDER BY rang";

/// The whole of the act that `condition` on `?1` names, if there is one.
fn acte(conn: &Connection, condition: &'static str, key: impl ToSql) -> rusqlite::Result<Option<ActeRow>> {
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
    })
}

fn instant(ms: i64) -> String {
    Horodatage::from_unix_ms(ms.cast_unsigned()).to_string()
}
