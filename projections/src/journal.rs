//! The view `journal`: every event of the log, refusals too: what was said, who spoke, with which key, for whom and by which
//! delegation, about which dossier, recorded and received when.
//!
//! ```text
//! evenements   one row per leaf
//! cles         whose each key is that the log enrolled
//! delegations  who signs for whom, as of the last leaf applied
//! visibles     who sees which event (crate::liste): its source, whose keys signed it, the owners of its dossier (of a
//!              submission the bidder alone), of an act its département, of a refusal the one refused
//! ```
//!
//! An event of a type that this version does not know is listed too, with what its attributes say.

pub mod extrait;

use std::collections::BTreeSet;

use greffe_events::authority::enrolments;
use greffe_events::catalogue::Role;
use greffe_events::event::DossierId;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::Organisation;
use greffe_events::key::KeyId;
use greffe_events::{Data, Event, Recorded};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use crate::liste::{self, Acces, Liste, Page, Tranche};
use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;

/// The projection behind the view `journal`.
pub struct Journal;

const TABLES: &str = "CREATE TABLE evenements(
     idx INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL, sujet TEXT NOT NULL,
     signe_le TEXT NOT NULL, recu_le_ms INTEGER NOT NULL, enregistre_le_ms INTEGER NOT NULL, precedent INTEGER,
     rang INTEGER NOT NULL, cles BLOB NOT NULL, signataire TEXT, delegation INTEGER, constat INTEGER NOT NULL,
     code TEXT, source_refusee TEXT, cle_refusee BLOB) STRICT;
 CREATE TABLE cles(cle BLOB PRIMARY KEY, organisation TEXT NOT NULL, du_registre INTEGER NOT NULL) STRICT, WITHOUT ROWID;
 CREATE TABLE delegations(
     organisation TEXT NOT NULL, delegataire TEXT NOT NULL, idx INTEGER NOT NULL, jusqu_ms INTEGER NOT NULL,
     PRIMARY KEY (organisation, delegataire)) STRICT, WITHOUT ROWID;";

impl Projection for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn version(&self) -> u32 {
        2
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(TABLES)?;
        conn.execute_batch(liste::VISIBLES)
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX evenements_par_sujet ON evenements(sujet);"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["evenements", "cles", "delegations", "visibles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        match leaf.shown(|_| true)? {
            Some(event) => apply(tx, leaf, event),
            None => Attributs::of(leaf)?.add(tx, leaf, &Dit::default(), &[]),
        }
    }
}

/// What an event is by its attributes.
#[derive(Deserialize)]
struct Attributs {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    source: String,
    subject: String,
    time: String,
}

/// What is known of it beside them.
#[derive(Default)]
struct Dit {
    signataire: Option<String>,
    delegation: Option<u64>,
    constat: bool,
    refus: Option<(String, Option<String>, KeyId)>,
}

impl Attributs {
    fn of(leaf: &Recorded) -> Result<Self, ApplyError> {
        serde_json::from_slice(leaf.leaf()?.envelope.payload()).map_err(ApplyError::leaf)
    }

    fn add(&self, tx: &Writer<'_>, leaf: &Recorded, dit: &Dit, names: &[String]) -> Result<(), ApplyError> {
        let record = leaf.leaf()?;
        let keys: Vec<u8> = record.envelope.signers().flat_map(|key| key.0).collect();
        tx.execute("INSERT INTO evenements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)", rusqlite::params![
            leaf.index(),
            self.id,
            self.event_type,
            self.source,
            self.subject,
            self.time,
            record.received_at_ms.cast_signed(),
            record.recorded_at_ms.cast_signed(),
            record.previous,
            record.rank,
            keys,
            dit.signataire,
            dit.delegation,
            dit.constat,
            dit.refus.as_ref().map(|(code, ..)| code),
            dit.refus.as_ref().and_then(|(_, source, _)| source.as_ref()),
            dit.refus.as_ref().map(|(.., key)| key.0),
        ])?;
        let names: BTreeSet<&str> = names.iter().map(String::as_str).chain([self.source.as_str()]).collect();
        liste::montre(tx, leaf.index(), names)
    }
}

fn apply(tx: &Writer<'_>, leaf: &Recorded, event: &Event) -> Result<(), ApplyError> {
    enrol(tx, leaf, event)?;
    let source = event.source.to_string();
    let mut signers = Vec::new();
    for key in leaf.leaf()?.envelope.signers() {
        signers.push(key_of(tx, key)?);
    }
    let signer = signers.first().cloned().flatten();
    let delegation = match &signer {
        Some((organisation, false)) if *organisation != source => {
            delegation(tx, &source, organisation, leaf.recorded_at_ms()?)?
        }
        _ => None,
    };
    let mut names: Vec<String> = match &event.dossier {
        // What a bidder says of its submission is nothing that the buyer reads before it opens it.
        DossierId::Pli(id) => vec![id.soumissionnaire.to_string()],
        dossier => dossier.titulaires().iter().map(ToString::to_string).collect(),
    };
    names.extend(signers.into_iter().flatten().map(|(organisation, _)| organisation));
    match &event.dossier {
        DossierId::Acte(id) => names.push(liste::du_departement(id.departement.as_str())),
        DossierId::Examen(id) => names.push(liste::de_la_prefecture(id.departement.as_str())),
        _ => {}
    }
    let refus = match &event.data {
        Data::RegistreRefus(data) => {
            names.extend(key_of(tx, data.cle)?.map(|(organisation, _)| organisation));
            let refused = data.source_refusee.as_ref().map(ToString::to_string);
            names.extend(refused.clone());
            Some((data.code.clone(), refused, data.cle))
        }
        _ => None,
    };
    let attributes = Attributs {
        id: event.id.to_string(),
        event_type: event.data.event_type().as_str().to_owned(),
        source,
        subject: event.subject.to_string(),
        time: event.time.to_string(),
    };
    let signataire = signer.map(|(organisation, _)| organisation);
    let said = Dit { signataire, delegation, constat: event.data.is_constat(), refus };
    attributes.add(tx, leaf, &said, &names)?;
    delegate(tx, leaf, event)
}

/// Keeps whose the keys are that the event brings in, before its own signers are looked up: a log's first leaf is signed by
/// a key that it names.
fn enrol(tx: &Writer<'_>, leaf: &Recorded, event: &Event) -> Result<(), ApplyError> {
    for (key, record) in enrolments(event, leaf.index()) {
        let governs = record.roles.iter().any(|role| matches!(role, Role::Operateur | Role::Registre));
        tx.execute(
            "INSERT INTO cles VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (key.0, record.organisation.to_string(), governs || record.roles.is_empty()),
        )?;
    }
    Ok(())
}

/// Whose a key is, and whether it is one of the log's own.
fn key_of(tx: &Writer<'_>, key: KeyId) -> Result<Option<(String, bool)>, ApplyError> {
    let sql = "SELECT organisation, du_registre FROM cles WHERE cle = ?1";
    Ok(tx.one(sql, [key.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The leaf of the delegation by which one organisation signs for another at that instant.
fn delegation(tx: &Writer<'_>, of: &str, to: &str, at_ms: i64) -> Result<Option<u64>, ApplyError> {
    let sql = "SELECT idx FROM delegations WHERE organisation = ?1 AND delegataire = ?2 AND jusqu_ms > ?3";
    Ok(tx.one(sql, (of, to, at_ms), |row| row.get(0))?)
}

/// Follows who signs for whom.
fn delegate(tx: &Writer<'_>, leaf: &Recorded, event: &Event) -> Result<(), ApplyError> {
    match &event.data {
        Data::DelegationAccordee(data) => {
            tx.execute(
                "INSERT OR REPLACE INTO delegations VALUES (?1, ?2, ?3, ?4)",
                (
                    data.organisation.to_string(),
                    data.delegataire.to_string(),
                    leaf.index(),
                    data.jusqu.unix_ms().cast_signed(),
                ),
            )?;
        }
        Data::DelegationRetiree(data) => {
            tx.execute(
                "DELETE FROM delegations WHERE organisation = ?1 AND delegataire = ?2",
                (data.organisation.to_string(), data.delegataire.to_string()),
            )?;
        }
        // Ends with the exit of either side, and a return does not revive it.
        Data::AdherentSorti(data) => {
            tx.execute(
                "DELETE FROM delegations WHERE organisation = ?1 OR delegataire = ?1",
                [data.organisation.to_string()],
            )?;
        }
        _ => {}
    }
    Ok(())
}

/// An event, as an audit trail shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct EvenementRow {
    /// Its leaf.
    pub index: u64,
    /// The poster's identifier.
    pub id: String,
    /// What was said.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Who speaks.
    pub source: String,
    /// About which dossier, `family/identifier`.
    pub sujet: String,
    /// When it was signed, RFC 3339.
    pub signe_le: String,
    /// When its last byte was received, RFC 3339.
    pub recu_le: String,
    /// When it was recorded, RFC 3339.
    pub enregistre_le: String,
    /// The leaf before it of the same dossier.
    pub precedent: Option<u64>,
    /// Number of earlier leaves of the same source.
    pub rang: u64,
    /// Keys that signed, the author's first.
    pub cles: Vec<String>,
    /// Whose key the author's is.
    pub signataire: Option<String>,
    /// Leaf of the delegation by which it signs for the source, where it is another organisation's.
    pub delegation_index: Option<u64>,
    /// Whether the source only states what a file says.
    pub constat: bool,
    /// For a refusal: what was refused.
    pub refus: Option<RefusRow>,
}

/// What a refusal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RefusRow {
    /// The stable code of the reason.
    pub code: String,
    /// In whose name it was.
    pub source_refusee: Option<String>,
    /// The key that signed it.
    pub cle: String,
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Filtre {
    /// Of this type.
    pub event_type: Option<String>,
    /// By this source.
    pub source: Option<String>,
    /// Of dossiers of this family.
    pub famille: Option<String>,
    /// About this dossier.
    pub sujet: Option<String>,
    /// Constats only, or none.
    pub constat: Option<bool>,
    /// Refusals with this code.
    pub code: Option<String>,
    /// Recorded at or after, Unix ms.
    pub depuis_ms: Option<i64>,
    /// Recorded before, Unix ms.
    pub avant_ms: Option<i64>,
}

macro_rules! admis {
    () => {
        "((?4 IS NULL OR type = ?4) AND (?5 IS NULL OR source = ?5) AND (?6 IS NULL OR substr(sujet, 1, length(?6) + 1) = ?6 || '/')
          AND (?7 IS NULL OR sujet = ?7) AND (?8 IS NULL OR constat = ?8) AND (?9 IS NULL OR code = ?9)
          AND (?10 IS NULL OR enregistre_le_ms >= ?10) AND (?11 IS NULL OR enregistre_le_ms < ?11))"
    };
}

const EVENEMENTS: Liste = Liste {
    tout: concat!("SELECT idx, ", admis!(), " FROM evenements WHERE idx < ?1 ORDER BY idx DESC LIMIT ?2"),
    de: concat!(
        "SELECT v.idx, (SELECT ",
        admis!(),
        " FROM evenements t WHERE t.idx = v.idx) FROM visibles v WHERE v.qui = ?3 AND v.idx < ?1 ORDER BY v.idx DESC LIMIT ?2"
    ),
};

/// The events of one dossier: few, whatever the log.
const DU_DOSSIER: Liste = Liste {
    tout: concat!(
        "SELECT idx, ",
        admis!(),
        " FROM evenements INDEXED BY evenements_par_sujet WHERE sujet = ?7 AND idx < ?1 ORDER BY idx DESC LIMIT ?2"
    ),
    de: concat!(
        "SELECT idx, ",
        admis!(),
        " AND EXISTS (SELECT 1 FROM visibles v WHERE v.qui = ?3 AND v.idx = t.idx)
         FROM evenements t INDEXED BY evenements_par_sujet WHERE sujet = ?7 AND idx < ?1 ORDER BY idx DESC LIMIT ?2"
    ),
};

const EVENEMENT: &str =
    "SELECT idx, id, type, source, sujet, signe_le, recu_le_ms, enregistre_le_ms, precedent, rang, cles,
     signataire, delegation, constat, code, source_refusee, cle_refusee FROM evenements WHERE idx = ?1";

/// A page of events, newest first.
pub fn list(
    conn: &Connection,
    acces: &Acces,
    filtre: &Filtre,
    tranche: Tranche,
) -> rusqlite::Result<Page<EvenementRow>> {
    let liste = if filtre.sujet.is_some() { &DU_DOSSIER } else { &EVENEMENTS };
    let filtres: [&dyn rusqlite::ToSql; 8] = [
        &filtre.event_type,
        &filtre.source,
        &filtre.famille,
        &filtre.sujet,
        &filtre.constat,
        &filtre.code,
        &filtre.depuis_ms,
        &filtre.avant_ms,
    ];
    liste.page(conn, acces, &filtres, tranche, |index| conn.prepare_cached(EVENEMENT)?.query_row([index], read))
}

/// One event, if it is there and the reader may see it.
pub fn find(conn: &Connection, acces: &Acces, index: u64) -> rusqlite::Result<Option<EvenementRow>> {
    if !liste::voit(conn, acces, index)? {
        return Ok(None);
    }
    conn.prepare_cached(EVENEMENT)?.query_row([index], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<EvenementRow> {
    let instant = |ms: i64| Horodatage::from_unix_ms(ms.cast_unsigned()).to_string();
    let refus = match row.get::<_, Option<String>>(14)? {
        Some(code) => Some(RefusRow { code, source_refusee: row.get(15)?, cle: KeyId(row.get(16)?).to_string() }),
        None => None,
    };
    let keys = row.get_ref(10)?.as_blob()?.chunks_exact(32);
    Ok(EvenementRow {
        index: row.get(0)?,
        id: row.get(1)?,
        event_type: row.get(2)?,
        source: row.get(3)?,
        sujet: row.get(4)?,
        signe_le: row.get(5)?,
        recu_le: instant(row.get(6)?),
        enregistre_le: instant(row.get(7)?),
        precedent: row.get(8)?,
        rang: row.get(9)?,
        cles: keys.filter_map(|key| key.try_into().ok()).map(|key| KeyId(key).to_string()).collect(),
        signataire: row.get(11)?,
        delegation_index: row.get(12)?,
        constat: row.get(13)?,
        refus,
    })
}

/// Who sees the events of an organisation: named like it.
pub fn de(organisation: &Organisation) -> String {
    organisation.to_string()
}

#[cfg(test)]
mod tests;
