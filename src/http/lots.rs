//! Batches: `POST /v1/events` with `application/x-ndjson`, one DSSE envelope a line.
//!
//! ```text
//! body, as it comes → whole lines → verified in parallel, while the rest still comes
//!      → the good ones, together and in order, to the sequencer → one line of answer for each line of the body
//!
//! {"line":1,"status":201,"receipt":{…}}          as for a single event: 201 new, 200 recorded before
//! {"line":2,"status":422,"problem":{…}}          RFC 9457, as for a single event
//! ```
//!
//! The answer is 200 with one result for each line, in order; a bad line harms no other. It is a problem as a whole, and then nothing
//! was recorded, where the body is no batch (too many lines, too many bytes, cut off) or the node takes nothing now (503): the good
//! lines of one body are decided in one batch of the sequencer. A batch that is sent again adds nothing. Blank lines are passed over,
//! and counted.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use greffe_events::dsse::ENVELOPE_BYTES_MAX;
use greffe_events::{Code, Refusal};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use super::bounds::{BATCH_BLOCK_BYTES, BATCH_BYTES_MAX, BATCH_LINES_MAX, BATCH_WAIT_MAX, overloaded};
use super::problem::Problem;
use super::request::{drain, next_chunk, too_large, too_slow};
use super::{App, Node};
use crate::ledger::admission::Prepared;
use crate::ledger::answer::{Kept, Told};
use crate::ledger::head::Receipt;

/// What this endpoint takes and gives.
const NDJSON: &str = "application/x-ndjson";

/// A line of the body, read and verified, or why not.
type Line = (usize, Result<Prepared, Problem>);

/// Whether the content type says that several envelopes come.
pub(super) fn is_batch(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    [NDJSON, "application/ndjson", "application/jsonl"].iter().any(|batch| media_type.eq_ignore_ascii_case(batch))
}

/// `POST /v1/events` with several envelopes.
pub(super) async fn post(node: &Node, body: Body) -> Result<Response, Problem> {
    let received = tokio::time::timeout(BATCH_WAIT_MAX, receive(node, body)).await;
    let (jobs, room) = received.unwrap_or_else(|_| Err(too_slow()))?;
    let received_at_ms = node.app().ledger.now_ms();
    let (mut lines, mut good) = (Vec::new(), Vec::new());
    for job in jobs {
        let block = job.await.map_err(|error| Problem::internal(&error))??;
        for (number, line) in block {
            lines.push((number, line.map(|prepared| good.push(Prepared { received_at_ms, ..prepared }))));
        }
    }
    if lines.is_empty() {
        let refusal = Refusal::new(Code::DsseMalformed, "the batch holds no line");
        return Err(Problem::refused(refusal, None));
    }
    let told = node.app().ledger.submit_all(good).await;
    if let Some(Told::Unavailable(why)) = told.first() {
        // All good lines or none: the sequencer decides them in one batch.
        return Err((*why).into());
    }
    node.blocking(move |app| {
        let answer = write(app, lines, told)?;
        drop(room);
        Ok((StatusCode::OK, [(CONTENT_TYPE, NDJSON)], answer).into_response())
    })
    .await
}

/// Reads the body and has its lines verified as they come.
async fn receive(
    node: &Node,
    mut body: Body,
) -> Result<(Vec<JoinHandle<Result<Vec<Line>, Problem>>>, Option<OwnedSemaphorePermit>), Problem> {
    let mut cutter = Cutter::default();
    let (mut jobs, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
    loop {
        let chunk = next_chunk(&mut body).await?;
        let blocks = match &chunk {
            Some(chunk) => cutter.take(chunk).and_then(|blocks| {
                node.limits.grow_batch_room(&mut room, cutter.total).ok_or_else(|| overloaded("batches"))?;
                Ok(blocks)
            }),
            None => cutter.finish(),
        };
        let blocks = match blocks {
            Ok(blocks) => blocks,
            Err(problem) => {
                drop(room);
                drain(&mut body, BATCH_BYTES_MAX).await;
                return Err(problem);
            }
        };
        for block in blocks {
            // Waited for here: a body is read no faster than its lines are verified.
            let core = Arc::clone(&node.limits.verifications).acquire_owned().await;
            let core = core.map_err(|error| Problem::internal(&error))?;
            let node = node.clone();
            jobs.push(tokio::spawn(async move {
                let verify = move |app: &App| {
                    let lines = block.verify(app);
                    drop(core);
                    lines
                };
                node.blocking(verify).await
            }));
        }
        if chunk.is_none() {
            return Ok((jobs, room));
        }
    }
}

/// Some whole lines of the body, blank ones left out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block {
    bytes: Vec<u8>,
    /// Number of each, from 1, and where it stands in `bytes`.
    lines: Vec<(usize, Range<usize>)>,
}

impl Block {
    fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.lines.iter().filter_map(|(number, place)| Some((*number, self.bytes.get(place.clone())?)))
    }

    fn verify(&self, app: &App) -> Result<Vec<Line>, Problem> {
        let (numbers, envelopes): (Vec<usize>, Vec<&[u8]>) = self.lines().unzip();
        // Their instant is set when the whole body is there.
        let prepared = app.ledger.prepare(&envelopes, 0)?.into_iter();
        Ok(numbers
            .into_iter()
            .zip(prepared.map(|line| line.map_err(|refusal| Problem::refused(refusal, None))))
            .collect())
    }
}

/// Most bytes of a line that are kept: one more than an envelope may have, and the line is too large whatever follows.
const LINE_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 1;

/// Cuts a body into blocks of whole lines, within the bounds of a batch. Looks at each byte once, however they come.
struct Cutter {
    /// The block under way.
    block: Block,
    /// Where the line under way begins in it.
    start: usize,
    /// Whether that line is blank so far.
    is_blank: bool,
    /// Its number.
    number: usize,
    /// Lines that are not blank, so far.
    events: usize,
    /// Bytes so far.
    total: usize,
}

impl Default for Cutter {
    fn default() -> Self {
        Self { block: Block::default(), start: 0, is_blank: true, number: 1, events: 0, total: 0 }
    }
}

impl Cutter {
    /// Takes the next bytes; the blocks that are whole with them.
    fn take(&mut self, chunk: &[u8]) -> Result<Vec<Block>, Problem> {
        self.total += chunk.len();
        if self.total > BATCH_BYTES_MAX {
            return Err(too_large(BATCH_BYTES_MAX as u64));
        }
        let mut blocks = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (part, is_end) = part.strip_suffix(b"\n").map_or((part, false), |part| (part, true));
            let room = LINE_BYTES_MAX - (self.block.bytes.len() - self.start);
            self.block.bytes.extend_from_slice(part.get(..room).unwrap_or(part));
            self.is_blank &= part.iter().all(u8::is_ascii_whitespace);
            if is_end {
                self.end_line()?;
            }
            if is_end && self.block.bytes.len() >= BATCH_BLOCK_BYTES {
                blocks.push(self.cut());
            }
        }
        Ok(blocks)
    }

    /// The last block, whose last line may lack its end.
    fn finish(&mut self) -> Result<Vec<Block>, Problem> {
        self.end_line()?;
        let last = self.cut();
        Ok(if last.lines.is_empty() { Vec::new() } else { vec![last] })
    }

    fn end_line(&mut self) -> Result<(), Problem> {
        let end = self.block.bytes.len();
        if self.is_blank {
            self.block.bytes.truncate(self.start);
        } else {
            self.events += 1;
            if self.events > BATCH_LINES_MAX {
                let detail = format!("a batch has at most {BATCH_LINES_MAX} lines");
                return Err(Problem::refused(Refusal::new(Code::TooLarge, detail), None));
            }
            self.block.lines.push((self.number, self.start..end));
            self.start = end;
        }
        self.is_blank = true;
        self.number += 1;
        Ok(())
    }

    /// The block, between two lines.
    fn cut(&mut self) -> Block {
        self.start = 0;
        std::mem::take(&mut self.block)
    }
}

/// The answer to one line.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Resultat<'a> {
    line: usize,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a Problem>,
}

/// One line for each of the body's.
fn write(app: &App, lines: Vec<(usize, Result<(), Problem>)>, told: Vec<Told>) -> Result<Vec<u8>, Problem> {
    let mut told = told.into_iter();
    let mut text = String::new();
    for (line, read) in lines {
        let told = read.map(|()| told.next());
        if let Ok(Some(Told::Recorded { kept: Kept::Now { index, hashes, written }, is_new: true })) = &told {
            // As below, of the receipt that most lines have.
            let status = StatusCode::CREATED.as_u16();
            // Into a String, which takes everything.
            let _ = write!(text, "{{\"line\":{line},\"status\":{status},\"receipt\":");
            if !written.write_receipt(&mut text, *index, hashes) {
                return Err(Problem::internal(&"a leaf that is not of its batch"));
            }
            text.push_str("}\n");
            continue;
        }
        let answered = told.and_then(|told| {
            let told = told.ok_or_else(|| Problem::internal(&"a line without an answer"))?;
            super::events::answered(app.ledger.answer(told)?)
        });
        let result = match &answered {
            Ok((status, receipt)) => Resultat { line, status: status.as_u16(), receipt: Some(receipt), problem: None },
            Err(problem) => {
                app.ledger.metrics().problem(problem.code());
                Resultat { line, status: problem.status().as_u16(), receipt: None, problem: Some(problem) }
            }
        };
        text.push_str(&serde_json::to_string(&result).map_err(|error| Problem::internal(&error))?);
        text.push('\n');
    }
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// The lines that a body has, however it comes.
    fn lines(body: &[u8], cuts: &[usize]) -> Vec<(usize, Vec<u8>)> {
        let mut cutter = Cutter::default();
        let (mut blocks, mut at) = (Vec::new(), 0);
        for cut in cuts {
            let end = (at + cut).min(body.len());
            blocks.extend(cutter.take(&body[at..end]).unwrap());
            at = end;
        }
        blocks.extend(cutter.take(&body[at..]).unwrap());
        blocks.extend(cutter.finish().unwrap());
        blocks.iter().flat_map(Block::lines).map(|(number, line)| (number, line.to_vec())).collect()
    }

    proptest! {
        #[test]
        fn a_body_has_the_same_lines_however_it_is_cut(
            body in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200),
            long in 0usize..3,
            cuts in proptest::collection::vec(0usize..40_000, 0..20),
        ) {
            let body = [body.clone(), vec![b'x'; long * BATCH_BLOCK_BYTES / 2], body].concat();
            let whole: Vec<_> = (1..).zip(body.split(|byte| *byte == b'\n'))
                .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
                .map(|(number, line)| (number, line.to_vec())).collect();
            prop_assert_eq!(lines(&body, &cuts), whole);
        }
    }

    #[test]
    fn of_a_line_that_is_too_long_no_more_is_kept_than_shows_it() {
        let blank = b" ".repeat(2 * ENVELOPE_BYTES_MAX);
        let body = [blank.as_slice(), b"{}\n", &blank, b"\n{}"].concat();
        let sizes = |cuts: &[usize]| lines(&body, cuts).iter().map(|(at, line)| (*at, line.len())).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [(1, LINE_BYTES_MAX), (3, 2)]);
        assert_eq!(sizes(&[1; 1_000]), [(1, LINE_BYTES_MAX), (3, 2)]);
    }

    #[test]
    fn a_batch_of_too_many_lines_is_none() {
        let code = |lines: usize| {
            let mut cutter = Cutter::default();
            cutter.take(&b"{}\n\n".repeat(lines)).and_then(|_| cutter.finish()).err().map(|problem| problem.code())
        };
        assert_eq!(code(BATCH_LINES_MAX), None);
        assert_eq!(code(BATCH_LINES_MAX + 1), Some("too-large"));
        let mut unended = Cutter::default();
        unended.take(&b"{}\n".repeat(BATCH_LINES_MAX)).unwrap();
        unended.take(b"{}").unwrap();
        assert!(unended.finish().is_err(), "the last line counts without its end");
    }
}
