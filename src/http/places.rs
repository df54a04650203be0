//! Places that organisations share, or whoever else is counted (`K`): files that come and go, streams, each of which may take long.
//!
//! Whoever holds as many as are left gets no more. So nobody takes the last ones from those who hold none: one organisation alone
//! can hold half of the places, *n* of them together *n* / (*n* + 1), and the next one still finds as many as each of them has.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greffe_events::ident::Organisation;

/// So many places.
#[derive(Debug)]
pub(super) struct Places<K: Eq + Hash = Organisation> {
    all: usize,
    of_each: usize,
    held: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash + Clone> Places<K> {
    /// All of them free.
    pub fn new(all: usize) -> Arc<Self> {
        Self::shared(all, all)
    }

    /// The same, so many for one organisation at most.
    pub fn shared(all: usize, of_each: usize) -> Arc<Self> {
        Arc::new(Self { all, of_each, held: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more for this organisation, given back when dropped.
    pub fn take(self: &Arc<Self>, organisation: &K) -> Result<Place<K>, Full> {
        let mut held = self.held();
        let free = self.all - held.values().sum::<usize>();
        let own = held.get(organisation).copied().unwrap_or(0);
        if own >= self.of_each {
            return Err(Full::OfEach);
        }
        if own >= free {
            return Err(Full::OfAll);
        }
        held.insert(organisation.clone(), own + 1);
        Ok(Place { places: Arc::clone(self), organisation: organisation.clone() })
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The organisation has as many as it may.
    OfEach,
    /// It has as many as are left.
    OfAll,
}

/// One place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<K: Eq + Hash + Clone = Organisation> {
    places: Arc<Places<K>>,
    organisation: K,
}

impl<K: Eq + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if let Some(count) = held.get_mut(&self.organisation) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.organisation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_takes_all_it_gets_leaves_as_many_to_the_next() {
        let places = Places::new(64);
        let organisations = ["urn:siren:214502494", "urn:siren:130025265", "urn:siren:214400152"];
        let mut taken: Vec<Vec<Place>> = Vec::new();
        for (before, organisation) in organisations.iter().enumerate() {
            let organisation = organisation.parse().unwrap();
            taken.push(std::iter::from_fn(|| places.take(&organisation).ok()).collect());
            assert!(taken[before].len() >= 64 >> (before + 1), "{before}: {}", taken[before].len());
        }
        assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), [32, 16, 8]);
        drop(taken);
        assert!(places.held().is_empty());
    }

    #[test]
    fn nobody_takes_more_than_one_organisation_may() {
        let places = Places::shared(10, 2);
        let [one, other]: [Organisation; 2] =
            ["urn:siren:214502494", "urn:siren:130025265"].map(|text| text.parse().unwrap());
        let held = [places.take(&one), places.take(&one), places.take(&other)].map(Result::unwrap);
        assert_eq!(places.take(&one).unwrap_err(), Full::OfEach);
        drop(held);
        assert!(places.take(&one).is_ok());
    }
}
