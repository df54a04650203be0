//! Webhooks: the node tells an address of a member that something was recorded which the member may read.
//!
//! ```text
//! POST /v1/webhooks ──► webhooks.sqlite ──► http::webhooks::tournee ──► facteur ──► https://…   POST, signed
//!                        (magasin)           (whose turn, what is next,    (connects to public
//!                            ▲                may it be read)               addresses only)
//!                            └────────────── suite: what the answer means ◄──┘
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`abonnement`] | a subscription and where it is |
//! | [`magasin`] | the file that keeps subscriptions and dead letters |
//! | [`suite`] | pure: what an answer means for a subscription, and when it is tried again |
//! | [`message`] | what is sent: payload, signature, keys |
//! | [`adresse`] | which addresses are spoken to |
//! | [`autorites`] | whose certificates are believed, where not the public authorities' |
//! | [`facteur`] | one attempt over HTTP |
//! | [`mesures`] | figures |
//!
//! Who may read what, and which leaf comes next, is not here: `http::webhooks` asks the feed's own decision.
//!
//! **Local, never in the log.** A subscription says where a member's software listens: it concerns this node, it changes, it is deleted. It stands in no view
//! either, because nothing of it could be derived again.
//!
//! **At least once, in order.** A subscription's position moves in the same transaction that stores what became of the message before it, so that a
//! process killed at any instant sends the last message again and skips none. One message of a subscription is under way at a time: one that fails
//! holds back those behind it, of that subscription alone, until it is delivered or becomes a dead letter.
//!
//! **Thin.** An address is no reader: what is sent says that a leaf was recorded, of which type, source and dossier, and nothing of its content. Whoever
//! receives it asks for the event with its own token.
//!
//! **A key of its own** (`cles/webhooks.pem`), not one of the two that the log names: what those sign is evidence, looked at for decades, and the bytes of a
//! webhook hold words of whoever deposited an event. This one may be lost, replaced or stolen without a word in the log: whoever has it can send
//! announcements, which lead to nothing that the log does not hold.

pub mod abonnement;
pub mod adresse;
pub mod autorites;
pub mod facteur;
pub mod magasin;
pub mod message;
pub mod mesures;
pub mod suite;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::sync::Notify;

use self::adresse::Portee;
use self::autorites::Autorites;
use self::facteur::Facteur;
use self::magasin::Magasin;
use self::message::Cles;
use self::mesures::Mesures;
use self::suite::Reponse;
use crate::ledger::folder::{Folder, FolderError};

/// Subscriptions of one organisation: its programs, and a gateway's.
pub const PAR_ORGANISME_MAX: u32 = 16;
/// Subscriptions of one node: each costs a look at every new leaf.
pub const PAR_NOEUD_MAX: u32 = 1_000;
/// Dead letters of one subscription; the oldest go, and are counted.
pub const ECHECS_MAX: u32 = 1_000;
/// Longest address, in bytes: what every proxy and log takes.
pub const URL_BYTES_MAX: usize = 2_000;
/// Deliveries under way at once: each holds a thread for [`REPONSE_MAX`] at most.
pub const LIVRAISONS_MAX: usize = 32;
/// Deliveries of one organisation under way at once, so that its slow addresses leave places to the others.
pub const LIVRAISONS_OF_EACH_MAX: usize = 4;
/// Deliveries under way at once to one host and port: an editor whose server hangs holds up nobody else, however many communes it serves.
pub const LIVRAISONS_TO_EACH_MAX: usize = 8;
/// Longest wait for a connection.
pub const CONNEXION_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the head of an answer, connection included (Standard Webhooks: 15 to 30 s).
pub const REPONSE_MAX: Duration = Duration::from_secs(20);
/// Longest wait that an answer may ask for (`Retry-After`).
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// How long an address fails before it is spoken to no more, unless asked again.
pub const SUSPENSION_APRES: Duration = Duration::from_hours(5 * 24);

/// Waits between the attempts of one message: the schedule that Standard Webhooks 1.0.0 suggests, ten attempts within some 76 hours.
pub const DELAIS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// What may be set. Tests shorten the waits.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which addresses are spoken to.
    pub portee: Portee,
    /// Whose certificates are believed, in the place of the public authorities.
    pub autorites: Option<Autorites>,
    /// Waits between the attempts of one message; one attempt more than there are waits.
    pub delais: Vec<Duration>,
    /// How long an address fails before it is spoken to no more.
    pub suspension: Duration,
    /// Longest wait for an answer.
    pub reponse: Duration,
    /// Longest wait that an answer may ask for.
    pub retry_after: Duration,
    /// Dead letters of one subscription.
    pub echecs: u32,
    /// Subscriptions of one organisation.
    pub par_organisme: u32,
    /// Subscriptions of the node.
    pub par_noeud: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            portee: Portee::default(),
            autorites: None,
            delais: DELAIS.to_vec(),
            suspension: SUSPENSION_APRES,
            reponse: REPONSE_MAX,
            retry_after: RETRY_AFTER_MAX,
            echecs: ECHECS_MAX,
            par_organisme: PAR_ORGANISME_MAX,
            par_noeud: PAR_NOEUD_MAX,
        }
    }
}

/// Why webhooks can't be kept or signed.
#[derive(Debug, Error)]
pub enum WebhooksError {
    /// The file could not be made.
    #[error("webhooks.sqlite: {0}")]
    Io(#[from] std::io::Error),
    /// SQLite refused, or the file holds something else.
    #[error("webhooks.sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Another version of this program made the file.
    #[error("webhooks.sqlite has format {found}; this version reads format {known} only")]
    Version {
        /// Its `user_version`.
        found: u32,
        /// The only one this code knows.
        known: u32,
    },
    /// A key can't be made.
    #[error("cles/webhooks.pem: {0}")]
    Key(#[from] greffe_events::key::KeyError),
    /// A key can't be read or kept.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The webhooks of one node.
#[derive(Debug)]
pub struct Webhooks {
    folder: Folder,
    options: Options,
    magasin: Magasin,
    facteur: Facteur,
    mesures: Mesures,
    /// Made with the first subscription.
    cles: Mutex<Option<Arc<Cles>>>,
    /// Told where a subscription was made, resumed or deleted, or a dead letter asked for.
    reveil: Notify,
}

impl Webhooks {
    /// Opens those of a folder.
    pub fn open(folder: &Folder, options: Options) -> Result<Self, WebhooksError> {
        let magasin = Magasin::open(&folder.webhooks())?;
        let facteur = Facteur::new(&options);
        let webhooks = Self {
            folder: folder.clone(),
            options,
            magasin,
            facteur,
            mesures: Mesures::default(),
            cles: Mutex::default(),
            reveil: Notify::new(),
        };
        // Of a rotation that began by moving the key away, the next one is made here.
        if folder.webhooks_key().exists() || webhooks.magasin.compte()?.actifs > 0 {
            webhooks.cles()?;
        }
        Ok(webhooks)
    }

    /// What was set.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Subscriptions and dead letters.
    pub fn magasin(&self) -> &Magasin {
        &self.magasin
    }

    /// Figures.
    pub fn mesures(&self) -> &Mesures {
        &self.mesures
    }

    /// The keys that sign, made where there is none.
    pub fn cles(&self) -> Result<Arc<Cles>, WebhooksError> {
        let mut cles = self.cles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cles) = &*cles {
            return Ok(Arc::clone(cles));
        }
        Ok(Arc::clone(cles.insert(Arc::new(Cles::open_or_create(&self.folder)?))))
    }

    /// The public keys, the one in use first; none before the first subscription.
    pub fn cles_publiques(&self) -> Vec<String> {
        let cles = self.cles.lock().unwrap_or_else(PoisonError::into_inner);
        cles.as_ref().map(|cles| cles.publiques()).unwrap_or_default()
    }

    /// Has the deliverer look again at what there is to do.
    pub fn reveiller(&self) {
        self.reveil.notify_one();
    }

    /// Done when there is something to look at again.
    pub async fn reveil(&self) {
        self.reveil.notified().await;
    }

    /// One attempt, signed now. Blocks for [`Options::reponse`] at most.
    pub fn envoyer(&self, url: &str, id: &str, payload: &[u8]) -> Result<Reponse, WebhooksError> {
        let cles = self.cles()?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let reponse = self.facteur.envoyer(url, &cles.signe(id, now_s, payload), payload);
        self.mesures.tentative(&reponse);
        Ok(reponse)
    }
}
