//! Reading the view `adherents`: members as they are at an instant.

use greffe_events::horodatage::Horodatage;
use greffe_events::key::KeyId;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;

use crate::liste::{self, Acces, Liste, Page, Tranche, liste};
use crate::pieces::{self, PieceRow};

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AdherentRow {
    /// The leaf that admitted it first: its place in lists.
    pub index: u64,
    /// Who it is.
    pub organisation: String,
    /// What kind of body.
    pub categorie: String,
    /// Its name; none for a company, whose name may be a person's.
    pub denomination: Option<String>,
    /// Where it lies or what it controls.
    pub departement: Option<String>,
    /// Whether it is a member, or has left.
    pub membre: bool,
    /// Leaf of its last admission.
    pub inscrit_index: u64,
    /// When it was admitted last, RFC 3339.
    pub inscrit_le: String,
    /// How it left, if it did.
    pub sortie: Option<FinRow>,
    /// Its keys; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cles: Option<Vec<CleRow>>,
    /// What others sign in its name, or did; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Vec<DelegationRow>>,
    /// What was said about it, in the order of the log; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evenements: Option<Vec<SuiteRow>>,
}

/// What ended something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FinRow {
    /// How: `revoquee`, `opposee`, `compromise`, `sortie`, `retiree`, `remplacee`.
    pub par: String,
    /// The leaf.
    pub index: u64,
    /// When it was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Why, where it was said.
    pub motif: Option<String>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct CleRow {
    /// The public key.
    pub cle: String,
    /// What it may sign.
    pub roles: Vec<String>,
    /// Whether it is in force.
    pub etat: EtatCle,
    /// Leaf of its enrolment.
    pub index: u64,
    /// When it was enrolled, RFC 3339.
    pub enrolee_le: String,
    /// From when it is valid.
    pub valable_du: String,
    /// Until when (excluded).
    pub valable_jusqu: String,
    /// For a recovered key: from when it is in force unless somebody objects, and the keys before it are not.
    pub en_vigueur_le: Option<String>,
    /// What ended it.
    pub fin: Option<FinRow>,
    /// Since when somebody else had it, as its organisation or the operator says.
    pub compromise_depuis: Option<String>,
    /// Leaf that says so.
    pub compromise_index: Option<u64>,
}

/// Whether a key is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EtatCle {
    /// It signs.
    EnVigueur,
    /// Its validity has not begun.
    PasEncoreValable,
    /// Its validity is over.
    Expiree,
    /// Recovered: it waits for objections.
    EnAttente,
    /// A recovery came into force: what was before it is lost.
    PerdueParRecouvrement,
    /// Revoked, objected to, compromised, or gone with its member.
    Terminee,
}

/// A delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DelegationRow {
    /// In whose name.
    pub organisation: String,
    /// Who signs.
    pub delegataire: String,
    /// What.
    pub familles: Vec<String>,
    /// Whether it is in force.
    pub etat: EtatDelegation,
    /// The leaf that gave it.
    pub index: u64,
    /// When, RFC 3339.
    pub accordee_le: String,
    /// Until when (excluded).
    pub jusqu: String,
    /// Given by the operator, who cites the signed mandate.
    pub par_mandat: bool,
    /// What ended it.
    pub fin: Option<FinRow>,
    /// The mandate.
    pub pieces: Vec<PieceRow>,
}

/// Whether a delegation is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EtatDelegation {
    /// The delegate signs.
    EnVigueur,
    /// Its time is over.
    Expiree,
    /// Withdrawn, replaced, or gone with either side.
    Terminee,
}

/// One event of a member's dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "SuiteAdherentRow")]
pub struct SuiteRow {
    /// Its leaf.
    pub index: u64,
    /// What was said.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Who spoke.
    pub source: String,
    /// When it was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Of which key.
    pub cle: Option<String>,
    /// Of which delegate.
    pub delegataire: Option<String>,
}

/// Which members.
#[derive(Debug, Clone, Default)]
pub struct Filtre {
    /// Of this kind.
    pub categorie: Option<String>,
    /// Of this département.
    pub departement: Option<String>,
    /// Those that are members, or those that left.
    pub membre: Option<bool>,
}

const ADHERENTS: Liste = liste!(
    "adherents",
    "((?4 IS NULL OR categorie = ?4) AND (?5 IS NULL OR departement = ?5) AND (?6 IS NULL OR (sorti_index IS NULL) = ?6))"
);

macro_rules! adherent {
    ($condition:literal) => {
        concat!(
            "SELECT idx, organisation, categorie, denomination, departement, inscrit_index, inscrit_le_ms, sorti_index,
             sorti_le_ms, sorti_motif FROM adherents WHERE ",
            $condition
        )
    };
}

const CLES: &str =
    "SELECT idx, cle, roles, enrolee_le_ms, valable_du_ms, valable_jusqu_ms, en_vigueur_ms, fin, fin_index,
     fin_le_ms, motif, compromise_index, compromise_depuis_ms FROM cles WHERE organisation = ?1 ORDER BY idx";

const DELEGATIONS: &str =
    "SELECT idx, organisation, delegataire, familles, accordee_le_ms, jusqu_ms, par_mandat, fin, fin_index,
     fin_le_ms FROM delegations WHERE organisation = ?1";

const HISTORIQUE: &str = "SELECT idx, type, source, enregistre_le_ms, cle, delegataire FROM historique
     WHERE organisation = ?1 ORDER BY idx";

const DELEGANTS: &str = "SELECT organisation, familles FROM delegations
     WHERE delegataire = ?1 AND fin IS NULL AND jusqu_ms > ?2";

/// A page of members, those admitted last first.
pub fn list(
    conn: &Connection,
    acces: &Acces,
    filtre: &Filtre,
    tranche: Tranche,
) -> rusqlite::Result<Page<AdherentRow>> {
    let filtres: [&dyn ToSql; 3] = [&filtre.categorie, &filtre.departement, &filtre.membre];
    ADHERENTS.page(conn, acces, &filtres, tranche, |index| {
        conn.prepare_cached(adherent!("idx = ?1"))?.query_row([index], read)
    })
}

/// One member with its keys and delegations as they are at `now_ms`, if it is there and the reader may see it.
pub fn find(
    conn: &Connection,
    acces: &Acces,
    organisation: &str,
    now_ms: u64,
) -> rusqlite::Result<Option<AdherentRow>> {
    let found = conn.prepare_cached(adherent!("organisation = ?1"))?.query_row([organisation], read).optional()?;
    let Some(mut member) = found else { return Ok(None) };
    if !liste::voit(conn, acces, member.index)? {
        return Ok(None);
    }
    let now_ms = now_ms.cast_signed();
    let mut keys = conn.prepare_cached(CLES)?;
    let keys: Vec<Cle> = keys.query_map([organisation], Cle::read)?.collect::<rusqlite::Result<_>>()?;
    // The last recovery that came into force ends what was enrolled before it.
    let recovered = keys.iter().filter(|key| key.has_recovered(now_ms)).map(|key| key.row.index).max();
    member.cles = Some(keys.into_iter().map(|key| key.at(now_ms, recovered)).collect());
    let mut select = conn.prepare_cached(DELEGATIONS)?;
    let mut delegations =
        select.query_map([organisation], |row| read_delegation(row, now_ms))?.collect::<rusqlite::Result<Vec<_>>>()?;
    delegations.sort_by_key(|delegation| delegation.index);
    for delegation in &mut delegations {
        delegation.pieces = pieces::read(conn, delegation.index)?;
    }
    member.delegations = Some(delegations);
    let mut select = conn.prepare_cached(HISTORIQUE)?;
    member.evenements = Some(select.query_map([organisation], read_suite)?.collect::<rusqlite::Result<_>>()?);
    Ok(Some(member))
}

/// For whom an organisation signs, and which families, by delegations in force at `now_ms`.
pub fn delegants(conn: &Connection, delegataire: &str, now_ms: u64) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    conn.prepare_cached(DELEGANTS)?
        .query_map((delegataire, now_ms.cast_signed()), |row| Ok((row.get(0)?, words(row, 1)?)))?
        .collect()
}

fn instant(ms: i64) -> String {
    Horodatage::from_unix_ms(ms.cast_unsigned()).to_string()
}

fn words(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    Ok(row.get_ref(column)?.as_str()?.split_whitespace().map(str::to_owned).collect())
}

fn read(row: &Row<'_>) -> rusqlite::Result<AdherentRow> {
    let sortie = match row.get::<_, Option<u64>>(7)? {
        Some(index) => Some(FinRow {
            par: super::SORTIE.to_owned(),
            index,
            enregistre_le: instant(row.get(8)?),
            motif: row.get(9)?,
        }),
        None => None,
    };
    Ok(AdherentRow {
        index: row.get(0)?,
        organisation: row.get(1)?,
        categorie: row.get(2)?,
        denomination: row.get(3)?,
        departement: row.get(4)?,
        membre: sortie.is_none(),
        inscrit_index: row.get(5)?,
        inscrit_le: instant(row.get(6)?),
        sortie,
        cles: None,
        delegations: None,
        evenements: None,
    })
}

/// A key and the instants that decide of it.
struct Cle {
    row: CleRow,
    valable_ms: (i64, i64),
    en_vigueur_ms: Option<i64>,
    fin_ms: Option<i64>,
}

impl Cle {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let valable_ms = (row.get(4)?, row.get(5)?);
        let en_vigueur_ms: Option<i64> = row.get(6)?;
        let fin_ms: Option<i64> = row.get(9)?;
        let fin = match (row.get(7)?, fin_ms) {
            (Some(par), Some(le)) => {
                Some(FinRow { par, index: row.get(8)?, enregistre_le: instant(le), motif: row.get(10)? })
            }
            _ => None,
        };
        let row = CleRow {
            cle: KeyId(row.get(1)?).to_string(),
            roles: words(row, 2)?,
            etat: EtatCle::Terminee,
            index: row.get(0)?,
            enrolee_le: instant(row.get(3)?),
            valable_du: instant(valable_ms.0),
            valable_jusqu: instant(valable_ms.1),
            en_vigueur_le: en_vigueur_ms.map(instant),
            fin,
            compromise_depuis: row.get::<_, Option<i64>>(12)?.map(instant),
            compromise_index: row.get(11)?,
        };
        Ok(Self { row, valable_ms, en_vigueur_ms, fin_ms })
    }

    /// Whether it came into force by a recovery.
    fn has_recovered(&self, now_ms: i64) -> bool {
        self.en_vigueur_ms.is_some_and(|from| from <= now_ms && self.fin_ms.is_none_or(|end| from <= end))
    }

    fn at(self, now_ms: i64, recovered: Option<u64>) -> CleRow {
        let (from, until) = self.valable_ms;
        let etat = if self.row.fin.is_some() {
            EtatCle::Terminee
        } else if recovered.is_some_and(|index| self.row.index < index) {
            EtatCle::PerdueParRecouvrement
        } else if self.en_vigueur_ms.is_some_and(|from| now_ms < from) {
            EtatCle::EnAttente
        } else if now_ms < from {
            EtatCle::PasEncoreValable
        } else if now_ms >= until {
            EtatCle::Expiree
        } else {
            EtatCle::EnVigueur
        };
        CleRow { etat, ..self.row }
    }
}

fn read_delegation(row: &Row<'_>, now_ms: i64) -> rusqlite::Result<DelegationRow> {
    let jusqu_ms: i64 = row.get(5)?;
    let fin = match row.get(7)? {
        Some(par) => Some(FinRow { par, index: row.get(8)?, enregistre_le: instant(row.get(9)?), motif: None }),
        None => None,
    };
    let etat = match &fin {
        Some(_) => EtatDelegation::Terminee,
        None if now_ms >= jusqu_ms => EtatDelegation::Expiree,
        None => EtatDelegation::EnVigueur,
    };
    Ok(DelegationRow {
        organisation: row.get(1)?,
        delegataire: row.get(2)?,
        familles: words(row, 3)?,
        etat,
        index: row.get(0)?,
        accordee_le: instant(row.get(4)?),
        jusqu: instant(jusqu_ms),
        par_mandat: row.get(6)?,
        fin,
        pieces: Vec::new(),
    })
}

fn read_suite(row: &Row<'_>) -> rusqlite::Result<SuiteRow> {
    let key: Option<[u8; 32]> = row.get(4)?;
    Ok(SuiteRow {
        index: row.get(0)?,
        event_type: row.get(1)?,
        source: row.get(2)?,
        enregistre_le: instant(row.get(3)?),
        cle: key.map(|key| KeyId(key).to_string()),
        delegataire: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::liste::assert_searches;

    #[test]
    fn no_query_scans_a_table() {
        let conn = Connection::open_in_memory().unwrap();
        crate::Projection::create_tables(&super::super::Adherents, &conn).unwrap();
        for sql in [
            ADHERENTS.tout,
            ADHERENTS.de,
            adherent!("idx = ?1"),
            adherent!("organisation = ?1"),
            CLES,
            DELEGATIONS,
            HISTORIQUE,
            DELEGANTS,
        ] {
            assert_searches(&conn, sql);
        }
    }
}
