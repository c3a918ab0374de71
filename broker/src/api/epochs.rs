//! The check of a client's idea of the leader epoch, which several APIs share.

use kafka_protocol::error::ResponseError;

use crate::node::Partition;

/// "The client does not say."
const NO_EPOCH: i32 = -1;

/// Compares the epoch that a client believes to be current (−1: it does not say) with ours (KIP-320). Also refuses when
/// this node does not lead.
pub(super) fn check_current_epoch(partition: &Partition, claimed: i32) -> Result<i32, ResponseError> {
    let current = match partition.leader_epoch() {
        Some(epoch) => epoch,
        None if partition.out_of_service().is_some() => return Ok(partition.reader().latest_epoch().unwrap_or(0)),
        None => return Err(ResponseError::NotLeaderOrFollower),
    };
    match claimed {
        claimed if claimed == NO_EPOCH || claimed == current => Ok(current),
        claimed if claimed < current => Err(ResponseError::FencedLeaderEpoch),
        _ => Err(ResponseError::UnknownLeaderEpoch),
    }
}
