//! InitProducerId, versions 0 to 5.
//!
//! Without a transactional id: a new producer id with epoch 0, whatever id and epoch the producer had, as in Kafka; an
//! id without an epoch, or the reverse, is 42.
//!
//! Deviation: transactions are not served. A transactional id is answered with 53, for the answer has no message, and
//! this is the error with which the Java client and librdkafka both give up at once; an empty one with 42, as in Kafka.

use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use parking_lot::Mutex;

use super::changes::{DEFAULT_TIMEOUT, committed};
use super::{Context, answer, errors};
use crate::connection::{Outcome, Request};
use crate::controller::decide::{
    Decision, PRODUCER_ID_BLOCK_SIZE, ProducerIdBlock, ProducerIdsExhausted, allocate_producer_ids,
};

/// No producer id, or no epoch.
const NONE: i64 = -1;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: InitProducerIdRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if let Err(error) = check(&body) {
        return respond(&request, Err(error));
    }
    if let Some(id) = context.producer_ids.take() {
        return respond(&request, Ok(id));
    }
    let context = context.clone();
    Outcome::later(async move {
        let id = tokio::time::timeout(DEFAULT_TIMEOUT, context.producer_ids.next(&context)).await;
        respond(&request, id.unwrap_or(Err(ResponseError::RequestTimedOut)))
    })
}

fn check(request: &InitProducerIdRequest) -> Result<(), ResponseError> {
    let has_id = request.producer_id.0 != NONE;
    let has_epoch = i64::from(request.producer_epoch) != NONE;
    match &request.transactional_id {
        _ if has_id != has_epoch => Err(ResponseError::InvalidRequest),
        None => Ok(()),
        Some(id) if id.is_empty() => Err(ResponseError::InvalidRequest),
        Some(_) => Err(ResponseError::TransactionalIdAuthorizationFailed),
    }
}

fn respond(request: &Request, id: Result<i64, ResponseError>) -> Outcome {
    let response = match id {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(NONE))
            .with_producer_epoch(NONE as i16),
    };
    answer(request, &response, id.is_err())
}

/// The producer ids that this broker has to give.
///
/// Invariant: an id is given once, and only when the record of its block has committed. Whoever waits for a block may
/// go away at any moment: no other waiter depends on it.
#[derive(Debug, Default)]
pub(super) struct ProducerIds(Mutex<Blocks>);

#[derive(Debug, Default)]
struct Blocks {
    /// The next id, and the first that is not ours any more.
    next: i64,
    end: i64,
    /// A block that was appended, and the offset at which its record has committed.
    appended: Option<(ProducerIdBlock, i64)>,
}

impl ProducerIds {
    /// An id, if there is one left.
    fn take(&self) -> Option<i64> {
        self.0.lock().take()
    }

    /// An id, of a new block if need be. All who need it wait for the same one.
    async fn next(&self, context: &Context) -> Result<i64, ResponseError> {
        loop {
            let (block, offset) = {
                let mut blocks = self.0.lock();
                if let Some(id) = blocks.take() {
                    return Ok(id);
                }
                match blocks.appended {
                    Some(appended) => appended,
                    None => *blocks.appended.insert(append_block(context)?),
                }
            };
            let result = committed(&context.node, offset).await;
            let mut blocks = self.0.lock();
            // Another waiter may have been here before, and even have used up the block.
            if blocks.appended == Some((block, offset)) {
                blocks.appended = None;
                if result.is_ok() {
                    (blocks.next, blocks.end) = (block.first, block.first + i64::from(block.size));
                }
            }
            result.map_err(|error| error.error)?;
        }
    }
}

impl Blocks {
    fn take(&mut self) -> Option<i64> {
        let id = self.next;
        (id < self.end).then(|| {
            self.next += 1;
            id
        })
    }
}

/// Appends the record of a new block.
fn append_block(context: &Context) -> Result<(ProducerIdBlock, i64), ResponseError> {
    let node_id = context.config.load().node_id;
    let proposal = context.node.propose(|image| {
        let allocated = allocate_producer_ids(image, node_id, PRODUCER_ID_BLOCK_SIZE);
        match allocated {
            Ok(decision) => Decision {
                records: decision.records,
                response: Ok(decision.response),
            },
            Err(exhausted) => Decision {
                records: Vec::new(),
                response: Err(exhausted),
            },
        }
    });
    let proposal = proposal.map_err(|error| {
        tracing::warn!(%error, "no producer ids could be allocated");
        errors::of_metadata(&error)
    })?;
    let block = proposal.response.map_err(|error: ProducerIdsExhausted| {
        tracing::error!(%error);
        ResponseError::UnknownServerError
    })?;
    let offset = proposal.offset.ok_or(ResponseError::UnknownServerError)?;
    Ok((block, offset))
}

#[cfg(test)]
mod tests;
