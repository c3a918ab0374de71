//! What the members hear, and what must be there after a start.

use super::*;

impl World {
    pub(crate) fn hear_members(&mut self) -> Result<(), Broken> {
        for (offset, until, mut answer) in std::mem::take(&mut self.members.unused_commits) {
            match answer.try_recv() {
                Ok(Response::OffsetCommit(response)) if response.topics[0].partitions[0].error_code == 0 => {
                    let kept = &mut self.members.unused.kept;
                    *kept = (*kept).max(Some((offset, until)));
                }
                Err(TryRecvError::Empty) => self.members.unused_commits.push((offset, until, answer)),
                _ => {}
            }
        }
        for which in 0..GROUPS {
            self.hear_offsets_of(which)?;
            for index in 0..MEMBERS {
                self.hear_member(which, index)?;
            }
        }
        Ok(())
    }

    fn hear_offsets_of(&mut self, which: usize) -> Result<(), Broken> {
        let group = &mut self.members.groups[which];
        for (offset, mut answer) in std::mem::take(&mut group.commits) {
            match answer.try_recv() {
                // Before or after a change that was asked for meanwhile: then nothing follows.
                Ok(Response::OffsetCommit(response))
                    if response.topics[0].partitions[0].error_code == 0 && !group.settled.is_empty() =>
                {
                    group.in_use = group.in_use.max(offset);
                }
                Err(TryRecvError::Empty) => group.commits.push((offset, answer)),
                _ => {}
            }
        }
        for (least, mut answer) in std::mem::take(&mut group.fetches) {
            match answer.try_recv() {
                Ok(Response::OffsetFetch(response)) if response.error_code == 0 => {
                    let shown = response.topics[0].partitions[0].committed_offset;
                    self.report.checked(IN_USE);
                    if which == 0 && shown.max(0) < least {
                        return broken(IN_USE, format!("{} shows {shown} after {least}", name(which)));
                    }
                }
                Err(TryRecvError::Empty) => group.fetches.push((least, answer)),
                _ => {}
            }
        }
        Ok(())
    }

    fn hear_member(&mut self, which: usize, index: usize) -> Result<(), Broken> {
        let group = &mut self.members.groups[which];
        let member = &mut group.members[index];
        match std::mem::take(&mut member.step) {
            Step::Joining(mut answer) => match answer.try_recv() {
                Ok(Response::JoinGroup(response)) => match ResponseError::try_from_code(response.error_code) {
                    None => {
                        let generation = response.generation_id;
                        member.id = response.member_id.to_string();
                        member.generation = generation;
                        member.step = Step::Joined;
                        if !response.members.is_empty() {
                            let mut ids: Vec<String> = response
                                .members
                                .iter()
                                .map(|member| member.member_id.to_string())
                                .collect();
                            ids.sort_by_key(|id| *id != member.id);
                            group.leader = Some((generation, ids));
                        }
                        self.report.checked(FORWARD);
                        let known = group.generation;
                        if which == 0 && generation < known {
                            return broken(FORWARD, format!("{}: {generation} after {known}", name(which)));
                        }
                    }
                    Some(ResponseError::MemberIdRequired) => member.id = response.member_id.to_string(),
                    Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => member.id.clear(),
                    Some(_) => {}
                },
                Err(TryRecvError::Empty) => member.step = Step::Joining(answer),
                _ => {}
            },
            Step::Syncing(mut answer) => match answer.try_recv() {
                Ok(Response::SyncGroup(response)) => match ResponseError::try_from_code(response.error_code) {
                    None => {
                        member.step = Step::In;
                        self.report.outcome("SyncGroups answered");
                        group.generation = group.generation.max(member.generation);
                        let (id, generation) = (member.id.clone(), member.generation);
                        // Somebody may have asked for a change since; then others are not at rest.
                        let rests = |member: &Member| {
                            matches!(member.step, Step::In | Step::Joined | Step::Syncing(_))
                                && member.generation == generation
                        };
                        if group.members.iter().all(rests) {
                            group.settled.insert(id, response.assignment);
                        }
                    }
                    Some(ResponseError::RebalanceInProgress) => {}
                    Some(ResponseError::CoordinatorLoadInProgress | ResponseError::NotCoordinator) => {
                        member.step = Step::Joined;
                    }
                    Some(_) => member.id.clear(),
                },
                Err(TryRecvError::Empty) => member.step = Step::Syncing(answer),
                _ => member.step = Step::Joined,
            },
            Step::Leaving(mut answer) => match answer.try_recv() {
                Err(TryRecvError::Empty) => member.step = Step::Leaving(answer),
                left => {
                    if left.is_ok() {
                        member.id.clear();
                    }
                    group.may_be_gone();
                }
            },
            step => member.step = step,
        }
        Ok(())
    }

    /// After a start: the groups that were at rest are as they were.
    pub(crate) fn check_members_after_start(&mut self) -> Result<(), Broken> {
        for which in 0..GROUPS {
            let settled = self.members.groups[which].settled.clone();
            let Some(running) = self.running.as_ref().filter(|_| !settled.is_empty()) else {
                continue;
            };
            let Ok(coordinator) = running.coordinators.find(&name(which)) else {
                continue;
            };
            let Ok(described) = coordinator.read(|shard| shard.describe_groups(&[group_id(&name(which))], 5)) else {
                continue;
            };
            self.report.checked(KEPT);
            let state = described[0].group_state.to_string();
            let found: BTreeMap<String, Bytes> = described[0]
                .members
                .iter()
                .map(|member| (member.member_id.to_string(), member.member_assignment.clone()))
                .collect();
            let is_there = |(id, assignment): (&String, &Bytes)| found.get(id) == Some(assignment);
            // The sessions of the other group may have ended before.
            if which == 0 && (state != "Stable" || !settled.iter().all(is_there)) {
                return broken(
                    KEPT,
                    format!("{} is {state} with {found:?}, it was {settled:?}", name(which)),
                );
            }
            let generation = self.members.groups[which].generation;
            for index in 0..MEMBERS {
                let member = &self.members.groups[which].members[index];
                let (id, is_in) = (member.id.clone(), matches!(member.step, Step::In));
                if which != 0 || !is_in || !settled.contains_key(&id) || member.generation != generation {
                    continue;
                }
                match self.heartbeat_result(which, index, &id, generation) {
                    Some(0) | None => {}
                    Some(error) => {
                        return broken(KEPT, format!("{id} of generation {generation} is answered {error}"));
                    }
                }
            }
        }
        Ok(())
    }
}
