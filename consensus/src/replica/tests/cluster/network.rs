//! Streams between nodes: ordered, delayed, lossy. What an older connection carried never arrives.

use std::collections::BTreeMap;

use super::super::random::Random;
use crate::PeerMessage;

/// A message under way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) from: u64,
    pub(super) to: u64,
    connection: u64,
    pub(super) message: PeerMessage,
}

#[derive(Debug, Default)]
struct Stream {
    connection: u64,
    /// When its newest message arrives.
    newest: u64,
    is_blocked: bool,
}

#[derive(Debug)]
pub(super) struct Network {
    streams: BTreeMap<(u64, u64), Stream>,
    /// Loses some messages, and holds others up.
    pub(super) is_faulty: bool,
}

impl Network {
    pub(super) fn new(is_faulty: bool) -> Self {
        Network {
            streams: BTreeMap::new(),
            is_faulty,
        }
    }

    /// Takes a message; when it arrives, unless it is lost.
    pub(super) fn send(&mut self, message: PeerMessage, now: u64, random: &mut Random) -> Option<(u64, Sent)> {
        let (from, to) = (message.message.from, message.message.to);
        let stream = self.streams.entry((from, to)).or_default();
        if stream.is_blocked || (self.is_faulty && random.chance(2)) {
            return None;
        }
        let delay = if self.is_faulty && random.chance(5) {
            random.between(20, 200)
        } else {
            random.between(0, 8)
        };
        stream.newest = stream.newest.max(now + delay);
        Some((
            stream.newest,
            Sent {
                from,
                to,
                connection: stream.connection,
                message,
            },
        ))
    }

    /// Whether the connection that a message was sent on still stands.
    pub(super) fn arrives(&self, sent: &Sent) -> bool {
        let stream = self.streams.get(&(sent.from, sent.to));
        stream.is_some_and(|stream| stream.connection == sent.connection && !stream.is_blocked)
    }

    /// A node stopped: its connections are gone.
    pub(super) fn disconnect(&mut self, node: u64) {
        for (&(from, to), stream) in &mut self.streams {
            if from == node || to == node {
                stream.connection += 1;
            }
        }
    }

    /// Breaks both directions between two nodes.
    pub(super) fn block(&mut self, one: u64, other: u64) {
        for pair in [(one, other), (other, one)] {
            let stream = self.streams.entry(pair).or_default();
            stream.is_blocked = true;
            stream.connection += 1;
        }
    }

    pub(super) fn heal(&mut self) {
        self.streams.values_mut().for_each(|stream| stream.is_blocked = false);
    }
}
