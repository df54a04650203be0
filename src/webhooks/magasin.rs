//! The file of subscriptions: the node's own memory, in no log, and derived from nothing.
//!
//! ```text
//! D/webhooks.sqlite   abonnements(id, organisation, cle, url, filtre, position, …)     at most PAR_NOEUD_MAX
//!                     echecs(abonnement, idx, tentatives, …, renvoi)                   dead letters, at most ECHECS_MAX each; 0600
//! ```
//!
//! What is asked for (made, resumed, deleted) is on disk before it is answered. What became of messages may lose its last moments to a power cut, and
//! then they are sent again; to a killed process it loses nothing.

mod lignes;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use greffe_events::ident::Organisation;
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, params};
use uuid::Uuid;

use self::lignes::{COLUMNS, Nom, filtre_json, lu, mort};
use super::abonnement::{Abonnement, Arret, Echec, Etat, Mort, Nouveau};
use super::{Options, WebhooksError};

const TABLES: &str = "
    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS abonnements(
        id TEXT PRIMARY KEY, organisation TEXT NOT NULL, cle TEXT NOT NULL, url TEXT NOT NULL, filtre TEXT NOT NULL,
        cree_ms INTEGER NOT NULL, position INTEGER NOT NULL, tentatives INTEGER NOT NULL, prochaine_ms INTEGER, arret TEXT,
        en_echec_depuis_ms INTEGER, livres INTEGER NOT NULL, derniere_livraison_ms INTEGER,
        echec_ms INTEGER, echec_motif TEXT, echec_statut INTEGER, perdus INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX IF NOT EXISTS par_organisation ON abonnements(organisation);
    CREATE TABLE IF NOT EXISTS echecs(
        abonnement TEXT NOT NULL REFERENCES abonnements(id) ON DELETE CASCADE, idx INTEGER NOT NULL, tentatives INTEGER NOT NULL,
        echec_ms INTEGER NOT NULL, echec_motif TEXT NOT NULL, echec_statut INTEGER, renvoi INTEGER NOT NULL,
        PRIMARY KEY(abonnement, idx)) STRICT, WITHOUT ROWID;";

/// The format of the file, its `user_version`. 0: nothing is in it yet.
const VERSION: u32 = 1;

/// Refuses a file of another version of this program: what its columns and words mean is not known here.
pub fn check_version(connection: &Connection) -> Result<(), WebhooksError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))?;
    if matches!(found, 0 | VERSION) { Ok(()) } else { Err(WebhooksError::Version { found, known: VERSION }) }
}

/// The file, open for writing. One per node.
#[derive(Debug)]
pub struct Magasin {
    connection: Mutex<Connection>,
}

/// What became of a subscription that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Ajout {
    /// It is kept.
    Nouveau(Abonnement),
    /// The same organisation has the same address for the same things already.
    Connu(Abonnement),
    /// The organisation has as many as it may.
    TropPourLui,
    /// The node has as many as it may.
    TropPourTous,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compte {
    /// Subscriptions that are not suspended.
    pub actifs: u64,
    /// Of those, the ones whose last attempt failed.
    pub attente: u64,
    /// Subscriptions that are suspended.
    pub suspendus: u64,
    /// Dead letters.
    pub echecs: u64,
}

/// An active subscription, for whoever decides whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actif {
    /// Its name.
    pub id: Uuid,
    /// Whose.
    pub organisation: Organisation,
    /// The first leaf that is not settled.
    pub position: u64,
    /// When it is tried again, Unix ms.
    pub prochaine_ms: Option<u64>,
    /// Whether a dead letter waits to be sent again.
    pub renvois: bool,
}

impl Magasin {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, WebhooksError> {
        // For its owner alone, whatever the process' mask.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let connection = Connection::open(path)?;
        check_version(&connection)?;
        connection.execute_batch(TABLES)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what was asked for: on disk when this returns.
    fn durably<T>(&self, change: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut connection = self.lock();
        connection.pragma_update(None, "synchronous", "FULL")?;
        let changed = within(&mut connection, change);
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        changed
    }

    /// Keeps a subscription, within these bounds.
    pub fn ajouter(&self, nouveau: &Nouveau, options: &Options) -> rusqlite::Result<Ajout> {
        self.durably(|transaction| {
            let organisation = nouveau.organisation.to_string();
            let filtre = filtre_json(&nouveau.filtre);
            let same =
                format!("SELECT {COLUMNS} FROM abonnements WHERE organisation = ?1 AND url = ?2 AND filtre = ?3");
            let known = transaction.query_row(&same, (&organisation, &nouveau.url, &filtre), lu).optional()?;
            if let Some(known) = known {
                return Ok(Ajout::Connu(known));
            }
            let count = |sql, params: &[&dyn ToSql]| transaction.query_row(sql, params, |row| row.get::<_, u32>(0));
            if count("SELECT count(*) FROM abonnements WHERE organisation = ?1", &[&organisation])?
                >= options.par_organisme
            {
                return Ok(Ajout::TropPourLui);
            }
            if count("SELECT count(*) FROM abonnements", &[])? >= options.par_noeud {
                return Ok(Ajout::TropPourTous);
            }
            let abonnement = Abonnement {
                id: Uuid::now_v7(),
                organisation: nouveau.organisation.clone(),
                cle: nouveau.cle,
                url: nouveau.url.clone(),
                filtre: nouveau.filtre.clone(),
                cree_ms: nouveau.cree_ms,
                etat: Etat { position: nouveau.position, ..Etat::default() },
                echecs: 0,
                perdus: 0,
            };
            transaction.execute(
                "INSERT INTO abonnements(id, organisation, cle, url, filtre, cree_ms, position, tentatives, livres)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0)",
                params![
                    abonnement.id.to_string(),
                    organisation,
                    nouveau.cle.to_string(),
                    nouveau.url,
                    filtre,
                    nouveau.cree_ms,
                    nouveau.position
                ],
            )?;
            Ok(Ajout::Nouveau(abonnement))
        })
    }

    /// Those of an organisation, oldest first.
    pub fn de(&self, organisation: &Organisation) -> rusqlite::Result<Vec<Abonnement>> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM abonnements WHERE organisation = ?1 ORDER BY id");
        let mut select = connection.prepare_cached(&sql)?;
        select.query_map([organisation.to_string()], lu)?.collect()
    }

    /// All of them, oldest first.
    pub fn tous(&self) -> rusqlite::Result<Vec<Abonnement>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM abonnements ORDER BY id"))?;
        select.query_map([], lu)?.collect()
    }

    /// One of them.
    pub fn lire(&self, id: Uuid) -> rusqlite::Result<Option<Abonnement>> {
        let connection = self.lock();
        let sql = format!("SELECT {COLUMNS} FROM abonnements WHERE id = ?1");
        connection.prepare_cached(&sql)?.query_row([id.to_string()], lu).optional()
    }

    /// Forgets a subscription and its dead letters.
    pub fn supprimer(&self, id: Uuid) -> rusqlite::Result<bool> {
        self.durably(|transaction| {
            Ok(transaction.execute("DELETE FROM abonnements WHERE id = ?1", [id.to_string()])? == 1)
        })
    }

    /// Has a subscription go on from this state, with the rights of this key.
    pub fn reprendre(&self, id: Uuid, cle: &str, etat: &Etat) -> rusqlite::Result<()> {
        self.durably(|transaction| {
            transaction.execute("UPDATE abonnements SET cle = ?2 WHERE id = ?1", (id.to_string(), cle))?;
            ecrire(transaction, id, etat)
        })
    }

    /// Notes where a subscription is after the message of `avant.position`, and what was given up of it. Nothing where it was deleted
    /// or resumed meanwhile: the message is sent again then.
    pub fn noter(
        &self,
        avant: &Abonnement,
        apres: &Etat,
        mort: Option<&Mort>,
        echecs_max: u32,
    ) -> rusqlite::Result<()> {
        let id = avant.id;
        within(&mut self.lock(), |transaction| {
            let same =
                "SELECT 1 FROM abonnements WHERE id = ?1 AND position = ?2 AND tentatives = ?3 AND arret IS NULL";
            let is_same = transaction.prepare_cached(same)?.exists((
                id.to_string(),
                avant.etat.position,
                avant.etat.tentatives,
            ))?;
            if !is_same {
                return Ok(());
            }
            ecrire(transaction, id, apres)?;
            if let Some(mort) = mort {
                inscrire(transaction, id, mort, echecs_max)?;
            }
            Ok(())
        })
    }

    /// Notes that an active subscription has nothing to say of the leaves before `vers`.
    pub fn avancer(&self, avant: &Abonnement, vers: u64) -> rusqlite::Result<()> {
        let connection = self.lock();
        connection
            .prepare_cached(
                "UPDATE abonnements SET position = ?3, tentatives = 0, prochaine_ms = NULL WHERE id = ?1 AND position = ?2 AND arret IS NULL",
            )?
            .execute((avant.id.to_string(), avant.etat.position, vers))?;
        Ok(())
    }

    /// Suspends a subscription.
    pub fn suspendre(&self, id: Uuid, arret: Arret) -> rusqlite::Result<()> {
        let connection = self.lock();
        connection
            .prepare_cached("UPDATE abonnements SET arret = ?2, prochaine_ms = NULL WHERE id = ?1 AND arret IS NULL")?
            .execute((id.to_string(), arret.as_str()))?;
        Ok(())
    }

    /// Suspends a subscription for the operator, whatever state it is in: on disk when this returns.
    pub fn interdire(&self, id: Uuid) -> rusqlite::Result<()> {
        self.durably(|transaction| {
            let sql = "UPDATE abonnements SET arret = ?2, prochaine_ms = NULL WHERE id = ?1";
            transaction.execute(sql, (id.to_string(), Arret::Operateur.as_str()))?;
            Ok(())
        })
    }

    /// All that are not suspended.
    pub fn actifs(&self) -> rusqlite::Result<Vec<Actif>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "SELECT id, organisation, position, prochaine_ms, EXISTS(SELECT 1 FROM echecs WHERE abonnement = id AND renvoi = 1)
             FROM abonnements WHERE arret IS NULL",
        )?;
        let rows = select.query_map([], |row| {
            Ok(Actif {
                id: row.get::<_, Nom<Uuid>>(0)?.0,
                organisation: row.get::<_, Nom<Organisation>>(1)?.0,
                position: row.get(2)?,
                prochaine_ms: row.get(3)?,
                renvois: row.get(4)?,
            })
        })?;
        rows.collect()
    }

    /// No position and no dead letter is beyond the end of the log: of a log that was restored from a backup, what comes next is announced.
    pub fn borner(&self, size: u64) -> rusqlite::Result<usize> {
        within(&mut self.lock(), |transaction| {
            transaction.execute("DELETE FROM echecs WHERE idx >= ?1", [size])?;
            transaction.execute("UPDATE abonnements SET position = ?1, tentatives = 0 WHERE position > ?1", [size])
        })
    }

    /// Dead letters of a subscription after the leaf `apres`, in the order of their leaves.
    pub fn echecs(&self, id: Uuid, apres: Option<u64>, limit: u32) -> rusqlite::Result<Vec<Mort>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "SELECT idx, tentatives, echec_ms, echec_motif, echec_statut, renvoi FROM echecs
             WHERE abonnement = ?1 AND (?2 IS NULL OR idx > ?2) ORDER BY idx LIMIT ?3",
        )?;
        select.query_map((id.to_string(), apres, limit), mort)?.collect()
    }

    /// Asks that one of them, or all, be sent again: how many.
    pub fn renvoyer(&self, id: Uuid, index: Option<u64>) -> rusqlite::Result<usize> {
        self.durably(|transaction| {
            transaction.execute(
                "UPDATE echecs SET renvoi = 1 WHERE abonnement = ?1 AND (?2 IS NULL OR idx = ?2)",
                (id.to_string(), index),
            )
        })
    }

    /// The first dead letter that waits to be sent again.
    pub fn a_renvoyer(&self, id: Uuid) -> rusqlite::Result<Option<Mort>> {
        let connection = self.lock();
        let mut select = connection.prepare_cached(
            "SELECT idx, tentatives, echec_ms, echec_motif, echec_statut, renvoi FROM echecs
             WHERE abonnement = ?1 AND renvoi = 1 ORDER BY idx LIMIT 1",
        )?;
        select.query_row([id.to_string()], mort).optional()
    }

    /// Notes what became of a dead letter that was sent again: delivered it is none any more.
    pub fn noter_renvoi(&self, id: Uuid, index: u64, echec: Option<Echec>, now_ms: u64) -> rusqlite::Result<()> {
        within(&mut self.lock(), |transaction| {
            let id = id.to_string();
            if let Some(echec) = echec {
                transaction.execute(
                    "UPDATE echecs SET renvoi = 0, tentatives = tentatives + 1, echec_ms = ?3, echec_motif = ?4, echec_statut = ?5
                     WHERE abonnement = ?1 AND idx = ?2",
                    params![id, index, echec.le_ms, echec.motif.as_str(), echec.statut],
                )?;
                return Ok(());
            }
            transaction.execute("DELETE FROM echecs WHERE abonnement = ?1 AND idx = ?2", (&id, index))?;
            transaction.execute(
                "UPDATE abonnements SET livres = livres + 1, derniere_livraison_ms = ?2, en_echec_depuis_ms = NULL WHERE id = ?1",
                (&id, now_ms),
            )?;
            Ok(())
        })
    }

    /// How many there are.
    pub fn compte(&self) -> rusqlite::Result<Compte> {
        compter(&self.lock())
    }
}

/// How many there are in a file that is open.
pub fn compter(connection: &Connection) -> rusqlite::Result<Compte> {
    connection.query_row(
        "SELECT count(*) FILTER (WHERE arret IS NULL), count(*) FILTER (WHERE arret IS NULL AND tentatives > 0),
                count(*) FILTER (WHERE arret IS NOT NULL), (SELECT count(*) FROM echecs) FROM abonnements",
        [],
        |row| Ok(Compte { actifs: row.get(0)?, attente: row.get(1)?, suspendus: row.get(2)?, echecs: row.get(3)? }),
    )
}

fn within<T>(
    connection: &mut Connection,
    change: impl FnOnce(&Transaction) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction()?;
    let changed = change(&transaction)?;
    transaction.commit()?;
    Ok(changed)
}

fn ecrire(transaction: &Transaction, id: Uuid, etat: &Etat) -> rusqlite::Result<()> {
    let echec = etat.dernier_echec;
    transaction
        .prepare_cached(
            "UPDATE abonnements SET position = ?2, tentatives = ?3, prochaine_ms = ?4, arret = ?5, en_echec_depuis_ms = ?6, livres = ?7,
                 derniere_livraison_ms = ?8, echec_ms = ?9, echec_motif = ?10, echec_statut = ?11 WHERE id = ?1",
        )?
        .execute(params![
            id.to_string(),
            etat.position,
            etat.tentatives,
            etat.prochaine_ms,
            etat.arret.map(Arret::as_str),
            etat.en_echec_depuis_ms,
            etat.livres,
            etat.derniere_livraison_ms,
            echec.map(|echec| echec.le_ms),
            echec.map(|echec| echec.motif.as_str()),
            echec.and_then(|echec| echec.statut),
        ])?;
    Ok(())
}

/// Keeps a dead letter; the oldest make room.
fn inscrire(transaction: &Transaction, id: Uuid, mort: &Mort, max: u32) -> rusqlite::Result<()> {
    let id = id.to_string();
    transaction.execute(
        "INSERT OR REPLACE INTO echecs(abonnement, idx, tentatives, echec_ms, echec_motif, echec_statut, renvoi)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
        params![id, mort.index, mort.tentatives, mort.echec.le_ms, mort.echec.motif.as_str(), mort.echec.statut],
    )?;
    let dropped = transaction.execute(
        "DELETE FROM echecs WHERE abonnement = ?1 AND idx IN
             (SELECT idx FROM echecs WHERE abonnement = ?1 ORDER BY idx DESC LIMIT -1 OFFSET ?2)",
        (&id, max),
    )?;
    transaction.execute("UPDATE abonnements SET perdus = perdus + ?2 WHERE id = ?1", (&id, dropped))?;
    Ok(())
}

#[cfg(test)]
mod tests;
