//! What attackers do. Their connections come from 127.0.0.2 and up, good clients' from 127.0.0.1.

mod connections;
mod counts;
mod reading;
mod records;
mod sizes;
mod state;
mod telemetry;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::raw::Raw;

/// One kind of attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// What it is called.
    pub name: &'static str,
    /// Threads that do it.
    pub threads: u8,
    /// What each does, again and again; an error is its connection's end.
    once: fn(&Target<'_>) -> io::Result<()>,
    /// Limits of which one at least is reached.
    pub reaches: &'static [&'static str],
}

/// All of them.
pub const ATTACKS: &[Attack] = &[
    attack("array counts", 3, counts::everywhere, &[]),
    attack(
        "declared sizes",
        4,
        sizes::declared,
        &["socket.request.max.bytes", "weir.max.request.bytes"],
    ),
    attack("half frames", 4, sizes::halves, &[]),
    attack("slow frames", 4, sizes::slow, &[]),
    attack("malformed frames", 4, sizes::malformed, &[]),
    attack("slow readers", 4, reading::slow_fetches, &[]),
    attack(
        "no reading",
        4,
        reading::never,
        &[
            "weir.max.pipelined.requests",
            "weir.max.connection.response.bytes",
            "weir.max.response.bytes",
        ],
    ),
    attack("bombs", 4, records::bombs, &["weir.max.decompressed.batch.bytes"]),
    attack(
        "producer ids",
        4,
        records::producer_ids,
        &["weir.max.producer.ids.per.partition"],
    ),
    attack(
        "fetch sessions",
        4,
        state::fetch_sessions,
        &[
            "max.incremental.fetch.session.cache.slots",
            "weir.max.fetch.session.partitions",
        ],
    ),
    attack("groups", 4, state::groups, &[]),
    attack(
        "members",
        4,
        state::members,
        &["weir.max.group.memory.bytes", "weir.max.member.metadata.bytes"],
    ),
    attack("commits", 4, state::commits, &[]),
    attack("names", 4, state::names, &[]),
    attack("empty names", 4, state::empty_names, &["fixed.request.fields"]),
    attack("group names", 4, state::group_names, &[]),
    attack("names at partitions", 4, state::names_at_partitions, &[]),
    attack(
        "subscriptions",
        2,
        telemetry::subscriptions,
        &["weir.max.client.metrics.subscriptions"],
    ),
    attack("pushes", 4, telemetry::pushes, &[]),
    attack("configurations", 2, state::configurations, &["weir.max.config.bytes"]),
    attack("topics", 2, state::topics, &["weir.max.partitions"]),
    attack("connections", 4, connections::open_and_close, &[]),
    attack("idle connections", 4, connections::idle, &[]),
];

const fn attack(
    name: &'static str,
    threads: u8,
    once: fn(&Target<'_>) -> io::Result<()>,
    reaches: &'static [&'static str],
) -> Attack {
    Attack {
        name,
        threads,
        once,
        reaches,
    }
}

/// Whom a thread attacks.
pub struct Target<'a> {
    address: SocketAddr,
    /// The last number of the thread's address.
    from: u8,
    stop: &'a AtomicBool,
    count: &'a AtomicU64,
}

impl Target<'_> {
    fn open(&self) -> io::Result<Raw> {
        Raw::open(self.address, self.from)
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// A number that nobody else gets.
    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }
}

/// Makes what the attacks need, so that none of them has to wait for that.
pub fn prepare() {
    records::prepare();
}

/// Attacks for so long. How often something was done.
pub fn run(attack: &Attack, address: SocketAddr, lasting: Duration) -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let times = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..attack.threads {
            let target = Target {
                address,
                from: 2 + thread,
                stop: &stop,
                count: &NUMBERS,
            };
            let times = &times;
            scope.spawn(move || {
                while target.goes_on() {
                    // Being thrown out is what an attacker expects.
                    let _ = (attack.once)(&target);
                    times.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let began = Instant::now();
        while began.elapsed() < lasting {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
    });
    times.into_inner()
}
