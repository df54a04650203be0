//! The two readers under the tar: a ceiling on bytes, and gzip members one after the other.
//!
//! Format: RFC 1952 §2.2 (a gzip file is one or more members). What `flate2::MultiGzDecoder` does, with the
//! causes told apart: not gzip, truncated, bytes after the end. Causes travel as [`ArchiveError`] inside
//! `io::Error`, through the tar reader, to [`cause`].

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::ArchiveError;

/// Most members: blocked gzip makes one per 64 KiB, hence 16,384 for the largest expansion; twice that.
const MEMBERS_MAX: u32 = 32_768;
const GZIP_MAGIC: u8 = 0x1f;

/// Passes bytes through, up to a ceiling; then the error that it was given.
pub(super) struct Plafond<R, E> {
    input: R,
    left_bytes: u64,
    error: E,
}

impl<R: Read, E: Fn() -> ArchiveError> Plafond<R, E> {
    pub(super) fn new(input: R, bytes_max: u64, error: E) -> Self {
        Self { input, left_bytes: bytes_max, error }
    }
}

impl<R: Read, E: Fn() -> ArchiveError> Read for Plafond<R, E> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        match self.left_bytes.checked_sub(n as u64) {
            Some(left_bytes) => {
                self.left_bytes = left_bytes;
                Ok(n)
            }
            None => Err(io::Error::other((self.error)())),
        }
    }
}

/// Expands gzip members until the input ends.
pub(super) struct Gunzip<R> {
    state: State<R>,
    members: u32,
}

enum State<R> {
    /// Where a member may start.
    Between(BufReader<R>),
    Inside(GzDecoder<BufReader<R>>),
    /// The input ended, or failed.
    Over,
}

impl<R: Read> Gunzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self { state: State::Between(BufReader::new(input)), members: 0 }
    }

    /// Opens the member that starts here, unless the input ends here.
    fn open(&mut self, mut input: BufReader<R>) -> io::Result<State<R>> {
        let refused = |error| Err(io::Error::other(error));
        match (input.fill_buf()?.first(), self.members) {
            (Some(&GZIP_MAGIC), MEMBERS_MAX..) => refused(ArchiveError::TooManyMembers { members_max: MEMBERS_MAX }),
            (Some(&GZIP_MAGIC), _) => {
                self.members += 1;
                Ok(State::Inside(GzDecoder::new(input)))
            }
            (_, 0) => refused(ArchiveError::NotGzip),
            (None, _) => Ok(State::Over),
            (Some(_), _) => refused(ArchiveError::Trailing),
        }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Between(input) => self.state = self.open(input)?,
                State::Inside(mut member) => match member.read(buf)? {
                    0 => self.state = State::Between(member.into_inner()),
                    n => {
                        self.state = State::Inside(member);
                        return Ok(n);
                    }
                },
            }
        }
    }
}

/// The cause that an error of the readers carries, with the entry it struck.
pub(super) fn cause(error: io::Error, shown: &str) -> ArchiveError {
    let entry = shown.to_owned();
    let ours = matches!(error.get_ref(), Some(inner) if inner.is::<ArchiveError>());
    if ours {
        let inner = error.into_inner().and_then(|inner| inner.downcast::<ArchiveError>().ok());
        return match inner.map(|boxed| *boxed) {
            Some(ArchiveError::Bomb { bytes_max, .. }) => ArchiveError::Bomb { bytes_max, entry },
            Some(other) => other,
            None => ArchiveError::Truncated { entry },
        };
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => ArchiveError::Truncated { entry },
        // What flate2 and tar say of damaged bytes.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::Other => {
            ArchiveError::Corrupt { entry, why: error.to_string() }
        }
        _ => ArchiveError::Io(error),
    }
}
