//! `weir serve`: from a configuration to a broker that serves, and back to an orderly stop.
//!
//! Order at start: addresses are bound (so that a port in use is told before anything is opened), the data directory is
//! locked, the node opened, this broker registered; then connections are accepted and the ready line is printed. Order
//! at stop: no new connections, what is in flight is answered, everything is synced and checkpointed, the journal notes
//! the stop.

mod cleaner;
mod collect;
mod logging;
mod pace;
mod quotas;
mod readiness;
mod signals;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use storage::disk::{DirLock, Disk, LockError, RealDisk};
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::sync::watch;
use uuid::Uuid;

use crate::api::{Api, Context};
use crate::cli::{LoadError, ServeArgs, host_name};
use crate::config::{BrokerConfig, HostPort, Origin};
use crate::connection::Limits;
use crate::controller::decide::{Registration, register_broker};
use crate::controller::record::BrokerEndpoint;
use crate::coordinator::Coordinators;
use crate::loggers::Loggers;
use crate::metrics::Metrics;
use crate::node::{Clock, Node, OpenNode, StartError, SystemClock, TopicObserver, topic_id};
use crate::server::{Server, Workers};
use crate::settings::{ConfiguredTopics, LiveConfig, Observers, metadata_partition};

/// How long a stop may take, requests in flight included.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// At least this many threads for connections, so that one append that the kernel throttles stalls few.
const MIN_WORKERS: usize = 4;
/// Threads for all that is not a connection: accepting, timers, housekeeping, the admin listener.
const BACKGROUND_THREADS: usize = 2;
/// How often the node looks for what is due.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(20);
/// Into how many portions the scrub's rate is cut.
const SCRUBS_PER_SECOND: u64 = 10;
/// At least so long it leaves the disk alone after each.
const SCRUB_PAUSE: Duration = Duration::from_millis(1);
/// Threads that sync: while one waits for the disk, the other takes what came meanwhile.
const FLUSHERS: usize = 2;
/// Connections that wait to be accepted, at most, where `socket.listen.backlog.size` is not set. When it is full, a
/// client tries again after a second: with Kafka's 50, most clients of a broker that comes back would.
const DEFAULT_BACKLOG: u32 = 1024;
/// Bytes kept free on the disk for the journal, offsets and deletions.
const RESERVE_BYTES: u64 = 64 << 20;

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// The log settings.
    #[error("{from}: {problem}")]
    Log {
        /// The flag or variable that sets it.
        from: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A socket.
    #[error("cannot listen on {address}: {source}: {}choose another with {flag}", in_use_hint(.source))]
    Listen {
        /// The address.
        address: String,
        /// The flag that sets it.
        flag: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The data directory cannot be written.
    #[error(
        "cannot use {path} as data directory: {source}: check that this user may write there, or choose another with --data-dir"
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another process has the data directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A host in the limits of connections.
    #[error(transparent)]
    Host(#[from] quotas::UnknownHost),
    /// The node.
    #[error(transparent)]
    Node(#[from] StartError),
    /// The broker could not be registered in the metadata.
    #[error("cannot register this broker in the cluster's metadata: {0}")]
    Register(String),
    /// Threads or the runtime.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
}

fn in_use_hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => "stop what uses it, or ",
        _ => "",
    }
}

/// Runs the broker until it is told to stop.
pub fn run(args: &ServeArgs) -> Result<(), ServeError> {
    let started = Instant::now();
    let loggers = logging::start(&args.log, args.log_format).map_err(|problem| ServeError::Log {
        from: match std::env::var("WEIR_LOG") {
            Ok(log) if log == args.log => "WEIR_LOG",
            _ => "--log",
        },
        problem,
    })?;
    let config = Arc::new(args.load(&host_name())?);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    raise_descriptor_limit();
    refuse_huge_pages();
    let workers = start_workers()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(BACKGROUND_THREADS)
        .enable_all()
        .thread_name("weir")
        .build()
        .map_err(ServeError::Threads)?;
    let result = runtime.block_on(serve(config, loggers, workers, started));
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(
    config: Arc<BrokerConfig>,
    loggers: Loggers,
    workers: Workers,
    started: Instant,
) -> Result<(), ServeError> {
    let mut stop = signals::Stop::install().map_err(ServeError::Threads)?;
    let quotas = quotas::of(&config.network).await?;
    let kafka = bind(&config.listeners.listen, "--listen", &SocketOptions::of(&config)).await?;
    let admin = bind(&config.admin_listen, "--admin-listen", &SocketOptions::default()).await?;
    let (kafka_address, admin_address) = (local(&kafka), local(&admin));
    let _lock = lock_data_dir(&config)?;
    let opening = config.clone();
    let node = stop
        .or_exit(move || open_node(&opening))
        .await
        .map_err(ServeError::Threads)??;
    let flushers = start_flushers(&node)?;
    register(&node, &config, &kafka).await?;

    let context = Arc::new(Context::new(node.clone(), config.clone()).with_loggers(loggers));
    let metrics = Arc::new(Metrics::with_limits(context.limits.clone()));
    let coordinators = context.coordinators.clone();
    let api = Arc::new(Api::new(context.clone()));
    let server = Server::new(api, workers, limits(&config), quotas, metrics.clone());
    let live_config = Arc::new(LiveConfig::new(context.config.clone()));
    let watch = Arc::new(quotas::Watch::default());
    let observers: Vec<Arc<dyn TopicObserver>> = vec![
        live_config,
        watch.clone(),
        coordinators.clone(),
        context.telemetry.clone(),
    ];
    node.set_observer(Arc::new(Observers::new(observers)));
    tokio::spawn(quotas::follow(watch, context.config.clone(), server.clone()));
    let readiness = Arc::new(readiness::NodeReadiness::new(node.clone(), coordinators.clone()));
    metrics.register(Arc::new(collect::NodeCollector::new(
        node.clone(),
        coordinators.clone(),
    )));
    metrics.register(coordinators.clone());
    metrics.register(context.telemetry.clone());
    tokio::spawn(coordinators.clone().run_timers());
    server.listen(kafka);
    tokio::spawn(crate::admin_http::serve(admin, readiness, metrics));
    let ending = watch::Sender::new(false);
    let housekeeping = tokio::spawn(housekeep(node.clone(), coordinators.clone(), ending.subscribe()));
    let scrub = tokio::spawn(scrub(node.clone(), config.clone(), ending.subscribe()));
    let cleaner = cleaner::CleanerThreads::start(node.clone(), context.config.clone()).map_err(ServeError::Threads)?;
    say_ready(&kafka_address, &admin_address, started);

    let signal = stop.wait().await;
    tracing::info!(signal, "stopping");
    tokio::spawn(async move {
        stop.wait().await;
        tracing::warn!("stopping at once");
        std::process::exit(1);
    });
    // First, for a member that waits for its group would hold its connection until the deadline.
    let stopping = coordinators.clone();
    let _ = tokio::task::spawn_blocking(move || stopping.stop()).await;
    let cut = server.stop(STOP_TIMEOUT).await;
    if cut > 0 {
        tracing::warn!(
            connections = cut,
            "connections had requests in flight when the time was over"
        );
    }
    context.stop().await;
    // The pass that runs ends, and no other begins, before the node is stopped.
    ending.send_replace(true);
    for background in [housekeeping, scrub] {
        let _ = background.await;
    }
    let stopped = tokio::task::spawn_blocking(move || {
        cleaner.stop();
        node.stop_flushers();
        for flusher in flushers {
            let _ = flusher.join();
        }
        node.stop();
    });
    let _ = stopped.await;
    tracing::info!("stopped");
    Ok(())
}

/// Of a listener; its connections inherit the buffers.
///
/// Where `socket.receive.buffer.bytes` is not set the kernel lets a buffer grow with what is read from it: with Kafka's
/// 100 KiB, batches of 1 MB cost 1.33 s of CPU per GB in place of 0.67 to 0.91, and came half as fast.
#[derive(Default)]
struct SocketOptions {
    backlog: Option<u32>,
    receive_buffer: Option<u32>,
    send_buffer: Option<u32>,
}

impl SocketOptions {
    fn of(config: &BrokerConfig) -> Self {
        let network = &config.network;
        let is_set = |name: &str| config.settings().origin(name) != Origin::Default;
        let buffer = |bytes: Option<usize>| bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        SocketOptions {
            backlog: is_set("socket.listen.backlog.size")
                .then(|| u32::try_from(network.socket_listen_backlog_size).ok())
                .flatten(),
            receive_buffer: buffer(network.socket_receive_buffer_bytes)
                .filter(|_| is_set("socket.receive.buffer.bytes")),
            send_buffer: buffer(network.socket_send_buffer_bytes),
        }
    }

    fn listen(&self, address: SocketAddr) -> std::io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        if let Some(bytes) = self.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(address)?;
        socket.listen(self.backlog.unwrap_or(DEFAULT_BACKLOG))
    }
}

async fn bind(address: &HostPort, flag: &'static str, options: &SocketOptions) -> Result<TcpListener, ServeError> {
    let host = if address.host.is_empty() {
        "0.0.0.0"
    } else {
        &address.host
    };
    let listen = |source| ServeError::Listen {
        address: address.to_string(),
        flag,
        source,
    };
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for candidate in lookup_host((host, address.port)).await.map_err(listen)? {
        match options.listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(listen(last))
}

fn local(listener: &TcpListener) -> String {
    listener
        .local_addr()
        .map_or_else(|_| "unknown".to_string(), |address| address.to_string())
}

fn lock_data_dir(config: &BrokerConfig) -> Result<DirLock, ServeError> {
    let path = config.data_dir.clone();
    make_dir(&path).map_err(|source| ServeError::DataDir {
        path: path.clone(),
        source,
    })?;
    match DirLock::acquire(&path) {
        Ok(lock) => Ok(lock),
        Err(LockError::Io { source, .. }) => Err(ServeError::DataDir { path, source }),
        Err(held) => Err(held.into()),
    }
}

/// Makes a directory, its parents as well, and makes the names of all durable.
fn make_dir(path: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|it| !it.as_os_str().is_empty() && !it.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    for parent in missing.iter().filter_map(|made| made.parent()) {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn open_node(config: &Arc<BrokerConfig>) -> Result<Arc<Node>, ServeError> {
    let boot_id = std::env::var_os("WEIR_BOOT_ID_FILE").map(PathBuf::from);
    let descriptors = descriptor_limit() / 2;
    let disk = match boot_id {
        Some(path) => RealDisk::with_boot_id_path(descriptors, path),
        None => RealDisk::new(descriptors),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let open = OpenNode {
        disk: Arc::new(disk) as Arc<dyn Disk>,
        data_dir: config.data_dir.clone(),
        clock,
        node_id: config.node_id as u64,
        new_cluster_id: topic_id::encode(Uuid::new_v4()),
        settings: Arc::new(ConfiguredTopics::new(config.clone())),
        metadata_settings: metadata_partition(),
        reserve_bytes: RESERVE_BYTES,
        retention_interval_ms: config.log.retention_check_interval_ms as i64,
        max_cached_bytes: config.log.write_caching_flush_bytes,
    };
    Ok(open.run()?)
}

fn start_workers() -> Result<Workers, ServeError> {
    let count = std::thread::available_parallelism().map_or(MIN_WORKERS, usize::from);
    Workers::start(count.max(MIN_WORKERS)).map_err(ServeError::Threads)
}

fn start_flushers(node: &Arc<Node>) -> Result<Vec<std::thread::JoinHandle<()>>, ServeError> {
    (0..FLUSHERS)
        .map(|number| {
            let node = node.clone();
            let thread = std::thread::Builder::new().name(format!("weir-flush-{number}"));
            thread.spawn(move || node.run_flusher()).map_err(ServeError::Threads)
        })
        .collect()
}

/// Puts the broker's address into the metadata, if it is not there as it is.
async fn register(node: &Arc<Node>, config: &BrokerConfig, listener: &TcpListener) -> Result<(), ServeError> {
    let error = |error: &dyn std::fmt::Display| ServeError::Register(error.to_string());
    let bound = listener.local_addr().map_err(|source| error(&source))?.port();
    let advertised = &config.listeners.advertised;
    let port = if advertised.port == 0 { bound } else { advertised.port };
    let registration = Registration {
        node_id: config.node_id,
        incarnation_id: Uuid::new_v4(),
        endpoints: vec![BrokerEndpoint {
            name: config.listeners.name.clone(),
            host: advertised.host.clone(),
            port,
            security_protocol: 0,
        }],
        rack: config.rack.clone(),
    };
    let proposal = node
        .propose(|image| register_broker(image, &registration))
        .map_err(|refused| error(&refused))?;
    if let Some(offset) = proposal.offset {
        let mut applied = node.applied();
        applied
            .wait_for(|&applied| applied >= offset)
            .await
            .map_err(|gone| error(&gone))?;
    }
    Ok(())
}

async fn housekeep(node: Arc<Node>, coordinators: Arc<Coordinators>, mut ending: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = ending.wait_for(|ending| *ending) => return,
        }
        let (node, coordinators) = (node.clone(), coordinators.clone());
        let work = tokio::task::spawn_blocking(move || {
            node.housekeep();
            coordinators.housekeep();
        });
        if let Err(error) = work.await {
            tracing::error!(%error, "housekeeping failed");
        }
    }
}

/// Verifies the logs in the background, at the configured rate.
async fn scrub(node: Arc<Node>, config: Arc<BrokerConfig>, mut ending: watch::Receiver<bool>) {
    let (rate, interval_ms) = (config.log.scrub_bytes_per_second, config.log.scrub_interval_ms);
    if rate == 0 {
        return;
    }
    let budget = (rate / SCRUBS_PER_SECOND).max(1);
    loop {
        let node = node.clone();
        let work = tokio::task::spawn_blocking(move || node.scrub(budget, interval_ms));
        let bytes = work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the scrub failed");
            budget
        });
        let pause = match bytes {
            0 => Duration::from_secs(1),
            bytes => Duration::from_secs_f64(bytes as f64 / rate as f64),
        };
        tokio::select! {
            () = tokio::time::sleep(pause.max(SCRUB_PAUSE)) => {}
            _ = ending.wait_for(|ending| *ending) => return,
        }
    }
}

fn say_ready(kafka: &str, admin: &str, started: Instant) {
    let line = format!(
        "weir ready kafka={kafka} admin={admin} in={} ms\n",
        started.elapsed().as_millis()
    );
    let mut out = std::io::stdout();
    // Nobody may be reading: the broker serves all the same.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

fn limits(config: &BrokerConfig) -> Limits {
    let network = &config.network;
    Limits {
        max_frame_bytes: network.socket_request_max_bytes,
        max_request_bytes: network.max_request_bytes,
        in_flight_bytes: network.queued_max_request_bytes.unwrap_or(usize::MAX >> 4),
        max_pipelined: network.max_pipelined_requests,
        max_connection_response_bytes: network.max_connection_response_bytes as u64,
        max_response_bytes: network.max_response_bytes as u64,
        idle_timeout: network.connections_max_idle_ms.map(Duration::from_millis),
        frame_timeout: Duration::from_millis(network.frame_timeout_ms),
        cold_reads: network.max_cold_reads,
    }
}

/// The allocator asks for huge pages, of which the first byte takes 2 MiB: a buffer for each connection, reserved for a
/// frame that does not arrive, would take a hundred times its use.
fn refuse_huge_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "transparent huge pages stay as they are");
    }
}

/// The soft limit of open files, raised to the hard one: many users have 1,024.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    ) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.map_or(1 << 20, |limit| limit as usize)
}
