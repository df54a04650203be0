//! The view `adherents`: members, their keys with all that happened to them, what others sign in their name.
//!
//! ```text
//! adherents    one row per organisation that is or was a member; its key is the leaf that admitted it first
//! cles         one row per key that was enrolled for a member: since when, and what ended it
//! delegations  one row per delegation that was given, and what ended it
//! historique   one row per event of a member's dossier
//! pieces, effacements   mandates (crate::pieces)
//! visibles     who sees which member (crate::liste): itself, and its département
//! ```
//!
//! Rows hold facts. Whether a key is in force, or a delegation, is told for an instant: [`find`] takes one.

mod lecture;
#[cfg(test)]
mod tests;

use greffe_events::catalogue::Role;
use greffe_events::dossier::RECOUVREMENT_MS;
use greffe_events::event::DossierId;
use greffe_events::horodatage::Horodatage;
use greffe_events::ident::{Departement, Organisation, Subject};
use greffe_events::key::KeyId;
use greffe_events::{Data, Event, EventType, Recorded};
use rusqlite::Connection;
use serde::Serialize;

use crate::projection::{ApplyError, Projection};
use crate::recorded::RecordedExt as _;
use crate::writer::Writer;
use crate::{liste, pieces};

pub use lecture::{
    AdherentRow, CleRow, DelegationRow, EtatCle, EtatDelegation, Filtre, FinRow, SuiteRow, delegants, find, list,
};

/// The projection behind the view `adherents`.
pub struct Adherents;

const TABLES: &str = "CREATE TABLE adherents(
     idx INTEGER PRIMARY KEY, organisation TEXT NOT NULL UNIQUE, categorie TEXT NOT NULL, denomination TEXT,
     departement TEXT, inscrit_index INTEGER NOT NULL, inscrit_le_ms INTEGER NOT NULL, sorti_index INTEGER,
     sorti_le_ms INTEGER, sorti_motif TEXT) STRICT;
 CREATE TABLE cles(
     idx INTEGER PRIMARY KEY, cle BLOB NOT NULL UNIQUE, organisation TEXT NOT NULL, roles TEXT NOT NULL,
     enrolee_le_ms INTEGER NOT NULL, valable_du_ms INTEGER NOT NULL, valable_jusqu_ms INTEGER NOT NULL,
     en_vigueur_ms INTEGER, fin TEXT, fin_index INTEGER, fin_le_ms INTEGER, motif TEXT,
     compromise_index INTEGER, compromise_depuis_ms INTEGER) STRICT;
 CREATE INDEX cles_par_organisation ON cles(organisation);
 CREATE TABLE delegations(
     idx INTEGER PRIMARY KEY, organisation TEXT NOT NULL, delegataire TEXT NOT NULL, familles TEXT NOT NULL,
     accordee_le_ms INTEGER NOT NULL, jusqu_ms INTEGER NOT NULL, par_mandat INTEGER NOT NULL, fin TEXT,
     fin_index INTEGER, fin_le_ms INTEGER) STRICT;
 CREATE INDEX delegations_par_organisation ON delegations(organisation, delegataire, fin);
 CREATE INDEX delegations_par_delegataire ON delegations(delegataire, fin);
 CREATE TABLE historique(
     organisation TEXT NOT NULL, idx INTEGER NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
     enregistre_le_ms INTEGER NOT NULL, cle BLOB, delegataire TEXT,
     PRIMARY KEY (organisation, idx)) STRICT, WITHOUT ROWID;";

impl Projection for Adherents {
    fn name(&self) -> &'static str {
        "adherents"
    }

    fn version(&self) -> u32 {
        2
    }

    fn create_tables(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch(TABLES)?;
        conn.execute_batch(pieces::TABLES)?;
        conn.execute_batch(liste::VISIBLES)
    }

    fn tables(&self) -> &'static [&'static str] {
        &["adherents", "cles", "delegations", "historique", "pieces", "effacements", "visibles"]
    }

    fn apply(&self, tx: &Writer<'_>, leaf: &Recorded) -> Result<(), ApplyError> {
        let Some(event) = leaf.shown(is_shown)? else { return Ok(()) };
        match &event.dossier {
            DossierId::Adherent(organisation) => {
                At { tx, index: leaf.index(), ms: leaf.recorded_at_ms()?, organisation: organisation.to_string() }
                    .apply(event)
            }
            DossierId::Piece(organisation, reference) => pieces::efface(tx, leaf.index(), organisation, *reference),
            _ => Ok(()),
        }
    }
}

fn is_shown(event_type: EventType) -> bool {
    matches!(event_type.family(), Subject::ADHERENT | Subject::PIECE)
}

/// What ended a key or a delegation.
const REVOQUEE: &str = "revoquee";
const OPPOSEE: &str = "opposee";
const COMPROMISE: &str = "compromise";
const SORTIE: &str = "sortie";
const RETIREE: &str = "retiree";
const REMPLACEE: &str = "remplacee";

/// Where an event of a member stands.
struct At<'a, 't> {
    tx: &'a Writer<'t>,
    index: u64,
    ms: i64,
    organisation: String,
}

impl At<'_, '_> {
    fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        match &event.data {
            Data::AdherentInscrit(data) => {
                self.admit(&words(data.categorie)?, data.denomination.as_deref(), data.departement)?;
            }
            Data::AdherentModifie(data) => {
                self.change(&words(data.categorie)?, data.denomination.as_deref(), data.departement)?;
            }
            Data::AdherentSorti(data) => {
                self.tx.execute(
                    "UPDATE adherents SET sorti_index = ?2, sorti_le_ms = ?3, sorti_motif = ?4 WHERE organisation = ?1",
                    (&self.organisation, self.index, self.ms, words(data.motif)?),
                )?;
                self.tx.execute(
                    "UPDATE cles SET fin = ?2, fin_index = ?3, fin_le_ms = ?4 WHERE organisation = ?1 AND fin IS NULL",
                    (&self.organisation, SORTIE, self.index, self.ms),
                )?;
                self.end_delegations(None, SORTIE)?;
            }
            Data::CleEnrolee(data) => self.enrol(data.cle, &data.roles, (data.valable_du, data.valable_jusqu), None)?,
            Data::CleRecouvree(data) => {
                let from = self.ms.saturating_add(RECOUVREMENT_MS.cast_signed());
                self.enrol(data.cle, &data.roles, (data.valable_du, data.valable_jusqu), Some(from))?;
            }
            Data::CleOpposition(data) => self.end_key(data.cle, OPPOSEE, None)?,
            Data::CleRevoquee(data) => self.end_key(data.cle, REVOQUEE, Some(&words(data.motif)?))?,
            Data::CleCompromise(data) => {
                self.end_key(data.cle, COMPROMISE, None)?;
                // Said again with an earlier instant, the dispute widens; with a later one it stays.
                self.tx.execute(
                    "UPDATE cles SET compromise_index = ?2, compromise_depuis_ms = ?3
                         WHERE cle = ?1 AND (compromise_depuis_ms IS NULL OR compromise_depuis_ms > ?3)",
                    (data.cle.0, self.index, data.depuis.unix_ms().cast_signed()),
                )?;
            }
            Data::DelegationAccordee(data) => {
                let delegate = data.delegataire.to_string();
                self.end_delegations(Some(&delegate), REMPLACEE)?;
                let families: Vec<String> = data.familles.iter().map(words).collect::<Result<_, _>>()?;
                self.tx.execute(
                    "INSERT INTO delegations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, NULL)",
                    (
                        self.index,
                        &self.organisation,
                        &delegate,
                        families.join(" "),
                        self.ms,
                        data.jusqu.unix_ms().cast_signed(),
                        data.est_par_mandat(),
                    ),
                )?;
                pieces::cite(self.tx, self.index, event)?;
            }
            Data::DelegationRetiree(data) => {
                self.end_delegations(Some(&data.delegataire.to_string()), RETIREE)?;
            }
            _ => return Ok(()),
        }
        self.remember(event)
    }

    /// A first admission, or one after an exit.
    fn admit(
        &self,
        categorie: &str,
        denomination: Option<&str>,
        departement: Option<Departement>,
    ) -> Result<(), ApplyError> {
        self.tx.execute(
            "INSERT INTO adherents VALUES (?1, ?2, ?3, ?4, ?5, ?1, ?6, NULL, NULL, NULL)
                 ON CONFLICT(organisation) DO UPDATE SET inscrit_index = ?1, inscrit_le_ms = ?6, sorti_index = NULL,
                     sorti_le_ms = NULL, sorti_motif = NULL",
            (
                self.index,
                &self.organisation,
                categorie,
                denomination,
                departement.map(|departement| departement.to_string()),
                self.ms,
            ),
        )?;
        self.change(categorie, denomination, departement)
    }

    fn change(
        &self,
        categorie: &str,
        denomination: Option<&str>,
        departement: Option<Departement>,
    ) -> Result<(), ApplyError> {
        let departement = departement.map(|departement| departement.to_string());
        self.tx.execute(
            "UPDATE adherents SET categorie = ?2, denomination = ?3, departement = ?4 WHERE organisation = ?1",
            (&self.organisation, categorie, denomination, &departement),
        )?;
        let sql = "SELECT idx FROM adherents WHERE organisation = ?1";
        let Some(row) = self.tx.one(sql, [&self.organisation], |row| row.get::<_, u64>(0))? else { return Ok(()) };
        // Where it lay before is nobody's business any more.
        let pattern = liste::du_departement("");
        self.tx.execute("DELETE FROM visibles WHERE idx = ?1 AND substr(qui, 1, length(?2)) = ?2", (row, pattern))?;
        let names = departement.as_deref().map(liste::du_departement);
        liste::montre(self.tx, row, names.as_deref().into_iter().chain([self.organisation.as_str()]))
    }

    fn enrol(
        &self,
        key: KeyId,
        roles: &[Role],
        (from, until): (Horodatage, Horodatage),
        in_force_from: Option<i64>,
    ) -> Result<(), ApplyError> {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        self.tx.execute(
            "INSERT INTO cles VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, NULL, NULL, NULL, NULL)
                 ON CONFLICT(cle) DO NOTHING",
            (
                self.index,
                key.0,
                &self.organisation,
                roles.join(" "),
                self.ms,
                from.unix_ms().cast_signed(),
                until.unix_ms().cast_signed(),
                in_force_from,
            ),
        )?;
        Ok(())
    }

    /// The first end counts.
    fn end_key(&self, key: KeyId, fin: &str, motif: Option<&str>) -> Result<(), ApplyError> {
        self.tx.execute(
            "UPDATE cles SET fin = ?2, fin_index = ?3, fin_le_ms = ?4, motif = ?5 WHERE cle = ?1 AND fin IS NULL",
            (key.0, fin, self.index, self.ms, motif),
        )?;
        Ok(())
    }

    /// Ends the delegation to this delegate; without one, all that the member gave or was given.
    fn end_delegations(&self, delegate: Option<&str>, fin: &str) -> Result<(), ApplyError> {
        let ended = (fin, self.index, self.ms, &self.organisation, delegate);
        if delegate.is_some() {
            let sql = "UPDATE delegations SET fin = ?1, fin_index = ?2, fin_le_ms = ?3
                 WHERE organisation = ?4 AND delegataire = ?5 AND fin IS NULL";
            self.tx.execute(sql, ended)?;
            return Ok(());
        }
        let sql = "UPDATE delegations SET fin = ?1, fin_index = ?2, fin_le_ms = ?3
             WHERE (organisation = ?4 OR delegataire = ?4) AND fin IS NULL AND ?5 IS NULL";
        self.tx.execute(sql, ended)?;
        Ok(())
    }

    /// Keeps the event in the member's history.
    fn remember(&self, event: &Event) -> Result<(), ApplyError> {
        let (key, delegate) = match &event.data {
            Data::CleEnrolee(data) => (Some(data.cle), None),
            Data::CleRecouvree(data) => (Some(data.cle), None),
            Data::CleOpposition(data) => (Some(data.cle), None),
            Data::CleRevoquee(data) => (Some(data.cle), None),
            Data::CleCompromise(data) => (Some(data.cle), None),
            Data::DelegationAccordee(data) => (None, Some(&data.delegataire)),
            Data::DelegationRetiree(data) => (None, Some(&data.delegataire)),
            _ => (None, None),
        };
        self.tx.execute(
            "INSERT INTO historique VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                &self.organisation,
                self.index,
                event.data.event_type().as_str(),
                event.source.to_string(),
                self.ms,
                key.map(|key| key.0),
                delegate.map(Organisation::to_string),
            ),
        )?;
        Ok(())
    }
}

/// The word that stands for a value in events.
fn words(value: impl Serialize) -> Result<String, ApplyError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(ApplyError::leaf(format!("{other} is not a word"))),
        Err(error) => Err(ApplyError::leaf(error)),
    }
}
