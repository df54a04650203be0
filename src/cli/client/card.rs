//! What a node says of the log that it keeps, and how one word of it follows another.

use anyhow::{Context, bail};
use greffe_events::ident::Origin;
use serde::Deserialize;

use super::read_text;

/// `/.well-known/greffe.json`: which log, and its keys, oldest first.
#[derive(Debug, Deserialize)]
pub struct Card {
    /// The log's name, for ever.
    pub origin: Origin,
    /// The key in use.
    pub vkey: String,
    #[serde(default)]
    journal: Vec<LogKey>,
}

/// One of the log's keys, and the leaf that names it, as the node says.
#[derive(Debug, PartialEq, Deserialize)]
struct LogKey {
    index: u64,
    vkey: String,
}

impl Card {
    /// Whether it names this key, in use or replaced.
    pub fn names(&self, vkey: &str) -> bool {
        self.vkey == vkey || self.journal.iter().any(|key| key.vkey == vkey)
    }

    /// Whether it is of the log of an earlier card, whose keys it goes on from: none is forgotten, none is put in between.
    pub fn continues(&self, earlier: &Self) -> bool {
        let key_in_use = self.journal.last().map(|key| &key.vkey);
        self.origin == earlier.origin
            && key_in_use == Some(&self.vkey)
            && self.journal.len() > earlier.journal.len()
            && self.journal.starts_with(&earlier.journal)
            && self.names(&earlier.vkey)
    }
}

/// Asks a node for its card.
pub fn read_card(agent: &ureq::Agent, url: &str) -> anyhow::Result<Card> {
    // Past any cache in between: the log's key may have changed a moment ago.
    let mut answer =
        agent.get(format!("{url}/.well-known/greffe.json")).header("Cache-Control", "no-cache").call().with_context(
            || match url.strip_prefix("https://") {
                Some(rest) => format!("le nœud {url} ne répond pas en https (sinon : http://{rest})"),
                None => format!("le nœud {url} ne répond pas"),
            },
        )?;
    if answer.status() != 200 {
        bail!("{url} répond {} : ce n'est pas un nœud Greffe", answer.status());
    }
    serde_json::from_str(&read_text(&mut answer)?).with_context(|| format!("{url} n'est pas un nœud Greffe"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn card(origin: &str, keys: &[&str]) -> Card {
        let journal: Vec<_> = keys.iter().enumerate().map(|(index, vkey)| (index as u64 * 10, *vkey)).collect();
        let journal = journal.into_iter().map(|(index, vkey)| LogKey { index, vkey: vkey.to_owned() }).collect();
        Card { origin: origin.parse().unwrap(), vkey: (*keys.last().unwrap()).to_owned(), journal }
    }

    #[test]
    fn a_card_follows_another_only_if_it_goes_on_from_its_keys() {
        let earlier = card("a.example", &["k1", "k2"]);
        assert!(card("a.example", &["k1", "k2", "k3"]).continues(&earlier));
        assert!(card("a.example", &["k1", "k2", "k3", "k4"]).continues(&earlier));
        for (what, other) in [
            ("the same", card("a.example", &["k1", "k2"])),
            ("of another log", card("b.example", &["k1", "k2", "k3"])),
            ("without the earlier key", card("a.example", &["k1", "k9", "k3"])),
            ("shorter", card("a.example", &["k1"])),
            ("with a key before", card("a.example", &["k0", "k1", "k2", "k3"])),
            (
                "whose key in use is not the last",
                Card { vkey: "k9".to_owned(), ..card("a.example", &["k1", "k2", "k3"]) },
            ),
        ] {
            assert!(!other.continues(&earlier), "{what}");
        }
    }
}
