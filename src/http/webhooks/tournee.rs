//! Whose turn it is: one task that starts a step for each subscription that has something to say, and learns where it is afterwards.
//!
//! ```text
//! head, retry times, requests ──► Tournee::prochain ──► pas: look (etape) ─► send ─► store what became of it
//!                                        ▲                                              │
//!                                        └────────────── where it is now ◄──────────────┘
//! ```
//!
//! One step of a subscription is under way at a time; at most `PAS_MAX` in all and [`LIVRAISONS_OF_EACH_MAX`] of one organisation; those that send
//! need places for that too (`etape`). Of those
//! whose turn it may be, the one that waited longest goes first. What is sent runs on a thread of its own: a node that stops does not wait for the world, and
//! a message whose answer was not stored is sent again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use greffe_events::ident::Organisation;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::Node;
use super::super::fil::recentes::Suiveur;
use super::super::problem::Problem;
use super::etape::{Bilan, pas};
use super::operateur::oublier_les_sortis;
use crate::webhooks::magasin::Actif;
use crate::webhooks::suite::Reponse;
use crate::webhooks::{LIVRAISONS_MAX, LIVRAISONS_OF_EACH_MAX, Options, Webhooks, WebhooksError};

/// How long a subscription rests after it found nothing to say: what a busy log records meanwhile is looked through together.
const REPOS: Duration = Duration::from_millis(250);
/// How long it waits where the node itself could not go on: its log says why. Twice as long each time, [`PANNES_MAX`] times.
const PANNE: Duration = Duration::from_secs(10);
/// Some forty minutes: what was sent and could not be noted is sent again then.
const PANNES_MAX: u32 = 8;
/// Steps under way at once: those that send, and as many that look.
const PAS_MAX: usize = 2 * LIVRAISONS_MAX;
/// Longest wait for those under way when the node stops: most have been answered by then.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);

/// A subscription that sends.
#[derive(Debug)]
struct Suivi {
    organisation: Organisation,
    position: u64,
    quand: Instant,
    renvois: bool,
    en_vol: bool,
    /// Asked for something while a step was under way: what that step says is not all.
    perime: bool,
    /// When it last had its turn.
    tour: u64,
    /// How often in a row the node could not go on.
    pannes: u32,
}

impl Suivi {
    fn has_something(&self, size: u64) -> bool {
        !self.en_vol && (self.position < size || self.renvois)
    }
}

#[derive(Debug, Default)]
struct Tournee {
    suivis: HashMap<Uuid, Suivi>,
    tours: u64,
}

impl Tournee {
    /// Takes the subscriptions as they are kept now; what is under way goes on.
    fn recharger(&mut self, actifs: Vec<Actif>, options: &Options, now_ms: u64) {
        let mut suivis = HashMap::new();
        for actif in actifs {
            let known = self.suivis.remove(&actif.id);
            // A clock that was set back must not hold a message back for longer than its own wait.
            let most = options.delais.iter().max().copied().unwrap_or_default();
            let most = most.max(options.retry_after) * 2;
            let wait = Duration::from_millis(actif.prochaine_ms.unwrap_or(0).saturating_sub(now_ms)).min(most);
            let en_vol = known.as_ref().is_some_and(|known| known.en_vol);
            let pannes = known.as_ref().map_or(0, |known| known.pannes);
            // What the node itself has to wait for, it waits for whatever is asked.
            let since = known.as_ref().filter(|_| pannes > 0).map_or_else(Instant::now, |known| known.quand);
            suivis.insert(
                actif.id,
                Suivi {
                    organisation: actif.organisation,
                    position: actif.position,
                    quand: since.max(Instant::now() + wait),
                    renvois: actif.renvois,
                    en_vol,
                    perime: en_vol,
                    tour: known.map_or(self.tours, |known| known.tour),
                    pannes,
                },
            );
        }
        // Those that are no more end by themselves, and are then not known.
        self.suivis = suivis;
    }

    /// Those that have something to say, and a place.
    fn candidats(&self, size: u64) -> Vec<(Uuid, &Suivi)> {
        let mut under_way: HashMap<&Organisation, usize> = HashMap::new();
        for suivi in self.suivis.values().filter(|suivi| suivi.en_vol) {
            *under_way.entry(&suivi.organisation).or_default() += 1;
        }
        if under_way.values().sum::<usize>() >= PAS_MAX {
            return Vec::new();
        }
        let has_place =
            |suivi: &Suivi| under_way.get(&suivi.organisation).is_none_or(|count| *count < LIVRAISONS_OF_EACH_MAX);
        let candidats = self.suivis.iter().filter(|(_, suivi)| suivi.has_something(size) && has_place(suivi));
        candidats.map(|(id, suivi)| (*id, suivi)).collect()
    }

    /// Whose turn it is, if it is somebody's.
    fn prochain(&mut self, size: u64) -> Option<Uuid> {
        let now = Instant::now();
        let candidats = self.candidats(size).into_iter().filter(|(_, suivi)| suivi.quand <= now);
        let id = candidats.min_by_key(|(_, suivi)| suivi.tour).map(|(id, _)| id)?;
        let suivi = self.suivis.get_mut(&id)?;
        self.tours += 1;
        (suivi.en_vol, suivi.tour) = (true, self.tours);
        Some(id)
    }

    /// When the next one may have its turn, where nothing else happens before.
    fn reveil(&self, size: u64) -> Option<Instant> {
        self.candidats(size).iter().map(|(_, suivi)| suivi.quand).min()
    }

    /// Notes where a subscription is; whether subscriptions have to be read again.
    fn noter(&mut self, id: Uuid, bilan: &Bilan) -> bool {
        let Some(suivi) = self.suivis.get_mut(&id) else { return false };
        suivi.en_vol = false;
        let is_stale = suivi.perime;
        match bilan {
            Bilan::Fini => {
                self.suivis.remove(&id);
            }
            Bilan::Suite { position, attente, renvois } => {
                suivi.position = *position;
                suivi.renvois = *renvois;
                suivi.quand = Instant::now() + attente.unwrap_or_default();
            }
            Bilan::Rien { position } => {
                suivi.position = *position;
                suivi.renvois = false;
                suivi.quand = Instant::now() + REPOS;
            }
            Bilan::Panne => suivi.quand = Instant::now() + PANNE * (1 << suivi.pannes.min(PANNES_MAX)),
        }
        if let Some(suivi) = self.suivis.get_mut(&id) {
            suivi.pannes = if matches!(bilan, Bilan::Panne) { suivi.pannes + 1 } else { 0 };
        }
        is_stale
    }
}

/// Tells subscriptions what is recorded, until the other end of `stopped` is dropped.
pub(in super::super) async fn tourner(node: Node, mut stopped: watch::Receiver<()>) {
    let webhooks = Arc::clone(&node.app().webhooks);
    let mut head = node.app().ledger.subscribe();
    let mut tournee = Tournee::default();
    let mut vols: JoinSet<(Uuid, Bilan)> = JoinSet::new();
    let mut suiveur: Option<Suiveur> = None;
    let (mut is_stale, mut retry) = (true, None);
    let size = head.borrow().size;
    let begun = node.blocking(move |app| {
        let ahead = app.webhooks.magasin().borner(size)?;
        if ahead > 0 {
            tracing::warn!(ahead, "webhooks were ahead of the log: they go on at its end");
        }
        oublier_les_sortis(app)
    });
    // Told by the problem itself; what is kept is read below.
    let _ = begun.await;
    loop {
        if std::mem::take(&mut is_stale) {
            match node.blocking(|app| Ok(app.webhooks.magasin().actifs()?)).await {
                Ok(actifs) => {
                    tournee.recharger(actifs, webhooks.options(), node.app().ledger.now_ms());
                    retry = None;
                }
                // The node's log says why.
                Err(_) => retry = Some(Instant::now() + PANNE),
            }
        }
        // While nobody subscribes, nothing is made ready.
        if tournee.suivis.is_empty() {
            suiveur = None;
        } else if suiveur.is_none() {
            suiveur = Some(Suiveur::new(&node));
        }
        let size = head.borrow_and_update().size;
        while let Some(id) = tournee.prochain(size) {
            let node = node.clone();
            vols.spawn(async move {
                let bilan = pas(&node, id).await.unwrap_or(Bilan::Panne);
                (id, bilan)
            });
        }
        let reveil = retry.into_iter().chain(tournee.reveil(size)).min();
        tokio::select! {
            Some(done) = vols.join_next(), if !vols.is_empty() => match done {
                Ok((id, bilan)) => is_stale |= tournee.noter(id, &bilan),
                Err(error) => {
                    // A step that panicked: what it was is not known, so all are read again.
                    tracing::error!(%error, "a step of a webhook ended badly");
                    tournee.suivis.clear();
                    is_stale = true;
                }
            },
            changed = head.changed() => if changed.is_err() {
                break;
            },
            () = webhooks.reveil() => is_stale = true,
            () = tokio::time::sleep_until(reveil.unwrap_or_else(Instant::now)), if reveil.is_some() => {
                is_stale = retry.is_some_and(|retry| retry <= Instant::now());
            }
            _ = stopped.changed() => break,
        }
    }
    // What has been answered is stored; the rest is sent again.
    let rest = async { while vols.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_WAIT_MAX, rest).await;
}

/// Sends one message from a thread that may block, which holds its places until it ends.
pub(super) async fn envoyer(
    webhooks: Arc<Webhooks>,
    url: String,
    id: String,
    payload: Vec<u8>,
    places: impl Send + 'static,
) -> Result<Reponse, Problem> {
    let (told, answer) = oneshot::channel::<Result<Reponse, WebhooksError>>();
    let thread = std::thread::Builder::new().name("webhook".to_owned()).spawn(move || {
        // Told or not, it was sent.
        let answer = webhooks.envoyer(&url, &id, &payload);
        drop(places);
        let _ = told.send(answer);
    });
    thread.map_err(|error| Problem::internal(&error))?;
    Ok(answer.await.map_err(|error| Problem::internal(&error))??)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn suivi(organisation: &str) -> Suivi {
        let organisation = organisation.parse().unwrap();
        Suivi {
            organisation,
            position: 3,
            quand: Instant::now(),
            renvois: false,
            en_vol: false,
            perime: false,
            tour: 0,
            pannes: 0,
        }
    }

    #[tokio::test]
    async fn turns_are_taken_and_no_organisation_takes_all_places() {
        let mut tournee = Tournee::default();
        let mut add = |organisation: &str, count: u64| -> Vec<Uuid> {
            let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
            for id in &ids {
                tournee.suivis.insert(*id, suivi(organisation));
            }
            ids
        };
        let greedy = add("urn:siren:214502494", 10);
        let [other] = add("urn:siren:210703385", 1)[..] else { panic!() };
        assert_eq!(tournee.prochain(3), None, "there is nothing new");
        let taken: Vec<Uuid> = std::iter::from_fn(|| tournee.prochain(4)).collect();
        assert_eq!(taken.len(), LIVRAISONS_OF_EACH_MAX + 1);
        assert!(taken.contains(&other));
        let served = *taken.iter().find(|id| greedy.contains(id)).unwrap();
        tournee.noter(served, &Bilan::Suite { position: 3, attente: None, renvois: false });
        let next = tournee.prochain(4).unwrap();
        assert!(!taken.contains(&next), "those who waited longer go first");
        tournee.noter(other, &Bilan::Suite { position: 3, attente: Some(Duration::from_mins(1)), renvois: false });
        assert_eq!(tournee.prochain(4), None);
        assert!(tournee.reveil(4).unwrap() <= Instant::now() + Duration::from_mins(1));
        for n in 0..PAS_MAX as u64 + 5 {
            tournee.suivis.insert(Uuid::now_v7(), suivi(&format!("urn:iso6523:0060:{n:09}")));
        }
        while tournee.prochain(4).is_some() {}
        assert_eq!(tournee.suivis.values().filter(|suivi| suivi.en_vol).count(), PAS_MAX);
    }

    #[tokio::test]
    async fn a_node_that_can_not_go_on_rests_longer_each_time_whatever_is_asked_and_begins_anew_afterwards() {
        let mut tournee = Tournee::default();
        let id = Uuid::now_v7();
        tournee.suivis.insert(id, suivi("urn:siren:214502494"));
        let actif = || Actif {
            id,
            organisation: "urn:siren:214502494".parse().unwrap(),
            position: 3,
            prochaine_ms: None,
            renvois: false,
        };
        let is_over = |tournee: &mut Tournee| tournee.suivis.get_mut(&id).unwrap().quand = Instant::now();
        for times in [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256] {
            assert_eq!(tournee.prochain(4), Some(id));
            tournee.noter(id, &Bilan::Panne);
            // Resumed meanwhile, say: the node's own trouble is no shorter for it.
            tournee.recharger(vec![actif()], &Options::default(), 0);
            assert_eq!(tournee.prochain(4), None);
            let rest = tournee.reveil(4).unwrap() - Instant::now();
            assert!(rest <= PANNE * times && rest + Duration::from_secs(2) > PANNE * times, "{rest:?}");
            is_over(&mut tournee);
        }
        assert_eq!(tournee.prochain(4), Some(id));
        tournee.noter(id, &Bilan::Suite { position: 3, attente: None, renvois: false });
        assert_eq!(tournee.prochain(4), Some(id), "it goes on at once");
        tournee.noter(id, &Bilan::Panne);
        assert!(tournee.reveil(4).unwrap() <= Instant::now() + PANNE, "the first pause is the shortest again");
    }
}
