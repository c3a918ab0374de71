//! DescribeGroups, versions 0 to 6. Each group is described by its own coordinator, in the order of the request.

use std::slice;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer_budget::{AnswerBudget, NO_ROOM, NO_ROOM_TEXT, check_names, encoded_len};
use super::group_answer::encode;
use crate::connection::{Outcome, Request};

/// The version from which on the operations on a group can be asked for.
const AUTHORIZED_OPERATIONS_VERSION: i16 = 3;
/// The version from which on an error has words.
const ERROR_MESSAGE_VERSION: i16 = 6;
/// Without an authorizer everybody may do all that Kafka knows of a group: read, delete, describe, and describe and alter
/// its configuration, each a bit at its number in `AclOperation`.
const OPERATIONS_ON_GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub(super) fn handle(context: &Arc<Context>, request: Request) -> Outcome {
    let body: DescribeGroupsRequest = match request.decode() {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    let version = request.header.api_version;
    let tells_operations = version >= AUTHORIZED_OPERATIONS_VERSION && body.include_authorized_operations;
    if let Err(close) = check_names(&context.limits, body.groups.len()) {
        return close;
    }
    let mut budget = AnswerBudget::new(&context.limits);
    let describe = |group_id: &GroupId| {
        let refused = |error: ResponseError| {
            DescribedGroup::default()
                .with_group_id(group_id.clone())
                .with_error_code(error.code())
        };
        if budget.is_spent() {
            let message = (version >= ERROR_MESSAGE_VERSION).then(|| StrBytes::from_static_str(NO_ROOM_TEXT));
            return refused(NO_ROOM).with_error_message(message);
        }
        let mut group = describe(context, group_id, version).unwrap_or_else(refused);
        let in_memory = size_of::<DescribedGroup>() + group.members.len() * size_of::<DescribedGroupMember>();
        budget.take(in_memory + encoded_len(&group, version));
        if tells_operations && group.error_code == 0 {
            group.authorized_operations = OPERATIONS_ON_GROUP;
        }
        group
    };
    let groups: Vec<DescribedGroup> = body.groups.iter().map(describe).collect();
    let failed = groups.iter().any(|group| group.error_code != 0);
    encode(
        &request.header,
        &DescribeGroupsResponse::default().with_groups(groups),
        failed,
    )
}

fn describe(context: &Context, group_id: &GroupId, version: i16) -> Result<DescribedGroup, ResponseError> {
    let coordinator = context.coordinators.find(group_id)?;
    let mut described = coordinator.read(|shard| shard.describe_groups(slice::from_ref(group_id), version))?;
    Ok(described.pop().expect("one description for each group"))
}
