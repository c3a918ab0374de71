//! DeleteGroups, versions 0 to 2. Each coordinator deletes its groups; answered once their tombstones are committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};

use super::Context;
use super::answer_budget::check_names;
use super::group_answer::{detached, encode, received};
use crate::connection::{Outcome, Request};
use crate::coordinator::Coordinator;
use crate::group::Response;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DeleteGroupsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    if let Err(close) = check_names(&context.limits, body.groups_names.len()) {
        return close;
    }
    // Kafka answers each group once (`GroupCoordinatorService.deleteGroups` gathers them in a set).
    let groups: BTreeSet<GroupId> = body.groups_names.into_iter().collect();
    let mut results = Vec::with_capacity(groups.len());
    let mut of_coordinators: BTreeMap<i32, (Arc<Coordinator>, Vec<GroupId>)> = BTreeMap::new();
    for group_id in groups {
        match context.coordinators.find(&group_id) {
            Ok(coordinator) => {
                let of_coordinator = of_coordinators.entry(coordinator.index());
                of_coordinator
                    .or_insert_with(|| (coordinator, Vec::new()))
                    .1
                    .push(group_id);
            }
            Err(error) => results.push(result(group_id, error)),
        }
    }
    let delete = |(coordinator, groups): (Arc<Coordinator>, Vec<GroupId>)| {
        let answer = coordinator.call(|shard, token, now| shard.delete_groups(token, &groups, now));
        (groups, answer)
    };
    let answers: Vec<_> = of_coordinators.into_values().map(delete).collect();
    let header = detached(&request.header);
    Outcome::later(async move {
        for (groups, answer) in answers {
            match received(answer).await {
                Ok(Response::DeleteGroups(deleted)) => results.extend(deleted),
                Ok(other) => unreachable!("a DeleteGroups is not answered by {other:?}"),
                Err(error) => results.extend(groups.into_iter().map(|group_id| result(group_id, error))),
            }
        }
        let failed = results.iter().any(|result| result.error_code != 0);
        encode(&header, &DeleteGroupsResponse::default().with_results(results), failed)
    })
}

fn result(group_id: GroupId, error: ResponseError) -> DeletableGroupResult {
    DeletableGroupResult::default()
        .with_group_id(group_id)
        .with_error_code(error.code())
}
