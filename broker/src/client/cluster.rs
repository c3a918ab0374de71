//! A cluster as a client sees it: its brokers, connections to them, and who leads what.
//!
//! Invariant: whatever is asked ends by the deadline of [`Options::timeout`], and is asked again only where nothing can have
//! been done by the first time, or where doing it twice is doing it once ([`Effect`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest, MetadataResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::connection::Connection;
use super::error::{ClientError, ErrorCode, check, lacks};
use super::{text, topic_name};
use crate::config::HostPort;

/// How long connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Before something is asked again for the first time; twice that the next time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where the cluster is and how patient to be with it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Brokers to begin with; one is enough.
    pub bootstrap: Vec<HostPort>,
    /// How long anything may take in all.
    pub timeout: Duration,
    /// The name under which brokers see this client.
    pub client_id: String,
}

/// What asking twice would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The same as asking once: a lost answer is asked for again.
    None,
    /// Something: asked again only where it surely was not done.
    Change,
}

/// A broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Where it listens.
    pub address: HostPort,
    /// Where it stands, if it says so.
    pub rack: Option<String>,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The connection to whichever address answered first.
    bootstrap: Option<Arc<Connection>>,
    connections: BTreeMap<i32, Arc<Connection>>,
    nodes: BTreeMap<i32, Node>,
    controller: Option<i32>,
}

impl Cluster {
    /// Connects to the first address that answers.
    pub async fn connect(options: Options) -> Result<Arc<Self>, ClientError> {
        let cluster = Cluster {
            options,
            state: tokio::sync::Mutex::default(),
        };
        cluster.any().await?;
        Ok(Arc::new(cluster))
    }

    /// How long anything may take.
    pub fn timeout(&self) -> Duration {
        self.options.timeout
    }

    /// The same in milliseconds, as requests carry it.
    pub(super) fn timeout_ms(&self) -> i32 {
        i32::try_from(self.options.timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// A connection to some broker.
    pub async fn any(&self) -> Result<Arc<Connection>, ClientError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.bootstrap.as_ref().filter(|it| !it.is_closed()) {
            return Ok(connection.clone());
        }
        let open = state.connections.values().find(|it| !it.is_closed()).cloned();
        if let Some(connection) = open {
            return Ok(connection);
        }
        let known = state.nodes.values().map(|node| node.address.clone());
        let mut addresses: Vec<HostPort> = self.options.bootstrap.clone();
        addresses.extend(known);
        let mut last = None;
        for address in &addresses {
            match self.dial(address, address.to_string()).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    state.bootstrap = Some(connection.clone());
                    return Ok(connection);
                }
                Err(problem) => last = Some(problem),
            }
        }
        let list = self
            .options
            .bootstrap
            .iter()
            .map(HostPort::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        Err(ClientError::NoBroker {
            addresses: list,
            reason: match last {
                Some(ClientError::Connect { source, .. }) => source.to_string(),
                Some(problem) => problem.to_string(),
                None => "there is no address".to_owned(),
            },
        })
    }

    /// A connection to the broker with an id.
    pub async fn broker(&self, id: i32) -> Result<Arc<Connection>, ClientError> {
        let mut state = self.state.lock().await;
        if let Some(connection) = state.connections.get(&id).filter(|it| !it.is_closed()) {
            return Ok(connection.clone());
        }
        let Some(node) = state.nodes.get(&id) else {
            return Err(ClientError::NoLeader {
                subject: format!("broker {id} is not known, and what it leads"),
            });
        };
        let connection = Arc::new(self.dial(&node.address, format!("{id} at {}", node.address)).await?);
        state.connections.insert(id, connection.clone());
        Ok(connection)
    }

    /// A connection to the controller, or whoever stands for it.
    pub async fn controller(&self) -> Result<Arc<Connection>, ClientError> {
        let known = self.state.lock().await.controller;
        let id = match known {
            Some(id) => Some(id),
            None => {
                self.metadata(Some(&[]), false).await?;
                self.state.lock().await.controller
            }
        };
        match id {
            Some(id) => self.broker(id).await,
            None => self.any().await,
        }
    }

    /// The brokers that are known.
    pub async fn nodes(&self) -> Vec<Node> {
        self.state.lock().await.nodes.values().cloned().collect()
    }

    /// What a broker knows of these topics, or of all; brokers and controller are noted. Errors of single topics are left
    /// in the answer.
    pub async fn metadata(&self, topics: Option<&[&str]>, create: bool) -> Result<MetadataResponse, ClientError> {
        let connection = self.any().await?;
        let version = connection.version::<MetadataRequest>()?;
        let one = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let topics = topics.map(|topics| topics.iter().map(one).collect());
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(create || version < 4);
        let answer = connection.call(&request).await?;
        let mut state = self.state.lock().await;
        let mut nodes = BTreeMap::new();
        for broker in &answer.brokers {
            let port = u16::try_from(broker.port).map_err(|_| ClientError::Protocol {
                broker: connection.peer().to_owned(),
                reason: format!(
                    "it says that broker {} listens on port {}",
                    broker.node_id.0, broker.port
                ),
            })?;
            let node = Node {
                id: broker.node_id.0,
                address: HostPort {
                    host: broker.host.to_string(),
                    port,
                },
                rack: broker.rack.as_ref().map(|rack| rack.to_string()),
            };
            nodes.insert(node.id, node);
        }
        // A broker that moved is dialled anew.
        let moved = |id: &i32, nodes: &BTreeMap<i32, Node>| nodes.get(id) != state.nodes.get(id);
        let gone: Vec<i32> = state
            .connections
            .keys()
            .filter(|id| moved(id, &nodes))
            .copied()
            .collect();
        for id in gone {
            state.connections.remove(&id);
        }
        state.nodes = nodes;
        state.controller = Some(answer.controller_id.0).filter(|id| *id >= 0);
        Ok(answer)
    }

    /// A connection to the broker that coordinates a group.
    pub async fn coordinator(&self, group: &str) -> Result<Arc<Connection>, ClientError> {
        let connection = self.any().await?;
        let request = match connection.version::<FindCoordinatorRequest>()? {
            4.. => FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)]),
            _ => FindCoordinatorRequest::default().with_key(text(group)),
        };
        let answer = connection.call(&request).await?;
        let subject = || format!("the coordinator of group {group}");
        let said = |message: &Option<StrBytes>| message.as_ref().map(|message| message.to_string());
        check(answer.error_code, said(&answer.error_message).as_deref(), subject)?;
        let (id, host, port) = match answer.coordinators.first() {
            Some(found) => {
                check(found.error_code, said(&found.error_message).as_deref(), subject)?;
                (found.node_id.0, &found.host, found.port)
            }
            None if !answer.host.is_empty() => (answer.node_id.0, &answer.host, answer.port),
            None => return Err(lacks(connection.peer(), group)),
        };
        let port = u16::try_from(port).map_err(|_| lacks(connection.peer(), "a port of the coordinator"))?;
        let address = HostPort {
            host: host.to_string(),
            port,
        };
        self.state.lock().await.nodes.entry(id).or_insert(Node {
            id,
            address,
            rack: None,
        });
        self.broker(id).await
    }

    /// Asks until there is an answer that time will not change, or the time is over; brokers are looked up anew between.
    pub async fn retry<T>(
        &self,
        effect: Effect,
        mut attempt: impl AsyncFnMut() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let deadline = Instant::now() + self.options.timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let problem = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            if !may_repeat(&problem, effect) || Instant::now() + pause >= deadline {
                return Err(problem);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            // Its own trouble is told by the next attempt.
            let _ = self.metadata(Some(&[]), false).await;
        }
    }

    async fn dial(&self, address: &HostPort, name: String) -> Result<Connection, ClientError> {
        let limit = self.options.timeout.min(CONNECT_TIMEOUT);
        let connecting = TcpStream::connect((address.host.as_str(), address.port));
        let connected = timeout(limit, connecting)
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut)));
        let stream = connected.map_err(|source| ClientError::Connect {
            broker: name.clone(),
            source,
        })?;
        Connection::open(stream, name, &self.options.client_id, self.options.timeout).await
    }
}

fn may_repeat(problem: &ClientError, effect: Effect) -> bool {
    match (problem, effect) {
        (ClientError::Refused { code, .. }, Effect::Change) => code.is_refused_for_now(),
        // A name that is not there will not be there the next time either, as far as a tool is concerned.
        (ClientError::Refused { code, .. }, Effect::None) => {
            code.is_retriable() && *code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        }
        (ClientError::Connect { .. } | ClientError::NoLeader { .. }, _) => true,
        (ClientError::Lost { .. }, Effect::None) => true,
        _ => false,
    }
}
