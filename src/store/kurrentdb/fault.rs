//! What can be wrong between this node and its stream, and what each answer of the client means for an append.

use eventstore::{CurrentRevision, Error};
use thiserror::Error as Faults;

/// Why the stream could not be opened, read or written.
#[derive(Debug, Faults)]
pub enum Fault {
    /// The connection string, or a file that it names.
    #[error("the store's address: {0}")]
    Address(String),
    /// No answer, or none of use, within the configured time. Trying again later is sound.
    #[error("KurrentDB, {doing}: {detail}")]
    Unreachable {
        /// What was being done.
        doing: &'static str,
        /// The client's reason.
        detail: String,
    },
    /// The server answers, and says no.
    #[error("KurrentDB refuses {doing}: {detail}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Its reason.
        detail: String,
    },
    /// The stream's metadata let the server drop leaves.
    #[error(
        "the metadata of the stream {stream} hold {setting}: the server may drop leaves. Remove it; what was dropped must come from a copy"
    )]
    Truncatable {
        /// The stream.
        stream: String,
        /// Which setting, with its value.
        setting: String,
    },
    /// A record that is not a leaf of ours: it bricks the log, since indices are revisions.
    #[error(
        "the stream {stream} holds a record that is no leaf of this log, at {revision}: {detail}. Nobody but the node may write or alter this \
         stream: give it an ACL"
    )]
    Foreign {
        /// The stream.
        stream: String,
        /// The record.
        revision: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// Leaves that this node has seen committed are gone, or others stand in their place.
    #[error(
        "the stream {stream} lost leaf {index}, which this node has seen committed: {detail}. Writing on it would sign a second history; bring \
         the node of the cluster back that has it"
    )]
    RolledBack {
        /// The stream.
        stream: String,
        /// Index of the newest leaf known.
        index: u64,
        /// What is there instead.
        detail: String,
    },
    /// Bytes that this store can't keep: it must be able to read a leaf.
    #[error("number {position} of the batch is no leaf: {detail}")]
    NotALeaf {
        /// Position within the batch, from 0.
        position: usize,
        /// Why not.
        detail: String,
    },
    /// A stream with records where a new one was to begin.
    #[error("the stream {stream} holds {leaves} records already; a ledger is created only where there is none")]
    Exists {
        /// The stream.
        stream: String,
        /// How many.
        leaves: u64,
    },
}

/// How one call failed.
#[derive(Debug)]
pub enum Failure {
    /// The head is elsewhere. Nothing was written by this call.
    Conflict {
        /// The head.
        actual: u64,
    },
    /// It will not be done, now or later. Nothing was written.
    Refused(Fault),
    /// Not done, for certain; may be tried again.
    NotDone {
        /// Why.
        fault: Fault,
        /// Whether the client is of use still: one whose first connection failed never is, one that was told of a new leader is.
        is_client_dead: bool,
    },
    /// Nobody knows whether it was done; may be tried again with the same bytes, through another client.
    Doubt(Fault),
}

impl Failure {
    /// The fault; none where it is a conflict.
    pub fn into_fault(self) -> Option<Fault> {
        match self {
            Self::Conflict { .. } => None,
            Self::Refused(fault) | Self::NotDone { fault, .. } | Self::Doubt(fault) => Some(fault),
        }
    }

    /// Whether the client must be made anew before the next call.
    pub fn is_client_dead(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Refused(_) => false,
            Self::NotDone { is_client_dead, .. } => *is_client_dead,
            Self::Doubt(_) => true,
        }
    }

    /// What an error of the client means. An error that is not known to come before the write is a doubt.
    pub fn of(doing: &'static str, error: &Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::WrongExpectedVersion { current, .. } => Self::Conflict {
                actual: match current {
                    CurrentRevision::Current(revision) => revision + 1,
                    CurrentRevision::NoStream => 0,
                },
            },
            Error::AccessDenied => Self::Refused(Fault::Refused { doing, detail }),
            Error::ResourceDeleted => {
                Self::Refused(Fault::Refused { doing, detail: "the stream was deleted".to_owned() })
            }
            // Among others "Maximum Append Size of N Exceeded".
            Error::Grpc { code, message } if *code as i32 == INVALID_ARGUMENT => {
                Self::Refused(Fault::Refused { doing, detail: message.clone() })
            }
            Error::NotLeaderException(leader) => Self::NotDone {
                fault: Fault::Unreachable { doing, detail: format!("the leader is {}:{}", leader.host, leader.port) },
                is_client_dead: false,
            },
            // Both come from the choice of a node, before the call is sent.
            Error::GrpcConnectionError(_) | Error::ConnectionClosed => {
                Self::NotDone { fault: Fault::Unreachable { doing, detail }, is_client_dead: true }
            }
            _ => Self::Doubt(Fault::Unreachable { doing, detail }),
        }
    }
}

/// gRPC's status code INVALID_ARGUMENT (grpc.io, "Status Codes").
const INVALID_ARGUMENT: i32 = 3;
