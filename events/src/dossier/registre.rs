//! The log itself: who operates it, and which keys govern it now.

use serde::{Deserialize, Serialize};

use crate::authority::Standing;
use crate::catalogue::Data;
use crate::catalogue::registre::read_vkey;
use crate::dossier::Recording;
use crate::ident::Organisation;
use crate::key::KeyId;
use crate::refusal::{Code, Refusal};

/// Most keys that a log ever signs its heads with: a new one each year for two centuries. The whole chain is read with
/// the state.
pub const JOURNAL_MAX: usize = 200;

/// The log: open, with the keys that govern it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registre {
    /// Who operates it.
    pub operateur: Organisation,
    /// The operator's key.
    pub cle: KeyId,
    /// The node's key.
    pub noeud: KeyId,
    /// Any two of these replace the operator's key, the log's, or one of themselves.
    pub recouvrement: [KeyId; 3],
    /// The keys that tree heads are signed with, oldest first; never empty.
    pub journal: Vec<CleJournal>,
}

/// A key of the log, as the log itself names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleJournal {
    /// The leaf that names it: heads that cover it are signed with this key, up to the next one's leaf.
    pub index: u64,
    /// The key, `name+hash+base64` (c2sp.org/signed-note).
    pub vkey: String,
    /// The Ed25519 key inside.
    pub cle: KeyId,
}

impl CleJournal {
    /// The log key that an admitted event names, at its index: the opening and each replacement. Over a whole log it
    /// gives the chain of vkeys.
    pub fn named(data: &Data, index: u64) -> Option<Self> {
        let vkey = match data {
            Data::RegistreOuvert(data) => &data.vkey,
            Data::RegistreJournalRemplace(data) => &data.vkey,
            _ => return None,
        };
        // It was read when the event was.
        let (_, cle) = read_vkey(vkey)?;
        Some(Self { index, vkey: vkey.clone(), cle })
    }

    /// Which key of a chain, oldest first, signs the head of a tree of that many leaves: the newest that the tree holds,
    /// the first for the empty tree; none for an empty chain.
    pub fn of_size(chain: &[Self], size: u64) -> Option<&Self> {
        chain.iter().rev().find(|key| key.index < size).or(chain.first())
    }
}

impl Registre {
    pub(super) fn after(before: Option<&Self>, data: &Data, at: Recording) -> Result<Self, Refusal> {
        if let Data::RegistreOuvert(opening) = data {
            if before.is_some() {
                return Err(Refusal::new(Code::RegistreDejaOuvert, "the opening is leaf 0 and no other").at("type"));
            }
            return Ok(Self {
                operateur: opening.operateur.organisation.clone(),
                cle: opening.operateur.cle,
                noeud: opening.noeud,
                recouvrement: opening.recouvrement,
                journal: CleJournal::named(data, at.index).into_iter().collect(),
            });
        }
        let Some(mut log) = before.cloned() else {
            return Err(Refusal::new(Code::RegistreFerme, "the log was never opened").at("subject"));
        };
        match data {
            Data::RegistreOperateurRemplace(data) => log.cle = data.cle,
            Data::RegistreNoeudRemplace(data) => log.noeud = data.cle,
            Data::RegistreJournalRemplace(_) if log.journal.len() >= JOURNAL_MAX => {
                let detail = format!("a log has at most {JOURNAL_MAX} keys, one after the other");
                return Err(Refusal::new(Code::LimiteAtteinte, detail).at("subject"));
            }
            Data::RegistreJournalRemplace(_) => log.journal.extend(CleJournal::named(data, at.index)),
            Data::RegistreRecouvrementRemplace(data) => {
                let Some(place) = log.recouvrement.iter_mut().find(|key| **key == data.ancienne) else {
                    let detail = format!("{} is not one of the three recovery keys", data.ancienne);
                    return Err(Refusal::new(Code::CleDejaRevoquee, detail).at("data.ancienne"));
                };
                *place = data.cle;
            }
            _ => {}
        }
        Ok(log)
    }

    /// Whether this key, once enrolled for the log itself, is still what it was: the operator's, the node's, a recovery
    /// key, or the log's own.
    pub fn standing(&self, key: &KeyId) -> Standing {
        let log_key = self.journal.last().map(|journal| journal.cle);
        if [self.cle, self.noeud].contains(key) || self.recouvrement.contains(key) || log_key == Some(*key) {
            Standing::InForce
        } else {
            Standing::Revoked
        }
    }
}
