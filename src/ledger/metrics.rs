//! Figures of the write path, for whoever operates the node (`GET /metrics`).
//!
//! Names after the conventions of Prometheus and OpenMetrics: prefix `greffe_`, base units, `_total` for counters. Every label has a
//! bounded set of values (stages, stable codes); none names a person, an organisation, a key, a dossier or a path.
//!
//! | metric | what |
//! |---|---|
//! | `greffe_queue_events`, `greffe_queue_bytes` | what waits for the sequencer |
//! | `greffe_batch_events` | events decided together |
//! | `greffe_stage_seconds{stage}` | `verify` per event or block of a batch, `wait` per group in the queue; per batch `decide`, `append`, `tree`, `index`, `answer` |
//! | `greffe_events_total{outcome}` | `recorded`, `known`, `refused`, `unavailable` |
//! | `greffe_refusals_total{code}` | refused events, recorded or not |
//! | `greffe_problems_total{code}` | answers that were a no, batch lines included: those with status 503 and 429 among them |
//! | `greffe_head_leaves` | leaves of the signed head |
//! | `greffe_guard_age_seconds` | since when the head is ahead of the rollback guard; 0 where the guard holds it |

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// Histograms by stage, made where first asked for.
type Stages = Family<Label, Histogram, fn() -> Histogram>;

/// A part of what an event goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading an envelope, or those of a block of lines: their signatures and their pieces' cards.
    Verify,
    /// In the queue.
    Wait,
    /// Rights, life cycles, refusals.
    Decide,
    /// Making the batch durable.
    Append,
    /// Tree, checkpoint, proofs.
    Tree,
    /// Making the batch visible to readers.
    Index,
    /// Handing the answers out.
    Answer,
}

impl Stage {
    const ALL: [Self; 7] =
        [Self::Verify, Self::Wait, Self::Decide, Self::Append, Self::Tree, Self::Index, Self::Answer];

    fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Wait => "wait",
            Self::Decide => "decide",
            Self::Append => "append",
            Self::Tree => "tree",
            Self::Index => "index",
            Self::Answer => "answer",
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new leaf.
    Recorded,
    /// A leaf already.
    Known,
    /// Not admitted.
    Refused,
    /// Not decided.
    Unavailable,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The figures of one node, from its start on.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    queue_events: Gauge,
    queue_bytes: Gauge,
    batch_events: Histogram,
    stages: [Histogram; Stage::ALL.len()],
    events: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    problems: Family<Label, Counter>,
    head_leaves: Gauge,
    guard_age: Gauge<f64, std::sync::atomic::AtomicU64>,
    /// Size of the head that the guard holds, and since when it holds no newer one.
    guarded: Mutex<(u64, Instant)>,
}

/// 10 µs to 10 s, by factors of two.
fn stage_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 2.0, 21))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("greffe");
        let stages = Stages::new_with_constructor(stage_histogram);
        let metrics = Self {
            queue_events: Gauge::default(),
            queue_bytes: Gauge::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            stages: Stage::ALL.map(|stage| stages.get_or_create_owned(&[("stage", stage.name())])),
            events: Family::default(),
            refusals: Family::default(),
            problems: Family::default(),
            head_leaves: Gauge::default(),
            guard_age: Gauge::default(),
            guarded: Mutex::new((0, Instant::now())),
            registry: Registry::default(),
        };
        registry.register("queue_events", "Events that wait for the sequencer", metrics.queue_events.clone());
        registry.register_with_unit(
            "queue",
            "Bytes that wait for the sequencer",
            Unit::Bytes,
            metrics.queue_bytes.clone(),
        );
        registry.register("batch_events", "Events decided together", metrics.batch_events.clone());
        registry.register_with_unit("stage", "Duration of each stage of the write path", Unit::Seconds, stages);
        registry.register("events", "Submitted events by outcome", metrics.events.clone());
        registry.register("refusals", "Refused events by code", metrics.refusals.clone());
        registry.register("problems", "Answers that were a no, by code", metrics.problems.clone());
        registry.register("head_leaves", "Leaves of the signed head", metrics.head_leaves.clone());
        let help = "Since when the signed head is ahead of the rollback guard";
        registry.register_with_unit("guard_age", help, Unit::Seconds, metrics.guard_age.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// A stage took so long.
    pub fn took(&self, stage: Stage, duration: Duration) {
        self.stages[stage as usize].observe(duration.as_secs_f64());
    }

    /// A batch of so many events is decided.
    pub fn batch(&self, events: usize) {
        // At most 1,024: exact.
        self.batch_events.observe(f64::from(u32::try_from(events).unwrap_or(u32::MAX)));
    }

    /// An event had that outcome.
    pub fn event(&self, outcome: Outcome) {
        self.events.get_or_create(&[("outcome", outcome.name())]).inc();
    }

    /// An event was refused with that stable code.
    pub fn refusal(&self, code: &'static str) {
        self.refusals.get_or_create(&[("code", code)]).inc();
        self.event(Outcome::Refused);
    }

    /// An answer, or a line of one, was a no with that stable code.
    pub fn problem(&self, code: &'static str) {
        self.problems.get_or_create(&[("code", code)]).inc();
    }

    /// The guard holds the head of that size.
    pub fn guarded(&self, size: u64) {
        *self.guarded.lock().unwrap_or_else(PoisonError::into_inner) = (size, Instant::now());
    }

    /// The text of all figures (openmetrics.io, text format 1.0.0), with those that are read now: the queue's and the head's.
    pub fn render(&self, waiting: (usize, usize), head_leaves: u64) -> String {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.queue_events.set(number(waiting.0));
        self.queue_bytes.set(number(waiting.1));
        self.head_leaves.set(i64::try_from(head_leaves).unwrap_or(i64::MAX));
        let (size, since) = *self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard_age.set(if size >= head_leaves { 0.0 } else { since.elapsed().as_secs_f64() });
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_counted_under_its_own_name() {
        let metrics = Metrics::default();
        for (count, stage) in (1..).zip(Stage::ALL) {
            for _ in 0..count {
                metrics.took(stage, Duration::from_millis(1));
            }
        }
        let text = metrics.render((0, 0), 0);
        for (count, stage) in (1..).zip(Stage::ALL) {
            let line = format!("greffe_stage_seconds_count{{stage=\"{}\"}} {count}", stage.name());
            assert!(text.contains(&line), "{line}\n{text}");
        }
    }

    #[test]
    fn the_guard_ages_only_while_it_is_behind() {
        let metrics = Metrics::default();
        metrics.guarded(5);
        assert!(metrics.render((0, 0), 5).contains("greffe_guard_age_seconds 0.0\n"));
        let behind = metrics.render((0, 0), 6);
        assert!(!behind.contains("greffe_guard_age_seconds 0.0\n"), "{behind}");
    }
}
