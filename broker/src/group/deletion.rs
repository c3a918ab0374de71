//! Tombstones, in batches of a bounded size. One answer waits for all of them.

use super::appends::{AppendId, Change, Completion, Waiter};
use super::config::TOMBSTONE_BATCH_BYTES;
use super::runtime::{Response, Runtime, Token};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::OffsetDeleteResponse;

/// Bytes of a record beside its group's and topic's names, roughly.
const RECORD_OVERHEAD_BYTES: usize = 24;

/// Appends tombstones; the answer follows when all are committed, or tells the first error. Returns the last append,
/// `None` where there was nothing to append (then the answer has been given).
pub(crate) fn append_tombstones(
    runtime: &mut Runtime,
    tombstones: Vec<Change>,
    answer: Option<(Token, Response)>,
) -> Option<AppendId> {
    let batches = split(tombstones);
    let number = answer.and_then(|(token, response)| {
        if batches.is_empty() {
            runtime.respond(token, response);
            None
        } else {
            Some(runtime.appends.new_deletion(token, response, batches.len()))
        }
    });
    let mut last = None;
    for batch in batches {
        let waiters = number.map(Waiter::Deletion).into_iter().collect();
        last = Some(runtime.append(batch, Completion::Nothing, waiters));
    }
    last
}

fn split(tombstones: Vec<Change>) -> Vec<Vec<Change>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut size = 0;
    for change in tombstones {
        size += RECORD_OVERHEAD_BYTES
            + match &change {
                Change::Offset { group, topic, .. } => group.len() + topic.len(),
                Change::Metadata { group, .. } => group.len(),
            };
        batch.push(change);
        if size >= TOMBSTONE_BATCH_BYTES {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// One of the appends of a deletion is done.
pub(crate) fn part_done(runtime: &mut Runtime, number: u64, result: Result<(), ResponseError>) {
    let Some(deletion) = runtime.appends.deletions.get_mut(&number) else {
        return;
    };
    deletion.remaining -= 1;
    deletion.error = deletion.error.or(result.err());
    if deletion.remaining > 0 {
        return;
    }
    let Some(deletion) = runtime.appends.deletions.remove(&number) else {
        return;
    };
    let response = match deletion.error {
        None => deletion.response,
        Some(error) => error_answer(deletion.response, error),
    };
    runtime.respond(deletion.token, response);
}

fn error_answer(response: Response, error: ResponseError) -> Response {
    match response {
        Response::DeleteGroups(mut results) => {
            for result in results.iter_mut().filter(|result| result.error_code == 0) {
                result.error_code = error.code();
            }
            Response::DeleteGroups(results)
        }
        Response::OffsetDelete(_) => {
            Response::OffsetDelete(OffsetDeleteResponse::default().with_error_code(error.code()))
        }
        other => other,
    }
}

/// Answers every deletion under way with an error.
pub(crate) fn fail_all(runtime: &mut Runtime, error: ResponseError) {
    for deletion in std::mem::take(&mut runtime.appends.deletions).into_values() {
        runtime.respond(deletion.token, error_answer(deletion.response, error));
    }
}
