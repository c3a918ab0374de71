//! A topic of six partitions and the members of one group that read it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::Consumer;

use crate::checks::{Problem, eventually, holds, patience};
use crate::cluster::{Cluster, Settings};
use crate::member::{ChildMember, LocalMember, Member};
use crate::record::{Record, now_ms, same};

pub const PARTITIONS: i32 = 6;

/// Who has which partitions.
pub type Shares = BTreeMap<String, BTreeSet<i32>>;

/// A group's state, protocol, and each member's client id and host.
pub type Described = (String, String, Vec<(String, String)>);

/// Members come and go; `settle` waits for the group to be stable, `expect_round` checks who reads what.
pub struct Scene<'a> {
    pub group: String,
    pub topic: String,
    cluster: &'a Cluster,
    members: BTreeMap<String, Member>,
    produced: i64,
}

impl<'a> Scene<'a> {
    pub fn new(cluster: &'a Cluster, what: &str) -> Result<Self, Problem> {
        let topic = cluster.topic(what, PARTITIONS, &[])?;
        Ok(Self {
            group: cluster.name(what),
            topic,
            cluster,
            members: BTreeMap::new(),
            produced: 0,
        })
    }

    fn settings(&self, own: Settings<'_>) -> Vec<(String, String)> {
        let group = [("group.id", self.group.as_str())];
        let all = group.iter().chain(own);
        all.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    pub fn join(&mut self, name: &str, own: Settings<'_>) -> Result<Option<Member>, Problem> {
        let member = LocalMember::start(&self.cluster.bootstrap, &self.topic, &self.settings(own))?;
        Ok(self.members.insert(name.into(), Member::Local(member)))
    }

    pub fn join_in_own_process(&mut self, name: &str, own: Settings<'_>) -> Result<(), Problem> {
        let member = ChildMember::start(&self.cluster.bootstrap, &self.topic, &self.settings(own))?;
        self.members.insert(name.into(), Member::Child(member));
        Ok(())
    }

    /// A member on a thread leaves its group, one in its own process is killed.
    pub fn end(&mut self, name: &str) {
        self.members.remove(name);
    }

    pub fn drain_revoked(&self, name: &str) -> Vec<BTreeSet<i32>> {
        self.members.get(name).map_or_else(Vec::new, Member::drain_revoked)
    }

    /// The group; nothing if there is none of this name.
    pub fn describe(&self) -> Result<Option<Described>, Problem> {
        let consumer = self.cluster.consumer(&[])?;
        let found = consumer.fetch_group_list(Some(&self.group), patience())?;
        Ok(found
            .groups()
            .iter()
            .find(|group| group.name() == self.group)
            .map(|group| {
                let members = group.members().iter();
                let members = members.map(|member| (member.client_id().to_owned(), member.client_host().to_owned()));
                (group.state().to_owned(), group.protocol().to_owned(), members.collect())
            }))
    }

    fn is_stable(&self) -> Result<bool, Problem> {
        Ok(matches!(self.describe()?, Some((state, _, members))
            if state == "Stable" && members.len() == self.members.len()))
    }

    fn is_shared(&self) -> Result<bool, Problem> {
        let mut all = Vec::new();
        let count = self.members.len();
        for (name, member) in &self.members {
            if let Some(failure) = member.failure() {
                return Err(format!("member {name} failed: {failure}").into());
            }
            let share = member.assigned();
            if share.len() < PARTITIONS as usize / count || share.len() > (PARTITIONS as usize).div_ceil(count) {
                return Ok(false);
            }
            all.extend(share);
        }
        all.sort_unstable();
        Ok(all.into_iter().eq(0..PARTITIONS))
    }

    /// Waits until the group is stable and the members share all partitions evenly, each with one owner.
    pub fn settle(&self) -> Result<Shares, Problem> {
        let names: Vec<_> = self.members.keys().collect();
        eventually(format_args!("settled: {} of {names:?}", self.group), || {
            if !self.is_shared()? || !self.is_stable()? {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(300));
            Ok(self.is_shared()? && self.is_stable()?)
        })?;
        Ok(self
            .members
            .iter()
            .map(|(name, member)| (name.clone(), member.assigned()))
            .collect())
    }

    /// Produces a round of records; each comes once, to the member that has its partition, and is committed.
    pub fn expect_round(&mut self, shares: &Shares) -> Result<(), Problem> {
        let expected = self.produce_round()?;
        let mut found = BTreeMap::<&String, Vec<Record>>::new();
        eventually(
            format_args!("a round of {} records in {}", expected.len(), self.group),
            || {
                for (name, member) in &self.members {
                    found.entry(name).or_default().extend(member.drain());
                }
                Ok(found.values().map(Vec::len).sum::<usize>() >= expected.len())
            },
        )?;
        for (name, share) in shares {
            let mut own = found.remove(name).unwrap_or_default();
            own.sort();
            let wanted: Vec<_> = expected
                .iter()
                .filter(|record| share.contains(&record.partition))
                .cloned()
                .collect();
            same(&wanted, &own)?;
        }
        let end = self.produced / i64::from(PARTITIONS);
        eventually("the round is committed", || {
            let committed = self.cluster.committed(&self.group, &self.topic, PARTITIONS)?;
            Ok(committed.iter().all(|offset| *offset == end))
        })
    }

    fn produce_round(&mut self) -> Result<Vec<Record>, Problem> {
        let mut sender = self.cluster.producer(&[])?;
        let mut records = Vec::new();
        for index in 0..PARTITIONS * 20 {
            let value = format!("record {}", self.produced);
            let key = format!("k{index}");
            let record = Record::new(
                index % PARTITIONS,
                now_ms(),
                Some(key.as_bytes()),
                Some(value.as_bytes()),
            );
            sender.send(&self.topic, &record, Some(record.partition))?;
            records.push(record.at(self.produced / i64::from(PARTITIONS)));
            self.produced += 1;
        }
        for (record, answer) in records.iter().zip(sender.close()?) {
            holds(answer?.offset == record.offset, "a record has another offset")?;
        }
        records.sort();
        Ok(records)
    }
}
