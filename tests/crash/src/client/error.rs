//! What a request can end in, besides an answer.

use std::io;

use thiserror::Error;

/// Why a request has no good answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The connection is gone. What was sent and not answered may have happened or not.
    #[error("the connection to the broker is gone: {0}")]
    Io(#[from] io::Error),
    /// The broker sent bytes that are no answer to what was asked, or nothing that this client can be asked to send.
    #[error("{0}")]
    Protocol(String),
    /// The broker answered with an error.
    #[error("{api} of {subject}: error {code} ({name}){message}", name = error_name(*.code))]
    Refused {
        /// The request.
        api: &'static str,
        /// What it was about.
        subject: String,
        /// Kafka's error code.
        code: i16,
        /// What else the answer said.
        message: String,
    },
}

impl ClientError {
    /// Whether the outcome of the request is not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, ClientError::Io(_))
    }
}

/// An error unless the code is 0.
pub(super) fn check(api: &'static str, subject: &str, code: i16, message: Option<&str>) -> Result<(), ClientError> {
    if code == 0 {
        return Ok(());
    }
    Err(ClientError::Refused {
        api,
        subject: subject.to_owned(),
        code,
        message: message.map_or_else(String::new, |message| format!(": {message}")),
    })
}

/// An answer without the part that was asked for.
pub(super) fn lacks(api: &str, subject: &str) -> ClientError {
    ClientError::Protocol(format!("the answer to {api} does not mention {subject}"))
}

fn error_name(code: i16) -> String {
    kafka_protocol::ResponseError::try_from_code(code).map_or_else(|| "unknown".to_owned(), |error| error.to_string())
}
