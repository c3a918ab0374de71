//! How a command ends that does not succeed, and what its user can do.

use std::io;
use std::process::ExitCode;

use crate::client::{ClientError, ErrorCode};

/// How a command ends that does not succeed.
#[derive(Debug)]
pub enum ToolError {
    /// The command line cannot be meant so: exit status 2.
    Usage(String),
    /// It could not be done: exit status 1.
    Failed(String),
    /// It could not be done, or not all of it, and the output says so: exit status 1.
    Reported,
    /// Nobody reads the output any more. That is no failure: the reader has what it wanted.
    Unread,
}

impl ToolError {
    /// What writing to standard output ended in.
    pub fn from_output(problem: io::Error) -> Self {
        match problem.kind() {
            io::ErrorKind::BrokenPipe => ToolError::Unread,
            _ => ToolError::Failed(format!("cannot write to standard output: {problem}")),
        }
    }

    /// Tells the user and gives the exit status.
    pub fn end(self) -> ExitCode {
        match self {
            ToolError::Usage(message) => {
                eprintln!("weir: {message}");
                ExitCode::from(2)
            }
            ToolError::Failed(message) => {
                eprintln!("weir: {message}");
                ExitCode::FAILURE
            }
            ToolError::Reported => ExitCode::FAILURE,
            ToolError::Unread => ExitCode::SUCCESS,
        }
    }
}

impl From<ClientError> for ToolError {
    fn from(problem: ClientError) -> Self {
        ToolError::Failed(explain(&problem))
    }
}

/// The problem, and what to do about it where that is known.
pub(super) fn explain(problem: &ClientError) -> String {
    match advice(problem) {
        Some(advice) => format!("{problem}\n  {advice}"),
        None => problem.to_string(),
    }
}

fn advice(problem: &ClientError) -> Option<&'static str> {
    match problem {
        ClientError::NoBroker { .. } => Some(
            "start a broker there (`weir serve`), or name another address with --bootstrap-server HOST:PORT or WEIR_BOOTSTRAP",
        ),
        ClientError::Connect { .. } => Some(
            "the cluster says that a broker listens there: check advertised.listeners, and that the broker runs and can be reached from here",
        ),
        ClientError::Lost { .. } => Some("look whether the change was made, and run the command again"),
        ClientError::TimedOut { .. } => Some("look whether the broker is overloaded, or wait longer with --timeout"),
        ClientError::Unsupported { .. } => Some("a broker of another release may serve it"),
        ClientError::NoLeader { .. } => {
            Some("look which brokers are missing with `weir cluster`, and which partitions with `weir topic describe`")
        }
        ClientError::UnknownBroker { .. } => Some("see the brokers and their ids with `weir cluster`"),
        ClientError::Protocol { .. } => None,
        ClientError::Refused { code, .. } => match *code {
            ErrorCode::TOPIC_ALREADY_EXISTS => Some("take another name, or add --if-not-exists"),
            ErrorCode::NON_EMPTY_GROUP => Some(
                "stop the group's members first: `weir group describe` names them; static ones leave when their session ends",
            ),
            ErrorCode::UNKNOWN_MEMBER_ID => Some("the group has members: stop them first"),
            ErrorCode::GROUP_ID_NOT_FOUND => Some("list the groups with `weir group list`"),
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                Some("see which offsets are there with `weir topic describe`, or read from the beginning")
            }
            ErrorCode(10) => Some(
                "raise the topic's limit with `weir topic alter TOPIC --set max.message.bytes=N`, or send smaller batches with --batch-bytes",
            ),
            ErrorCode(17) => {
                Some("a name has letters, digits, '.', '_' and '-', at most 249 of them, and is not . or ..")
            }
            ErrorCode(37) => Some("a topic's partitions can only become more"),
            ErrorCode(38) => Some("the replication factor can be as high as there are brokers: see `weir cluster`"),
            ErrorCode(19 | 20) => Some("see which replicas are in sync with `weir topic describe`"),
            ErrorCode(29..=31) => Some("this client is not allowed to: ask who runs the cluster"),
            ErrorCode(56) => Some("the broker cannot read or write the partition: see its log"),
            _ => None,
        },
    }
}

/// The candidate most like `name`, if one is like it at all.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?", where something is near.
pub(super) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}
