//! Work lists: what waits for somebody, ordered so that nothing is missed.
//!
//! | list | of | holds | ordered by |
//! |---|---|---|---|
//! | `a-acquitter` | a prefecture | transmitted, no receipt yet | transmission |
//! | `silencieux` | a prefecture | the same, for [`SILENCE_JOURS`] days | transmission |
//! | `a-examiner` | a prefecture | received, with something that it has not examined, and may still be referred to the court | last day of the déféré |
//! | `a-suivre` | a prefecture | examined « à suivre », and may still be referred | last day of the déféré |
//! | `expirent` | a prefecture | both of these whose last day comes within [`EXPIRE_JOURS`] days | last day of the déféré |
//! | `pieces-attendues` | a prefecture | documents were asked for, and neither sent nor refused | transmission |
//! | `a-repondre` | a collectivité | a letter of the prefecture waits for an answer | transmission |
//! | `refuses` | a collectivité | rejected, not transmitted again | transmission |
//! | `a-publier` | a collectivité | transmitted, neither published nor notified | transmission |
//!
//! The last day is the earliest that it can be (`au_plus_tot`) if nothing more is said. An act whose `au_plus_tard` has passed is in
//! none of the lists that are ordered by it: nothing can come of it any more. Every list is a walk of one index.

use greffe_events::horodatage::Jour;
use jiff::Span;
use jiff::civil::Date;
use rusqlite::{Connection, Params};

use super::query::{Acces, LIMITE_MAX};
use super::row::{ActeRow, acte};
use super::suivi::{A_SUIVRE, NOUVEAU, PIECES};
use crate::droit::Calendrier;

/// After how many days without an answer of the prefecture an act is looked at: gateways of today give it up then.
pub const SILENCE_JOURS: u64 = 30;

/// Days that « this week » has.
pub const EXPIRE_JOURS: i32 = 7;

/// Acts between the earliest and the latest of their last days that a page looks at, at most: those of which the law or the facts
/// leave the day open.
const INCERTAINS_MAX: u32 = 10_000;

/// A work list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListeDeTravail {
    /// Without a receipt.
    AAcquitter,
    /// Without a receipt for long.
    Silencieux,
    /// To examine.
    AExaminer,
    /// To be followed.
    ASuivre,
    /// Last days within a week.
    Expirent,
    /// Documents are awaited.
    PiecesAttendues,
    /// To answer.
    ARepondre,
    /// Rejected.
    Refuses,
    /// To publish.
    APublier,
}

impl ListeDeTravail {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AAcquitter,
        Self::Silencieux,
        Self::AExaminer,
        Self::ASuivre,
        Self::Expirent,
        Self::PiecesAttendues,
        Self::ARepondre,
        Self::Refuses,
        Self::APublier,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AAcquitter => "a-acquitter",
            Self::Silencieux => "silencieux",
            Self::AExaminer => "a-examiner",
            Self::ASuivre => "a-suivre",
            Self::Expirent => "expirent",
            Self::PiecesAttendues => "pieces-attendues",
            Self::ARepondre => "a-repondre",
            Self::Refuses => "refuses",
            Self::APublier => "a-publier",
        }
    }

    /// Whether it is a collectivité's, rather than a prefecture's.
    pub fn est_de_la_collectivite(self) -> bool {
        matches!(self, Self::ARepondre | Self::Refuses | Self::APublier)
    }

    /// Whether it tells what the prefecture examined, which nobody else learns.
    pub fn dit_l_examen(self) -> bool {
        matches!(self, Self::AExaminer | Self::ASuivre | Self::Expirent)
    }
}

/// Whose list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lieu {
    /// A département's prefecture's.
    Departement(String),
    /// A collectivité's, by its SIREN.
    Siren(String),
}

/// Where the next page starts: after this act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Curseur {
    /// Its last day, in lists that are ordered by it.
    pub jour: Option<Date>,
    /// Its leaf.
    pub index: u64,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageDeTravail {
    /// Its acts.
    pub actes: Vec<ActeRow>,
    /// Where the next page starts, if there is one.
    pub suite: Option<Curseur>,
}

pub(super) const SANS_ACCUSE: &str = "SELECT idx, NULL FROM actes INDEXED BY actes_sans_accuse
     WHERE departement = ?1 AND etat = 'transmis' AND idx > ?2 AND transmis_le_ms <= ?3 ORDER BY idx LIMIT ?4";
pub(super) const A_EXAMINER: &str = "SELECT idx, au_plus_tot FROM actes INDEXED BY actes_a_examiner
     WHERE departement = ?1 AND a_examiner = ?2 AND (au_plus_tot, idx) > (?3, ?4) AND au_plus_tot < ?5
     ORDER BY au_plus_tot, idx LIMIT ?6";
pub(super) const INCERTAINS: &str = "SELECT idx, au_plus_tot FROM actes INDEXED BY actes_incertains
     WHERE departement = ?1 AND a_examiner = ?2 AND (au_plus_tard IS NULL OR au_plus_tard > au_plus_tot)
     AND (au_plus_tard IS NULL OR au_plus_tard >= ?3) LIMIT ?4";
pub(super) const ATTENDUS: &str = "SELECT idx, NULL FROM actes INDEXED BY actes_attendus
     WHERE departement = ?1 AND attend = ?2 AND idx > ?3 ORDER BY idx LIMIT ?4";
pub(super) const A_REPONDRE: &str = "SELECT idx, NULL FROM actes INDEXED BY actes_a_repondre
     WHERE siren = ?1 AND attend IS NOT NULL AND idx > ?2 ORDER BY idx LIMIT ?3";
pub(super) const REFUSES: &str = "SELECT idx, NULL FROM actes INDEXED BY actes_refuses
     WHERE siren = ?1 AND etat = 'anomalie' AND idx > ?2 ORDER BY idx LIMIT ?3";
pub(super) const A_PUBLIER: &str = "SELECT idx, NULL FROM actes INDEXED BY actes_a_publier
     WHERE siren = ?1 AND a_publier IS NOT NULL AND idx > ?2 ORDER BY idx LIMIT ?3";

/// A page of a work list at `maintenant_ms` (Unix ms); none where the list is not one of that place's. Whether the reader may see that
/// place's list is its caller's matter; of each act it sees what `acces` says.
pub fn travail(
    conn: &Connection,
    liste: ListeDeTravail,
    lieu: &Lieu,
    acces: &Acces,
    apres: Option<&Curseur>,
    limite: u32,
    maintenant_ms: u64,
) -> rusqlite::Result<Option<PageDeTravail>> {
    let limite = limite.min(LIMITE_MAX) as usize;
    let found = match (lieu, liste.est_de_la_collectivite()) {
        (Lieu::Departement(departement), false) => {
            let calendrier = Calendrier::du_departement(departement);
            let demande = Demande { conn, departement, apres, limite, maintenant_ms };
            demande.of_prefecture(liste, calendrier.jour_civil(maintenant_ms))?
        }
        (Lieu::Siren(siren), true) => {
            let sql = match liste {
                ListeDeTravail::ARepondre => A_REPONDRE,
                ListeDeTravail::Refuses => REFUSES,
                _ => A_PUBLIER,
            };
            rows(conn, sql, (siren, after(apres), limite + 1))?
        }
        _ => return Ok(None),
    };
    let suite = (found.len() > limite).then(|| found[limite - 1].clone());
    let whole =
        |at: &Curseur| acte(conn, "idx = ?1", at.index, maintenant_ms)?.ok_or(rusqlite::Error::QueryReturnedNoRows);
    let page = found
        .iter()
        .take(limite)
        .map(|at| whole(at).map(|acte| acces.montre(acte)))
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(PageDeTravail { actes: page, suite }))
}

fn after(apres: Option<&Curseur>) -> i64 {
    apres.map_or(-1, |apres| i64::try_from(apres.index).unwrap_or(i64::MAX))
}

struct Demande<'a> {
    conn: &'a Connection,
    departement: &'a str,
    apres: Option<&'a Curseur>,
    limite: usize,
    maintenant_ms: u64,
}

impl Demande<'_> {
    /// One act more than a page holds, if there are as many.
    fn of_prefecture(&self, liste: ListeDeTravail, aujourdhui: Date) -> rusqlite::Result<Vec<Curseur>> {
        match liste {
            ListeDeTravail::AAcquitter => self.without_receipt(self.maintenant_ms),
            ListeDeTravail::Silencieux => {
                self.without_receipt(self.maintenant_ms.saturating_sub(SILENCE_JOURS * 24 * 3_600 * 1_000))
            }
            ListeDeTravail::PiecesAttendues => {
                rows(self.conn, ATTENDUS, (self.departement, PIECES, after(self.apres), self.limite + 1))
            }
            ListeDeTravail::AExaminer => self.referable(&[NOUVEAU], aujourdhui, Date::MAX),
            ListeDeTravail::ASuivre => self.referable(&[A_SUIVRE], aujourdhui, Date::MAX),
            ListeDeTravail::Expirent => {
                let end = aujourdhui.checked_add(Span::new().days(EXPIRE_JOURS)).unwrap_or(Date::MAX);
                self.referable(&[NOUVEAU, A_SUIVRE], aujourdhui, end)
            }
            ListeDeTravail::ARepondre | ListeDeTravail::Refuses | ListeDeTravail::APublier => Ok(Vec::new()),
        }
    }

    fn without_receipt(&self, transmis_avant_ms: u64) -> rusqlite::Result<Vec<Curseur>> {
        let before = i64::try_from(transmis_avant_ms).unwrap_or(i64::MAX);
        rows(self.conn, SANS_ACCUSE, (self.departement, after(self.apres), before, self.limite + 1))
    }

    /// The last day and the leaf after which the page starts; none before `du`.
    fn start(&self, du: Date) -> (String, i64) {
        match self.apres {
            Some(Curseur { jour: Some(jour), index }) if *jour >= du => {
                (Jour(*jour).to_string(), i64::try_from(*index).unwrap_or(i64::MAX))
            }
            _ => (Jour(du).to_string(), -1),
        }
    }

    /// Acts that may still be referred to the court and whose last day comes before `avant`.
    fn referable(&self, etats: &[i64], aujourdhui: Date, avant: Date) -> rusqlite::Result<Vec<Curseur>> {
        let mut found = Vec::new();
        let (today, end) = (Jour(aujourdhui).to_string(), Jour(avant).to_string());
        for etat in etats {
            // Those of which it is not sure that the day has passed come first.
            let open = rows(self.conn, INCERTAINS, (self.departement, etat, &today, INCERTAINS_MAX))?;
            let is_past = |at: &Curseur| at.jour.is_some_and(|jour| jour < aujourdhui);
            found.extend(open.into_iter().filter(is_past).filter(|at| self.apres.is_none_or(|apres| at > apres)));
            let (jour, index) = self.start(aujourdhui);
            found.extend(rows(self.conn, A_EXAMINER, (self.departement, etat, jour, index, &end, self.limite + 1))?);
        }
        found.sort();
        found.truncate(self.limite + 1);
        Ok(found)
    }
}

fn rows(conn: &Connection, sql: &'static str, params: impl Params) -> rusqlite::Result<Vec<Curseur>> {
    let mut select = conn.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| {
        let jour: Option<String> = row.get(1)?;
        Ok(Curseur { jour: jour.and_then(|jour| jour.parse::<Jour>().ok()).map(|jour| jour.0), index: row.get(0)? })
    })?;
    rows.collect()
}
