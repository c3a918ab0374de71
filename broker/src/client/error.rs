//! What a question to a cluster can end in, besides an answer.

use std::fmt;
use std::io;

use kafka_protocol::ResponseError;
use thiserror::Error;

/// One of Kafka's error codes; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// A group whose coordinator is still reading.
    pub const COORDINATOR_LOAD_IN_PROGRESS: Self = Self(14);
    /// Nobody coordinates the group yet.
    pub const COORDINATOR_NOT_AVAILABLE: Self = Self(15);
    /// A name that there is not.
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    /// A partition without a leader.
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    /// Another broker leads.
    pub const NOT_LEADER_OR_FOLLOWER: Self = Self(6);
    /// The broker ran out of time; it may have been done.
    pub const REQUEST_TIMED_OUT: Self = Self(7);
    /// An offset that the log does not have.
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    /// Another broker coordinates.
    pub const NOT_COORDINATOR: Self = Self(16);
    /// A member that the group does not have.
    pub const UNKNOWN_MEMBER_ID: Self = Self(25);
    /// A name that is taken.
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    /// A setting or value that the broker refuses.
    pub const INVALID_CONFIG: Self = Self(40);
    /// Another broker is the controller.
    pub const NOT_CONTROLLER: Self = Self(41);
    /// A batch that was written before.
    pub const DUPLICATE_SEQUENCE_NUMBER: Self = Self(46);
    /// A group that still has members.
    pub const NON_EMPTY_GROUP: Self = Self(68);
    /// A group that there is not.
    pub const GROUP_ID_NOT_FOUND: Self = Self(69);
    /// The client's leader epoch is behind.
    pub const FENCED_LEADER_EPOCH: Self = Self(74);
    /// The broker's leader epoch is behind.
    pub const UNKNOWN_LEADER_EPOCH: Self = Self(75);
    /// The request broke a quota; nothing was done.
    pub const THROTTLING_QUOTA_EXCEEDED: Self = Self(89);

    /// Whether Kafka says that the same may be asked again.
    pub fn is_retriable(self) -> bool {
        ResponseError::try_from_code(self.0).is_some_and(|error| error.is_retriable())
    }

    /// Whether nothing was done because another broker has to be asked, or this one a little later.
    pub fn is_refused_for_now(self) -> bool {
        [
            Self::LEADER_NOT_AVAILABLE,
            Self::NOT_LEADER_OR_FOLLOWER,
            Self::COORDINATOR_LOAD_IN_PROGRESS,
            Self::COORDINATOR_NOT_AVAILABLE,
            Self::NOT_COORDINATOR,
            Self::NOT_CONTROLLER,
            Self::FENCED_LEADER_EPOCH,
            Self::UNKNOWN_LEADER_EPOCH,
            Self::THROTTLING_QUOTA_EXCEEDED,
        ]
        .contains(&self)
    }
}

/// Kafka's name for it, as `UNKNOWN_TOPIC_OR_PARTITION`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ResponseError::try_from_code(self.0) {
            None | Some(ResponseError::Unknown(_)) => write!(f, "error {}", self.0),
            Some(error) => {
                for (place, letter) in format!("{error:?}").char_indices() {
                    if place > 0 && letter.is_ascii_uppercase() {
                        f.write_str("_")?;
                    }
                    write!(f, "{}", letter.to_ascii_uppercase())?;
                }
                Ok(())
            }
        }
    }
}

/// Why a question to a cluster has no good answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// None of the addresses answers.
    #[error("no broker answers at {addresses}: {reason}")]
    NoBroker {
        /// Where was tried.
        addresses: String,
        /// What the last try ended in.
        reason: String,
    },
    /// A broker of the cluster could not be reached; nothing was sent.
    #[error("cannot connect to broker {broker}: {source}")]
    Connect {
        /// Its id and address.
        broker: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection went while an answer was awaited. What was asked may have been done.
    #[error("the connection to {broker} is gone: {reason}")]
    Lost {
        /// Its address.
        broker: String,
        /// Why.
        reason: String,
    },
    /// No answer came in time. What was asked may have been done.
    #[error("{broker} did not answer {api} within {seconds} s")]
    TimedOut {
        /// Its address.
        broker: String,
        /// What was asked.
        api: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The bytes that came are no answer, or what should be sent is no request.
    #[error("{broker}: {reason}")]
    Protocol {
        /// Its address.
        broker: String,
        /// What is wrong.
        reason: String,
    },
    /// The broker does not serve an API, or not at a version that is known here.
    #[error("{broker} does not serve {api} (its versions: {theirs}, ours: {ours})")]
    Unsupported {
        /// Its address.
        broker: String,
        /// The API.
        api: String,
        /// Versions that the broker serves.
        theirs: String,
        /// Versions that are known here.
        ours: String,
    },
    /// The broker answered with an error.
    #[error("{subject}: {code}{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
    Refused {
        /// What it was about.
        subject: String,
        /// Kafka's error.
        code: ErrorCode,
        /// What the broker said.
        message: Option<String>,
    },
    /// The cluster has no broker of that id.
    #[error("there is no broker {id}: the cluster has {known}")]
    UnknownBroker {
        /// The id.
        id: i32,
        /// Those that there are.
        known: String,
    },
    /// The partition has no leader now.
    #[error("{subject} has no leader now")]
    NoLeader {
        /// Topic and partition.
        subject: String,
    },
}

impl ClientError {
    /// Kafka's error, where the broker answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// An error unless the code is 0.
pub(super) fn check(code: i16, message: Option<&str>, subject: impl FnOnce() -> String) -> Result<(), ClientError> {
    if code == 0 {
        return Ok(());
    }
    Err(ClientError::Refused {
        subject: subject(),
        code: ErrorCode(code),
        message: message.filter(|message| !message.is_empty()).map(str::to_owned),
    })
}

/// An answer without the part that was asked for.
pub(super) fn lacks(broker: &str, subject: &str) -> ClientError {
    ClientError::Protocol {
        broker: broker.to_owned(),
        reason: format!("the answer does not mention {subject}"),
    }
}
