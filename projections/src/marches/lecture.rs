//! Reading the view `marches`, each part by whom it is for.

use greffe_events::EventType;
use greffe_events::dossier::{Consultation, Dossier, Envoi, Pli};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use serde::Serialize;
use serde_json::Value;

use crate::dossiers::{self, SuiteRow, instant};
use crate::liste::{self, Acces, LIMITE_MAX, Liste, Page, Tranche, liste};

/// A tender.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ConsultationRow {
    /// The leaf that created it: its place in lists.
    pub index: u64,
    /// `BUYER_REFERENCE`.
    pub id: String,
    /// Who buys.
    pub acheteur: String,
    /// Procedure.
    pub procedure: String,
    /// Kind of contract.
    pub nature: String,
    /// Works, supplies or services.
    pub categorie: String,
    /// When it was created, RFC 3339.
    pub creee_le: String,
    /// Leaf that published a notice or the files first: since then everybody sees it.
    pub publiee_index: Option<u64>,
    /// Deadline of the round under way, RFC 3339.
    pub date_limite: Option<String>,
    /// Without result, as a whole.
    pub terminee: bool,
    /// Rounds.
    pub phases: Vec<PhaseRow>,
    /// Lots; one without a number where it is not divided.
    pub lots: Vec<LotRow>,
    /// Newest version of the files for bidders; 0 before the first.
    pub dce_version: u16,
    /// How often they were taken; for the buyer.
    pub retraits: Option<u32>,
    /// Questions; for the buyer.
    pub questions: Option<u32>,
    /// Submissions announced or deposited, whatever became of them; for the buyer.
    pub plis: Option<u32>,
    /// What was said and is for the reader, in the order of the log; in lists left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evenements: Option<Vec<SuiteRow>>,
}

/// A round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PhaseRow {
    /// From 1.
    pub numero: usize,
    /// Its deadline, RFC 3339.
    pub date_limite: Option<String>,
    /// Whether its register is closed.
    pub close: bool,
}

/// A lot and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LotRow {
    /// Its number; none for the whole of an undivided tender.
    pub numero: Option<u16>,
    /// `ouvert`, `infructueux`, `sans-suite`, `attribue`, `signe`, `notifie`.
    pub etat: &'static str,
}

/// An entry of the register of withdrawals.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RetraitRow {
    /// Its leaf.
    pub index: u64,
    /// Who took the files, as it signed.
    pub signe_par: Option<String>,
    /// Who states it of the profile's own register.
    pub constate_par: Option<String>,
    /// When it was recorded, RFC 3339.
    pub enregistre_le: String,
    /// Version, whole or not, who and when as the register says.
    pub dit: Value,
}

/// An entry of the register of deposits.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct PliRow {
    /// The leaf that announced or deposited it.
    pub index: u64,
    /// Of which round.
    pub phase: Option<u8>,
    /// When it was announced by its digests alone.
    pub annonce: Option<EnvoiRow>,
    /// When it came.
    pub depot: Option<EnvoiRow>,
    /// When it was withdrawn.
    pub retrait: Option<EnvoiRow>,
    /// Whether it was opened, and with as many shares as it asks for.
    pub ouvert: Option<bool>,
    /// Whether it could not be opened.
    pub illisible: bool,
    /// The rest: to the bidder at any time, to the buyer once its opening has begun ([`Pli::ouverture_commencee`]).
    pub contenu: Option<ContenuRow>,
}

/// When something came, and whether in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct EnvoiRow {
    /// RFC 3339.
    pub recu_le: String,
    /// `en-temps`, `hors-delai`, `sans-delai`, `consultation-terminee`.
    pub verdict: &'static str,
    /// As the buyer states, of what came another way.
    pub constat: bool,
}

/// What a submission is.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ContenuRow {
    /// `BUYER_REFERENCE_BIDDER_UUID`.
    pub id: String,
    /// Who submits.
    pub soumissionnaire: String,
    /// Whether it was sealed as the commission asks; none where that asks nothing.
    pub scellement_conforme: Option<bool>,
    /// Whether what was deposited is what was announced.
    pub annonce_tenue: Option<bool>,
    /// What was said about it, in the order of the log.
    pub evenements: Vec<SuiteRow>,
}

/// Which tenders.
#[derive(Debug, Clone, Default)]
pub struct Filtre {
    /// Of this buyer.
    pub acheteur: Option<String>,
    /// Of this procedure.
    pub procedure: Option<String>,
    /// With a deadline after this instant, Unix ms.
    pub ouverte_a_ms: Option<i64>,
}

const CONSULTATIONS: Liste = liste!(
    "consultations",
    "((?4 IS NULL OR acheteur = ?4) AND (?5 IS NULL OR procedure = ?5)
      AND (?6 IS NULL OR (NOT terminee AND date_limite_ms > ?6)))"
);

macro_rules! consultation {
    ($condition:literal) => {
        concat!(
            "SELECT idx, id, acheteur, procedure, nature, categorie, creee_le_ms, publiee_index, date_limite_ms, terminee
             FROM consultations WHERE ",
            $condition
        )
    };
}

const PLIS_COUNT: &str = "SELECT count(*) FROM plis WHERE consultation = ?1";
const PLIS: &str = "SELECT idx, id, soumissionnaire FROM plis
     WHERE consultation = ?1 AND idx < ?2 AND (?3 IS NULL OR soumissionnaire IN (SELECT value FROM json_each(?3)))
     ORDER BY idx DESC LIMIT ?4";
const RETRAITS: &str = "SELECT idx, source, enregistre_le_ms, constat, dit FROM suites
     WHERE sujet = ?1 AND idx < ?2 AND type = ?3 ORDER BY idx DESC LIMIT ?4";

/// What everybody reads of a published tender.
const PUBLICS: [EventType; 9] = [
    EventType::ConsultationCreee,
    EventType::ConsultationAvisPublie,
    EventType::ConsultationDcePublie,
    EventType::ConsultationDceModifie,
    EventType::ConsultationReponsePubliee,
    EventType::ConsultationDelaiReporte,
    EventType::ConsultationDonneesPubliees,
    EventType::ConsultationSansSuite,
    EventType::ConsultationInfructueuse,
];

/// A page of tenders, those created last first.
pub fn list(
    conn: &Connection,
    acces: &Acces,
    filtre: &Filtre,
    tranche: Tranche,
) -> rusqlite::Result<Page<ConsultationRow>> {
    let filtres: [&dyn ToSql; 3] = [&filtre.acheteur, &filtre.procedure, &filtre.ouverte_a_ms];
    CONSULTATIONS.page(conn, acces, &filtres, tranche, |index| {
        let row = conn.prepare_cached(consultation!("idx = ?1"))?.query_row([index], read)?;
        with_state(conn, acces, row)
    })
}

/// One tender with what was said that is for the reader, if it is there and the reader may see it.
pub fn find(conn: &Connection, acces: &Acces, id: &str) -> rusqlite::Result<Option<ConsultationRow>> {
    let Some(row) = visible(conn, acces, id)? else { return Ok(None) };
    let mut row = with_state(conn, acces, row)?;
    let mut said = dossiers::suites(conn, &format!("consultation/{id}"))?;
    if !is_buyer(acces, &row.acheteur) {
        let own = |by: &Option<String>| by.as_ref().is_some_and(|by| is_one_of(acces, by));
        said.retain(|suite| PUBLICS.iter().any(|public| public.as_str() == suite.event_type) || own(&suite.signe_par));
    }
    row.evenements = Some(said);
    Ok(Some(row))
}

/// A page of the register of withdrawals, newest first; none where the reader is not the buyer.
pub fn retraits(
    conn: &Connection,
    acces: &Acces,
    id: &str,
    tranche: Tranche,
) -> rusqlite::Result<Option<Page<RetraitRow>>> {
    if !visible(conn, acces, id)?.is_some_and(|row| is_buyer(acces, &row.acheteur)) {
        return Ok(None);
    }
    let (before, limite) = bounds(tranche);
    let mut select = conn.prepare_cached(RETRAITS)?;
    let event_type = EventType::ConsultationDceRetire.as_str();
    let mut rows = select.query((format!("consultation/{id}"), before, event_type, limite + 1))?;
    let mut lignes = Vec::new();
    while let Some(row) = rows.next()? {
        let source = Some(row.get(1)?);
        let (signe_par, constate_par) = if row.get(3)? { (None, source) } else { (source, None) };
        lignes.push(RetraitRow {
            index: row.get(0)?,
            signe_par,
            constate_par,
            enregistre_le: instant(row.get(2)?),
            dit: serde_json::from_str(row.get_ref(4)?.as_str()?)
                .map_err(|error| crate::projection::is_unreadable(4, error))?,
        });
    }
    Ok(Some(page(lignes, limite, |row| row.index)))
}

/// A page of submissions, newest first: to the buyer the register of deposits, to a bidder its own.
pub fn plis(conn: &Connection, acces: &Acces, id: &str, tranche: Tranche) -> rusqlite::Result<Option<Page<PliRow>>> {
    let Some(consultation) = visible(conn, acces, id)? else { return Ok(None) };
    let is_buyer = is_buyer(acces, &consultation.acheteur);
    let bidders = match acces {
        Acces::De(names) if !is_buyer => Some(serde_json::json!(names).to_string()),
        _ => None,
    };
    let tender = match dossiers::cycle(conn, &format!("consultation/{id}"))? {
        Some(Dossier::Consultation(state)) => Some(state),
        _ => None,
    };
    let (before, limite) = bounds(tranche);
    let found = conn
        .prepare_cached(PLIS)?
        .query_map((id, before, bidders, limite + 1), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(u64, String, String)>>>()?;
    let mut lignes = Vec::new();
    for (index, id, soumissionnaire) in found {
        let sujet = format!("pli/{id}");
        let Some(Dossier::Pli(state)) = dossiers::cycle(conn, &sujet)? else { continue };
        // As readers of its leaves and files: the commission needs it to open it.
        let is_open = tender.as_ref().is_some_and(|tender| state.ouverture_commencee(tender));
        let is_own = matches!(acces, Acces::De(_)) && is_one_of(acces, &soumissionnaire);
        let contenu = if is_own || is_open && is_buyer {
            Some(ContenuRow {
                id,
                soumissionnaire,
                scellement_conforme: state.scellement_conforme,
                annonce_tenue: state.annonce_tenue,
                evenements: dossiers::suites(conn, &sujet)?,
            })
        } else {
            None
        };
        lignes.push(pli(index, &state, contenu));
    }
    Ok(Some(page(lignes, limite, |row| row.index)))
}

fn bounds(tranche: Tranche) -> (i64, usize) {
    let before = tranche.apres.map_or(i64::MAX, |index| i64::try_from(index).unwrap_or(i64::MAX));
    (before, tranche.limite.min(LIMITE_MAX) as usize)
}

fn page<T>(mut lignes: Vec<T>, limite: usize, index: impl Fn(&T) -> u64) -> Page<T> {
    let is_more = lignes.len() > limite;
    lignes.truncate(limite);
    let suite = lignes.last().map(index).filter(|_| is_more);
    Page { lignes, suite }
}

fn visible(conn: &Connection, acces: &Acces, id: &str) -> rusqlite::Result<Option<ConsultationRow>> {
    let found = conn.prepare_cached(consultation!("id = ?1"))?.query_row([id], read).optional()?;
    let Some(row) = found else { return Ok(None) };
    Ok(liste::voit(conn, acces, row.index)?.then_some(row))
}

/// Whether the reader reads what is the buyer's: the buyer, and those from whom nothing is hidden.
fn is_buyer(acces: &Acces, acheteur: &str) -> bool {
    matches!(acces, Acces::Tout) || is_one_of(acces, acheteur)
}

fn is_one_of(acces: &Acces, name: &str) -> bool {
    matches!(acces, Acces::De(names) if names.iter().any(|known| known == name))
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConsultationRow> {
    Ok(ConsultationRow {
        index: row.get(0)?,
        id: row.get(1)?,
        acheteur: row.get(2)?,
        procedure: row.get(3)?,
        nature: row.get(4)?,
        categorie: row.get(5)?,
        creee_le: instant(row.get(6)?),
        publiee_index: row.get(7)?,
        date_limite: row.get::<_, Option<i64>>(8)?.map(instant),
        terminee: row.get(9)?,
        phases: Vec::new(),
        lots: Vec::new(),
        dce_version: 0,
        retraits: None,
        questions: None,
        plis: None,
        evenements: None,
    })
}

fn with_state(conn: &Connection, acces: &Acces, mut row: ConsultationRow) -> rusqlite::Result<ConsultationRow> {
    let state = dossiers::cycle(conn, &format!("consultation/{}", row.id))?;
    let Some(Dossier::Consultation(state)) = state else { return Ok(row) };
    let Consultation { phases, lots, ensemble, dce, retraits, questions, .. } = *state;
    row.phases = (1..)
        .zip(phases)
        .map(|(numero, phase)| PhaseRow {
            numero,
            date_limite: phase.limite.map(|limit| limit.to_string()),
            close: phase.close,
        })
        .collect();
    row.lots = lots.iter().map(|(numero, etat)| LotRow { numero: Some(numero.get()), etat: etat.as_str() }).collect();
    if row.lots.is_empty() {
        row.lots.push(LotRow { numero: None, etat: ensemble.as_str() });
    }
    row.dce_version = dce;
    if is_buyer(acces, &row.acheteur) {
        row.retraits = Some(retraits);
        row.questions = Some(questions);
        row.plis = Some(conn.prepare_cached(PLIS_COUNT)?.query_row([&row.id], |row| row.get(0))?);
    }
    Ok(row)
}

fn pli(index: u64, state: &Pli, contenu: Option<ContenuRow>) -> PliRow {
    let envoi = |envoi: &Option<Envoi>| {
        envoi.as_ref().map(|envoi| EnvoiRow {
            recu_le: envoi.recu_le.to_string(),
            verdict: envoi.verdict.as_str(),
            constat: envoi.constat,
        })
    };
    PliRow {
        index,
        phase: state.phase.map(greffe_events::valeur::NumeroPhase::get),
        annonce: envoi(&state.annonce),
        depot: envoi(&state.depot),
        retrait: envoi(&state.retrait),
        ouvert: state.ouvert,
        illisible: state.illisible,
        contenu,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::liste::assert_searches;

    #[test]
    fn no_query_scans_a_table() {
        let conn = Connection::open_in_memory().unwrap();
        crate::Projection::create_tables(&super::super::Marches, &conn).unwrap();
        for sql in [
            CONSULTATIONS.tout,
            CONSULTATIONS.de,
            consultation!("idx = ?1"),
            consultation!("id = ?1"),
            PLIS_COUNT,
            RETRAITS,
        ] {
            assert_searches(&conn, sql);
        }
    }
}
