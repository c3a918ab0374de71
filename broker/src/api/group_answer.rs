//! What the handlers of the group APIs share: from the answer of a coordinator to the answer of a request.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::Encodable;
use tokio::sync::oneshot::error::TryRecvError;

use crate::connection::Outcome;
use crate::coordinator::Answer;
use crate::group::Response;
use crate::wire::{self, RequestHeader};

/// The header of a request whose answer may take minutes, without what holds the memory of its frame.
pub(super) fn detached(header: &RequestHeader) -> RequestHeader {
    RequestHeader {
        client_id: None,
        ..header.clone()
    }
}

/// Refuses the empty group id, which no group with members has.
pub(super) fn check_group_id(group_id: &str) -> Result<(), ResponseError> {
    if group_id.is_empty() {
        Err(ResponseError::InvalidGroupId)
    } else {
        Ok(())
    }
}

/// What a coordinator answered. One that went out of service meanwhile is no coordinator any more.
pub(super) async fn received(answer: Result<Answer, ResponseError>) -> Result<Response, ResponseError> {
    answer?.await.map_err(|_| ResponseError::NotCoordinator)
}

/// Answers a request, at once if the coordinator has answered. `response` makes the response, and says whether it
/// carries an error code; it holds no slice of the request, for the answer may wait as long as members like.
pub(super) fn respond_detached<R: Encodable>(
    header: &RequestHeader,
    answer: Result<Answer, ResponseError>,
    response: impl FnOnce(Result<Response, ResponseError>) -> (R, bool) + Send + 'static,
) -> Outcome {
    match respond(detached(header), answer, response) {
        Outcome::Later(later) => Outcome::Detached(later),
        known => known,
    }
}

/// As [`respond_detached`], where `response` may hold slices of the request: the answer waits only for a commit.
pub(super) fn respond<R: Encodable>(
    header: RequestHeader,
    answer: Result<Answer, ResponseError>,
    response: impl FnOnce(Result<Response, ResponseError>) -> (R, bool) + Send + 'static,
) -> Outcome {
    let respond = move |answer| {
        let (body, failed) = response(answer);
        encode(&header, &body, failed)
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return respond(Err(error)),
    };
    match answer.try_recv() {
        Ok(answer) => respond(Ok(answer)),
        Err(TryRecvError::Closed) => respond(Err(ResponseError::NotCoordinator)),
        Err(TryRecvError::Empty) => Outcome::later(async move { respond(received(Ok(answer)).await) }),
    }
}

/// Encodes an answer, marked if it carries an error code at some level.
pub(super) fn encode(header: &RequestHeader, body: &impl Encodable, failed: bool) -> Outcome {
    let response = wire::Response::encode(header, body);
    response.map(|response| response.failed(failed)).into()
}
