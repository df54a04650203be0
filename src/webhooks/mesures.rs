//! Figures of the webhooks, for `GET /metrics`. Nothing in them is about anybody.
//!
//! | metric | what |
//! |---|---|
//! | `greffe_webhooks_attempts_total{outcome}` | attempts: `livre`, or why not ([`super::abonnement::Motif`]) |
//! | `greffe_webhooks_given_up_total` | messages that became dead letters |
//! | `greffe_webhooks_subscriptions{state}` | subscriptions that are `actif`, that wait to try again (`attente`), that are `suspendu` |
//! | `greffe_webhooks_dead_letters` | dead letters kept |

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::magasin::Compte;
use super::suite::Reponse;

/// The figures of one node, from its start on.
#[derive(Debug)]
pub struct Mesures {
    registry: Registry,
    attempts: Family<[(&'static str, &'static str); 1], Counter>,
    given_up: Counter,
    subscriptions: Family<[(&'static str, &'static str); 1], Gauge>,
    dead_letters: Gauge,
}

impl Default for Mesures {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("greffe_webhooks");
        let (attempts, subscriptions) = (Family::default(), Family::default());
        let (given_up, dead_letters) = (Counter::default(), Gauge::default());
        registry.register("attempts", "Attempts to deliver, by what became of them", Family::clone(&attempts));
        registry.register("given_up", "Messages that became dead letters", Counter::clone(&given_up));
        registry.register("subscriptions", "Subscriptions by state", Family::clone(&subscriptions));
        registry.register("dead_letters", "Dead letters kept", Gauge::clone(&dead_letters));
        Self { registry, attempts, given_up, subscriptions, dead_letters }
    }
}

impl Mesures {
    /// An attempt was made.
    pub fn tentative(&self, reponse: &Reponse) {
        let outcome = match reponse {
            Reponse::Livre => "livre",
            Reponse::Echec { motif, .. } => motif.as_str(),
        };
        self.attempts.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A message became a dead letter.
    pub fn abandon(&self) {
        self.given_up.inc();
    }

    /// Adds all of them to a text of figures.
    pub fn write(&self, compte: &Compte, text: &mut String) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (state, count) in [("actif", compte.actifs), ("attente", compte.attente), ("suspendu", compte.suspendus)] {
            self.subscriptions.get_or_create(&[("state", state)]).set(number(count));
        }
        self.dead_letters.set(number(compte.echecs));
        // Writing to a String can't fail.
        let _ = encode_registry(text, &self.registry);
    }
}
