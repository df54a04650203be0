//! Keys that verify again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ed25519_dalek::VerifyingKey;

use super::table::{self, Table};
use super::{KeyId, Signature, verify_strict};

/// Public keys as points of the curve: reading one costs a tenth of verifying a signature, and few keys sign most events.
/// Those that sign often get a table (`table`), with which the same rule costs less.
///
/// It decides nothing: a key that is not in it is read. Shared between threads.
#[derive(Debug, Default)]
pub struct KeyCache {
    keys: RwLock<HashMap<KeyId, Arc<CachedKey>>>,
    tables: AtomicUsize,
}

#[derive(Debug)]
struct CachedKey {
    point: VerifyingKey,
    uses: AtomicUsize,
    table: OnceLock<Option<Table>>,
}

/// Most keys kept, some 250 bytes each: above, all are forgotten, so that keys made up by strangers can't grow it.
const KEYS_CACHED_MAX: usize = 20_000;

/// A table costs some fifteen verifications to make, and memory: only a key that has signed this often gets one.
const TABLE_AFTER_USES: usize = 50;

/// Most tables, 215 KB each: 27 MB. Above, all keys are forgotten; those that go on signing have theirs again soon.
const TABLES_MAX: usize = 128;

/// A signature over a message, and whose it is said to be.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Whose.
    pub key: KeyId,
    /// Over what.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

impl KeyCache {
    /// [`KeyId::verify`] of each, with the same answers; less work together than one by one.
    pub fn verify_all(&self, claims: &[Claim<'_>]) -> Vec<bool> {
        let mut are_good = vec![false; claims.len()];
        let (mut places, mut points, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
        // Those of one key in a row: its table is in the processor's cache then.
        let mut by_key: Vec<_> = claims.iter().enumerate().collect();
        by_key.sort_by_key(|(_, claim)| claim.key);
        for (place, claim) in by_key {
            let Some(cached) = self.get(&claim.key) else { continue };
            if let Some(table) = self.table(&claim.key, &cached) {
                if let Some(point) = table.point(claim.message, claim.signature) {
                    places.push(place);
                    points.push(point);
                    signatures.push(claim.signature);
                }
            } else if verify_strict(&cached.point, claim.message, claim.signature) {
                // Whoever has no key fills no table.
                cached.uses.fetch_add(1, Ordering::Relaxed);
                are_good[place] = true;
            }
        }
        for (place, is_good) in places.into_iter().zip(table::are_r(&points, &signatures)) {
            are_good[place] = is_good;
        }
        are_good
    }

    /// Where the key has signed often enough for one.
    fn table<'a>(&self, key: &KeyId, cached: &'a CachedKey) -> Option<&'a Table> {
        if cached.uses.load(Ordering::Relaxed) < TABLE_AFTER_USES {
            return None;
        }
        let make = || {
            self.make_room();
            Table::new(*key)
        };
        cached.table.get_or_init(make).as_ref()
    }

    /// For one table more.
    fn make_room(&self) {
        if self.tables.fetch_add(1, Ordering::Relaxed) >= TABLES_MAX {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).clear();
            // The one that is being made.
            self.tables.store(1, Ordering::Relaxed);
        }
    }

    fn get(&self, key: &KeyId) -> Option<Arc<CachedKey>> {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if known.is_some() {
            return known;
        }
        let point = VerifyingKey::from_bytes(&key.0).ok()?;
        let cached = Arc::new(CachedKey { point, uses: AtomicUsize::new(0), table: OnceLock::new() });
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_CACHED_MAX {
            keys.clear();
            self.tables.store(0, Ordering::Relaxed);
        }
        Some(Arc::clone(keys.entry(*key).or_insert(cached)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::key::{PublicKey, SecretKey};

    fn is_good(cache: &KeyCache, key: &KeyId, signature: &Signature) -> bool {
        cache.verify_all(&[Claim { key: *key, message: b"x", signature }]) == [true]
    }

    #[test]
    fn a_cached_key_answers_the_same_before_and_after_its_table() {
        let (cache, key) = (KeyCache::default(), SecretKey::from_seed(&[3; 32]));
        let (good, bad) = (key.sign(b"x"), key.sign(b"y"));
        for use_number in 0..TABLE_AFTER_USES + 10 {
            assert!(is_good(&cache, &key.id(), &good), "use {use_number}");
            assert!(!is_good(&cache, &key.id(), &bad), "use {use_number}");
        }
        assert!(cache.keys.read().unwrap()[&key.id()].table.get().is_some_and(Option::is_some), "it has its table");
    }

    /// Each has its own answer: keys with a table and without, good and bad, what is no point, no canonical S, an R of small order.
    #[test]
    fn signatures_verified_together_are_judged_one_by_one() {
        let keys: Vec<_> = (1..=6).map(|seed| SecretKey::from_seed(&[seed; 32])).collect();
        let cache = KeyCache::default();
        for key in &keys[..3] {
            let signature = key.sign(b"x");
            for _ in 0..TABLE_AFTER_USES {
                assert!(is_good(&cache, &key.id(), &signature));
            }
        }
        let no_point = KeyId([2; 32]);
        assert!(!no_point.verify(b"x", &keys[0].sign(b"x")) && PublicKey::check(no_point).is_err());
        let (mut unreduced, mut small) = (keys[0].sign(b"m1"), keys[1].sign(b"m2"));
        unreduced.0[32..].fill(0xff);
        small.0[..32].copy_from_slice(&curve25519_dalek::constants::EIGHT_TORSION[0].compress().0);
        let mut cases = vec![(no_point, "m0".to_owned(), keys[0].sign(b"m0"))];
        cases.extend([(keys[0].id(), "m1".to_owned(), unreduced), (keys[1].id(), "m2".to_owned(), small)]);
        for at in 3..40_usize {
            let (key, message) = (&keys[at % keys.len()], format!("m{at}"));
            let signed = if at % 5 == 0 { "another".to_owned() } else { message.clone() };
            cases.push((key.id(), message, key.sign(signed.as_bytes())));
        }
        let claims: Vec<_> = cases
            .iter()
            .map(|(key, message, signature)| Claim { key: *key, message: message.as_bytes(), signature })
            .collect();
        let alone: Vec<_> =
            cases.iter().map(|(key, message, signature)| key.verify(message.as_bytes(), signature)).collect();
        assert_eq!(cache.verify_all(&claims), alone);
        assert_eq!(alone.iter().filter(|is_good| **is_good).count(), 30);
        assert!(cache.verify_all(&[]).is_empty());
    }
}
