//! Listens, accepts, shuts down.
//!
//! Invariant: every accepted connection is counted until its task has ended, so that the limits (`max.connections`,
//! `max.connections.per.ip` and its overrides) hold at any moment and a stop knows when nobody is left.
//!
//! At `max.connections` no more are accepted until one closes; new ones wait in the kernel's backlog. Above the limit
//! for its address a connection is closed at once, as in Kafka. The limits can change at any time; connections above a
//! new limit stay.

mod workers;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use crate::connection::driver::Ended;
use crate::connection::{Connection, ConnectionInfo, Control, Limits, Service, Shared};
use crate::metrics::{Limit, Metrics};

pub use workers::Workers;

/// How long accepting rests after it failed for want of descriptors or memory.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// How long a stop waits for the connections that it has cut.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct ConnectionQuotas {
    /// `max.connections`.
    pub max_connections: usize,
    /// `max.connections.per.ip`.
    pub max_per_ip: usize,
    /// `max.connections.per.ip.overrides`.
    pub per_ip_overrides: BTreeMap<IpAddr, usize>,
}

impl Default for ConnectionQuotas {
    fn default() -> Self {
        let max = i32::MAX as usize;
        Self {
            max_connections: max,
            max_per_ip: max,
            per_ip_overrides: BTreeMap::new(),
        }
    }
}

/// The Kafka front end: listeners and their connections.
pub struct Server<S> {
    shared: Arc<Shared<S>>,
    workers: Workers,
    quotas: ArcSwap<ConnectionQuotas>,
    open: Mutex<Open>,
    next_id: AtomicU64,
    stopping: watch::Sender<bool>,
    /// A connection has closed, or the quotas are others.
    changed: Notify,
}

#[derive(Default)]
struct Open {
    connections: BTreeMap<u64, Arc<Control>>,
    per_ip: BTreeMap<IpAddr, usize>,
}

impl<S: Service> Server<S> {
    /// A server without listeners yet, whose connections live on these threads.
    pub fn new(
        service: Arc<S>,
        workers: Workers,
        limits: Limits,
        quotas: ConnectionQuotas,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared::new(service, limits, metrics)),
            workers,
            quotas: ArcSwap::from_pointee(quotas),
            open: Mutex::default(),
            next_id: AtomicU64::new(0),
            stopping: watch::Sender::new(false),
            changed: Notify::new(),
        })
    }

    /// Accepts connections from a listener until [`Server::stop`], in a task of its own. A second listener may exceed
    /// `max.connections` by one connection.
    pub fn listen(self: &Arc<Self>, listener: TcpListener) {
        let server = self.clone();
        let mut stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = server.accept_all(listener) => {}
                // An error means that the sender is gone, with the server.
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        });
    }

    /// From now on these hold.
    pub fn set_quotas(&self, quotas: ConnectionQuotas) {
        self.quotas.store(Arc::new(quotas));
        self.changed.notify_waiters();
    }

    /// Connections open at the moment.
    pub fn connections(&self) -> usize {
        self.open.lock().connections.len()
    }

    /// Stops: no more connections and requests; those taken are answered until the deadline. Returns how many
    /// connections still had requests in flight then and were cut.
    pub async fn stop(&self, deadline: Duration) -> usize {
        self.stopping.send_replace(true);
        self.open
            .lock()
            .connections
            .values()
            .for_each(|control| control.drain());
        self.shared.service.drain();
        if tokio::time::timeout(deadline, self.all_closed()).await.is_ok() {
            return 0;
        }
        let cut: Vec<_> = self.open.lock().connections.values().cloned().collect();
        cut.iter().for_each(|control| control.abort());
        // Their tasks end at their next poll, which only a disk that hangs keeps them from.
        let _ = tokio::time::timeout(CUT_TIMEOUT, self.all_closed()).await;
        cut.len()
    }

    async fn all_closed(&self) {
        loop {
            let closed = self.changed.notified();
            if self.open.lock().connections.is_empty() {
                return;
            }
            closed.await;
        }
    }

    async fn accept_all(self: &Arc<Self>, listener: TcpListener) {
        let network = &self.shared.metrics.network;
        loop {
            self.room().await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // There may be less now than when we began to wait for it.
                    self.room().await;
                    self.admit(stream, peer);
                }
                Err(error) => {
                    network.accept_errors.add(1);
                    // The peer that gave up before it was accepted is no reason to rest.
                    if error.kind() != io::ErrorKind::ConnectionAborted {
                        warn!(%error, "cannot accept connections, trying again");
                        tokio::time::sleep(ACCEPT_BACK_OFF).await;
                    }
                }
            }
        }
    }

    /// Waits until there may be one connection more; one there always may.
    async fn room(&self) {
        let mut counted = false;
        loop {
            let changed = self.changed.notified();
            if self.connections() < self.quotas.load().max_connections.max(1) {
                return;
            }
            if !counted {
                self.shared.metrics.limits.reached(Limit::MaxConnections);
                counted = true;
            }
            changed.await;
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let ip = peer.ip().to_canonical();
        let Some(place) = self.place(ip) else {
            self.shared.metrics.network.refused_per_ip.add(1);
            self.shared.metrics.limits.reached(Limit::MaxConnectionsPerIp);
            info!(%peer, "connection closed: max.connections.per.ip is reached");
            return;
        };
        let local = match stream.set_nodelay(true).and_then(|()| stream.local_addr()) {
            Ok(local) => local,
            // The peer is gone already.
            Err(error) => return debug!(%peer, %error, "connection ended"),
        };
        let info = Arc::new(ConnectionInfo {
            id: place.id,
            peer,
            local,
            software: Default::default(),
        });
        let shared = self.shared.clone();
        // Its reactor is another one from now on.
        let stream = match stream.into_std() {
            Ok(stream) => stream,
            Err(error) => return debug!(%peer, %error, "connection ended"),
        };
        self.workers.next().spawn(async move {
            let id = place.id;
            let stream = match TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(error) => return warn!(id, %peer, %error, "connection closed"),
            };
            match Connection::new(stream, shared, info, place.control.clone()).run().await {
                Ended::Refused(reason) => warn!(id, %peer, reason, "connection closed"),
                reason @ (Ended::Idle | Ended::FrameTimeout) => info!(id, %peer, %reason, "connection closed"),
                reason => debug!(id, %peer, %reason, "connection ended"),
            }
            drop(place);
        });
    }

    /// Counts a connection; `None` where its address has its number already.
    fn place(self: &Arc<Self>, ip: IpAddr) -> Option<Place<S>> {
        let quotas = self.quotas.load();
        let limit = quotas.per_ip_overrides.get(&ip).copied().unwrap_or(quotas.max_per_ip);
        let mut open = self.open.lock();
        let count = open.per_ip.get(&ip).copied().unwrap_or(0);
        if count >= limit {
            return None;
        }
        open.per_ip.insert(ip, count + 1);
        let id = self.next_id.fetch_add(1, Relaxed);
        let control = Arc::new(Control::default());
        open.connections.insert(id, control.clone());
        if *self.stopping.borrow() {
            control.drain();
        }
        self.shared.metrics.network.accepted.add(1);
        self.shared.metrics.network.connections.add(1);
        Some(Place {
            server: self.clone(),
            id,
            ip,
            control,
        })
    }
}

/// A counted connection, until it is dropped.
struct Place<S> {
    server: Arc<Server<S>>,
    id: u64,
    ip: IpAddr,
    control: Arc<Control>,
}

impl<S> Drop for Place<S> {
    fn drop(&mut self) {
        let mut open = self.server.open.lock();
        open.connections.remove(&self.id);
        if let Some(count) = open.per_ip.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.per_ip.remove(&self.ip);
            }
        }
        drop(open);
        self.server.shared.metrics.network.connections.add(-1);
        self.server.changed.notify_waiters();
    }
}
