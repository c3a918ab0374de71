//! A member of a classic group.
//!
//! Strings and bytes are copies of what the request held, so that a member does not keep a whole frame in memory.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::protocol::StrBytes;

use super::member_memory::{Charge, MemberMemory};
use super::records::MemberMetadata;
use super::runtime::Token;
use super::timers::TimerKey;

/// One way in which a member could take part, and what it wants to tell the leader then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: Arc<str>,
    pub(crate) metadata: Bytes,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: Arc<str>,
    /// Set for static members (KIP-345).
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// In the member's order of preference, names unique.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    pub(crate) awaiting_join: Option<Token>,
    pub(crate) awaiting_sync: Option<Token>,
    /// Has not been in a generation yet.
    pub(crate) is_new: bool,
    pub(crate) session_timer: Option<TimerKey>,
    /// See [`Member::recharge`].
    pub(crate) charge: Charge,
}

impl Member {
    /// A member as it was stored.
    pub(crate) fn from_metadata(stored: &MemberMetadata, protocol: &Arc<str>, memory: &MemberMemory) -> Self {
        Self {
            id: stored.member_id.as_str().into(),
            instance_id: stored.instance_id.as_deref().map(Into::into),
            client_id: stored.client_id.as_str().into(),
            client_host: stored.client_host.as_str().into(),
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            session_timeout_ms: stored.session_timeout_ms,
            protocols: vec![Protocol {
                name: Arc::clone(protocol),
                metadata: stored.subscription.clone(),
            }],
            assignment: stored.assignment.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
            session_timer: None,
            charge: memory.charge(),
        }
    }

    /// Counts anew what the member holds, after it has changed.
    pub(crate) fn recharge(&mut self) {
        let names = [&self.id, &self.client_id, &self.client_host];
        let names = names.into_iter().chain(&self.instance_id).map(|name| name.len());
        let bytes = size_of::<Self>() + names.sum::<usize>() + self.protocol_bytes() + self.assignment.len();
        self.charge.set(bytes);
    }

    /// Bytes that its join request brought.
    pub(crate) fn protocol_bytes(&self) -> usize {
        let protocols = self.protocols.iter();
        protocols
            .map(|protocol| protocol.name.len() + protocol.metadata.len())
            .sum()
    }

    pub(crate) fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    /// Whether silence is fine: the member waits for us. A new one may still be given up while it waits.
    pub(crate) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// What the member says in this protocol; empty where it does not know it.
    pub(crate) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.protocols
            .iter()
            .find(|own| Some(own.name.as_ref()) == protocol)
            .map(|own| own.metadata.clone())
            .unwrap_or_default()
    }

    pub(crate) fn instance_id(&self) -> Option<StrBytes> {
        self.instance_id.as_deref().map(str_bytes)
    }
}

/// The protocols of a join request, the first of each name.
pub(crate) fn protocols_of(request: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
    let mut seen = std::collections::BTreeSet::new();
    request
        .iter()
        .filter(|protocol| seen.insert(protocol.name.as_str()))
        .map(|protocol| Protocol {
            name: protocol.name.as_str().into(),
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        })
        .collect()
}

/// A copy of a string for a response.
pub(crate) fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
