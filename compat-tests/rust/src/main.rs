//! The checks of rdkafka, the Rust client: `rdkafka-suite BOOTSTRAP [TEXT]…`, or one member of a group in a process of
//! its own, which can be killed: `rdkafka-suite member BOOTSTRAP TOPIC [NAME=VALUE]…`.

mod admin;
mod checks;
mod cluster;
mod commit;
mod consume;
mod errors;
mod groups;
mod member;
mod produce;
mod record;
mod restart;
mod scene;

use std::sync::Arc;

use checks::Checks;
use cluster::Cluster;

/// Checks that run at once. Most of their time is waiting.
const THREADS: usize = 6;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, bootstrap, topic, settings @ ..] = &arguments[..]
        && command == "member"
    {
        member::child(bootstrap, topic, settings);
        return;
    }
    let [bootstrap, texts @ ..] = &arguments[..] else {
        eprintln!("usage: rdkafka-suite BOOTSTRAP [TEXT]…");
        std::process::exit(2);
    };
    let cluster = Arc::new(Cluster::new(bootstrap));
    let mut checks = Checks::default();
    // The slowest first, as they wait most.
    groups::register(&mut checks, &cluster);
    produce::register(&mut checks, &cluster);
    consume::register(&mut checks, &cluster);
    commit::register(&mut checks, &cluster);
    admin::register(&mut checks, &cluster);
    errors::register(&mut checks, &cluster);
    restart::register(&mut checks, &cluster);
    checks.run(THREADS, texts);
}
