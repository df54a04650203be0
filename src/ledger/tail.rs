//! The end of the log in memory: what this node wrote last, with what was read of it, until its readers have taken it.
//!
//! ```text
//! sequencer ── store.append ──► Tail::push ──► TailReader::read ──► views
//!                                              └─ not here: the store is read
//! ```
//!
//! A leaf is here only once it is durable. Leaves are dropped by the reader that takes them last, not by the sequencer, which has
//! better things to do; a quiet node holds none. A reader that fell behind what is kept holds nothing back: it reads the
//! store until it has come up. What other nodes wrote is never here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greffe_events::Recorded;

/// Most leaves kept: about what a busy node writes while its views rest. With what was read of them, some 4 KiB each.
const LEAVES_MAX: usize = 4_096;

/// Most bytes of leaves kept; what was read of them is about twice as much again.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Leaves that follow each other, written together.
pub type Batch = Arc<[Arc<Recorded>]>;

/// The newest leaves of this node.
#[derive(Debug, Default)]
pub struct Tail {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each follows on from the one before; none is empty.
    batches: VecDeque<Batch>,
    leaves: usize,
    bytes: usize,
    /// How far each reader has read: the index of the leaf that it wants next.
    readers: BTreeMap<u64, u64>,
    next_reader: u64,
}

impl Tail {
    /// Somebody who follows the log, and for whom leaves are kept from now on.
    pub fn reader(self: &Arc<Self>) -> TailReader {
        let mut kept = self.lock();
        let id = kept.next_reader;
        kept.next_reader += 1;
        kept.readers.insert(id, 0);
        TailReader { tail: Arc::clone(self), id }
    }

    /// Takes leaves that are durable. Where they don't follow on from those kept, these are dropped: nothing has a gap.
    pub fn push(&self, batch: &Batch) {
        // Dropped after the lock.
        let mut spent = Vec::new();
        let mut kept = self.lock();
        if batch.is_empty() || kept.readers.is_empty() {
            return;
        }
        if kept.batches.back().is_some_and(|last| end(last) != first(batch)) {
            spent = kept.take(usize::MAX);
        }
        kept.leaves += batch.len();
        kept.bytes += bytes(batch);
        kept.batches.push_back(Arc::clone(batch));
        while kept.leaves > LEAVES_MAX || kept.bytes > BYTES_MAX {
            spent.extend(kept.take(1));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The batches that hold `max` leaves from `from` on, as far as they are kept; none where the first of these is not.
    fn from(&self, from: u64, max: usize) -> Vec<Batch> {
        if self.batches.front().is_none_or(|oldest| from < first(oldest)) {
            return Vec::new();
        }
        let at = self.batches.partition_point(|batch| end(batch) <= from);
        let to = from.saturating_add(max as u64);
        self.batches.range(at..).take_while(|batch| first(batch) < to).cloned().collect()
    }

    /// Takes out the batches that nobody wants any more, now that this reader wants `next`.
    fn has_read(&mut self, reader: u64, next: u64) -> Vec<Batch> {
        self.readers.insert(reader, next);
        let Some(oldest) = self.batches.front().map(first) else { return Vec::new() };
        let waited_for = self.readers.values().filter(|next| **next >= oldest).min().copied();
        self.take(waited_for.map_or(0, |next| self.batches.partition_point(|batch| end(batch) <= next)))
    }

    /// Takes out the oldest ones, this many at most.
    fn take(&mut self, count: usize) -> Vec<Batch> {
        let taken: Vec<_> = self.batches.drain(..count.min(self.batches.len())).collect();
        self.leaves -= taken.iter().map(|batch| batch.len()).sum::<usize>();
        self.bytes -= taken.iter().map(bytes).sum::<usize>();
        taken
    }
}

/// One that follows the log. A clone is another one.
#[derive(Debug)]
pub struct TailReader {
    tail: Arc<Tail>,
    id: u64,
}

impl TailReader {
    /// Consecutive leaves from index `from`, at most `max`: from here, or those that `stored` reads where the first of them is
    /// not here. Whoever has them wants none before their end again, or reads these from the store.
    pub fn read<E>(
        &self,
        from: u64,
        max: usize,
        stored: impl FnOnce(u64, usize) -> Result<Vec<Arc<Recorded>>, E>,
    ) -> Result<Vec<Arc<Recorded>>, E> {
        let batches = self.tail.lock().from(from, max);
        let kept = batches.iter().flat_map(|batch| batch.iter()).skip_while(|leaf| leaf.index() < from);
        let mut leaves: Vec<_> = kept.take(max).cloned().collect();
        if leaves.is_empty() {
            leaves = stored(from, max)?;
        }
        let spent = self.tail.lock().has_read(self.id, from + leaves.len() as u64);
        drop(spent);
        Ok(leaves)
    }
}

impl Clone for TailReader {
    fn clone(&self) -> Self {
        self.tail.reader()
    }
}

impl Drop for TailReader {
    fn drop(&mut self) {
        let mut kept = self.tail.lock();
        kept.readers.remove(&self.id);
        let spent = if kept.readers.is_empty() { kept.take(usize::MAX) } else { Vec::new() };
        drop(kept);
        drop(spent);
    }
}

fn first(batch: &Batch) -> u64 {
    batch.first().map_or(0, |leaf| leaf.index())
}

fn end(batch: &Batch) -> u64 {
    batch.last().map_or(0, |leaf| leaf.index() + 1)
}

fn bytes(batch: &Batch) -> usize {
    batch.iter().map(|leaf| leaf.bytes().len()).sum()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::ops::Range;

    use super::*;

    fn batch(indices: Range<u64>, size: usize) -> Batch {
        indices.map(|index| Arc::new(Recorded::new(index, vec![0; size]))).collect()
    }

    /// Reads; the indices, and whether they came from the store.
    fn read(reader: &TailReader, from: u64, max: usize) -> (Vec<u64>, bool) {
        let mut is_stored = false;
        let leaves = reader.read(from, max, |from, _| {
            is_stored = true;
            Ok::<_, Infallible>(batch(from..from + 1, 1).to_vec())
        });
        let Ok(leaves) = leaves;
        (leaves.iter().map(|leaf| leaf.index()).collect(), is_stored)
    }

    fn held(tail: &Tail) -> (usize, usize, usize) {
        let kept = tail.lock();
        assert_eq!(kept.leaves, kept.batches.iter().map(|batch| batch.len()).sum::<usize>());
        assert_eq!(kept.bytes, kept.batches.iter().map(bytes).sum::<usize>());
        (kept.batches.len(), kept.leaves, kept.bytes)
    }

    #[test]
    fn leaves_are_kept_until_every_reader_took_them() {
        let tail = Arc::new(Tail::default());
        tail.push(&batch(0..5, 1));
        assert_eq!(held(&tail), (0, 0, 0), "nobody reads");
        let (one, other) = (tail.reader(), tail.reader());
        for reader in [&one, &other] {
            assert_eq!(read(reader, 4, 10), (vec![4], true), "what was written before is read from the store");
        }
        for indices in [5..8, 8..9, 9..12] {
            tail.push(&batch(indices, 1));
        }
        assert_eq!(read(&one, 5, 2), (vec![5, 6], false));
        assert_eq!(read(&one, 7, 3), (vec![7, 8, 9], false), "across batches");
        assert_eq!(held(&tail).1, 7, "the other one has read nothing yet");
        assert_eq!(read(&other, 5, 100), ((5..12).collect(), false));
        assert_eq!(held(&tail), (1, 3, 3), "the first is within the last batch");
        assert_eq!(read(&other, 12, 100), (vec![12], true), "beyond the end");
        assert_eq!(read(&one, 8, 1), (vec![8], true), "before the first");
        assert_eq!(read(&one, 9, 100), (vec![9, 10, 11], false));
        assert_eq!(held(&tail), (0, 0, 0), "and nothing is kept that all have read");
    }

    #[test]
    fn a_reader_that_is_behind_or_gone_holds_nothing_back() {
        let tail = Arc::new(Tail::default());
        let (slow, fast) = (tail.reader(), tail.reader());
        assert_eq!(read(&fast, 9, 1), (vec![9], true));
        tail.push(&batch(10..20, 1));
        assert_eq!(read(&fast, 10, 100).0.len(), 10);
        assert_eq!(held(&tail).0, 0, "the slow one is at 0");
        assert_eq!(read(&slow, 19, 1), (vec![19], true));
        tail.push(&batch(20..30, 1));
        assert_eq!(read(&fast, 20, 100).0.len(), 10);
        assert_eq!(held(&tail).1, 10, "now it has come up");
        drop(fast);
        assert_eq!(read(&slow.clone(), 20, 1), (vec![20], false));
        assert_eq!(held(&tail).1, 10);
        drop(slow);
        assert_eq!(held(&tail), (0, 0, 0));
    }

    #[test]
    fn what_is_kept_is_bounded_and_has_no_gap() {
        let tail = Arc::new(Tail::default());
        let reader = tail.reader();
        for at in 0..20_u64 {
            tail.push(&batch(at * 1_000..(at + 1) * 1_000, 10));
        }
        let (_, leaves, _) = held(&tail);
        assert!((LEAVES_MAX - 1_000..=LEAVES_MAX).contains(&leaves), "{leaves}");
        let oldest = 20_000 - leaves as u64;
        assert_eq!(read(&reader, oldest - 1, 2), (vec![oldest - 1], true));
        assert_eq!(read(&reader, oldest, 2), (vec![oldest, oldest + 1], false));
        // Leaf 20,000 is another node's.
        tail.push(&batch(20_001..20_003, 10));
        assert_eq!(held(&tail), (1, 2, 20));
        assert_eq!(read(&reader, 19_999, 2), (vec![19_999], true));
        assert_eq!(read(&reader, 20_001, 9), (vec![20_001, 20_002], false));
        for at in 0..40 {
            tail.push(&batch(30_000 + at * 10..30_010 + at * 10, 60_000));
            assert!(held(&tail).2 <= BYTES_MAX);
        }
        assert!(held(&tail).2 > BYTES_MAX - 600_000);
    }
}
