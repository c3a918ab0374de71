//! Each attack for some seconds, one after the other, on one broker: the process stays up, no good client sees an error or
//! waits five seconds, its memory stays below 300 MB, and comes back.
//!
//! `WEIR_ATTACK_SECONDS` says how long each lasts (2), `WEIR_ATTACKS` names those that are tried, separated by commas (all).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crash_tests::broker_process::Broker;
use crash_tests::ledger::Ledger;
use crash_tests::scene::Scene;
use crash_tests::summary::{from_env, say};
use hostile_tests::attack::{ATTACKS, Attack, prepare, run};
use hostile_tests::good::{GoodClients, Seen};
use hostile_tests::metrics::{limits, rss_anon};
use hostile_tests::watch::MemoryWatch;

/// What its own memory may be under attack.
const MOST_MEMORY: u64 = 300_000_000;
/// How often each limit was reached.
type Limits = BTreeMap<String, u64>;

/// Good clients must get something done.
const LEAST_ANSWERS: usize = 2;
/// How long an attack goes on beyond its time when it has not reached its limit.
const MOST_MORE: Duration = Duration::from_secs(20);

#[test]
fn good_clients_do_not_notice_attacks() {
    let seconds = from_env("WEIR_ATTACK_SECONDS", 2);
    let only = std::env::var("WEIR_ATTACKS").unwrap_or_default();
    let is_asked = |attack: &&Attack| only.is_empty() || only.split(',').any(|name| name == attack.name);
    let settings = [
        // So that they are reached within seconds.
        ("weir.max.partitions", "1000"),
        ("weir.max.producer.ids.per.partition", "20000"),
        ("weir.max.config.bytes", "4000000"),
    ];
    prepare();
    let mut scene = Scene::new(None, &settings, Ledger::default()).unwrap();
    let mut broker = scene.start().unwrap();
    let watch = MemoryWatch::of(broker.pid());
    let clients = GoodClients::start(broker.address).unwrap();
    let lasting = Duration::from_secs(seconds);
    say(
        "attack                times | small produce p50/p99/max ms | large produce              | group                      | connect                    | RssAnon MB | limits reached",
    );
    std::thread::sleep(Duration::from_secs(1));
    while clients.has_no_member() {
        // It joins a new group, which waits for others at first.
        std::thread::sleep(Duration::from_millis(10));
    }
    clients.take();
    std::thread::sleep(lasting);
    let mut problems = Vec::new();
    let mut before = limits(broker.admin).unwrap();
    report("none", 0, &clients.take(), watch.take_most(), "", &mut problems);
    for attack in ATTACKS.iter().filter(is_asked) {
        let mut times = run(attack, broker.address, lasting);
        let since = Instant::now();
        // A slow machine may need more of it to get to the limit.
        while !is_reached(attack, &before, &broker) && since.elapsed() < MOST_MORE {
            times += run(attack, broker.address, lasting);
        }
        let seen = clients.take();
        if let Some(problem) = broker.ended() {
            let kept = scene.keep();
            panic!("{}: {problem}\n{}", attack.name, scene.tell(&kept));
        }
        let now = limits(broker.admin).unwrap();
        let reached = risen(&before, &now);
        if !attack.reaches.is_empty() && !attack.reaches.iter().any(|name| reached.contains(name)) {
            problems.push(format!("{}: none of {:?} is reached", attack.name, attack.reaches));
        }
        report(
            attack.name,
            times,
            &seen,
            watch.take_most(),
            &reached.join(", "),
            &mut problems,
        );
        before = now;
    }
    // What they left is answered to the end, while nobody attacks.
    std::thread::sleep(Duration::from_secs(1));
    let after = clients.take();
    let left = memory_left(&broker);
    report("after them", 0, &after, watch.take_most(), "", &mut problems);
    say(&format!("RssAnon left: {} MB", left / 1_000_000));
    drop(clients);
    broker.stop(&scene.options).unwrap();
    if !problems.is_empty() {
        let kept = scene.keep();
        panic!("{}\n{}", problems.join("\n"), scene.tell(&kept));
    }
}

/// The limits that were reached since `before`.
fn risen<'a>(before: &Limits, now: &'a Limits) -> Vec<&'a str> {
    let risen = now.iter().filter(|(name, count)| before.get(*name) < Some(count));
    risen.map(|(name, _)| name.as_str()).collect()
}

/// Whether the attack has reached what it is to reach. Of a broker that does not answer this is not known: its end is told
/// elsewhere.
fn is_reached(attack: &Attack, before: &Limits, broker: &Broker) -> bool {
    let Ok(now) = limits(broker.admin) else { return true };
    attack.reaches.is_empty() || attack.reaches.iter().any(|name| risen(before, &now).contains(name))
}

/// The least of some seconds.
fn memory_left(broker: &Broker) -> u64 {
    let began = Instant::now();
    let mut least = u64::MAX;
    while began.elapsed() < Duration::from_secs(3) {
        least = least.min(rss_anon(broker.pid()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(100));
    }
    least
}

fn report(name: &str, times: u64, seen: &Seen, memory: u64, reached: &str, problems: &mut Vec<String>) {
    let Seen {
        produces,
        large,
        group,
        connects,
        ..
    } = seen;
    say(&format!(
        "{name:20} {times:6} | {produces} | {large} | {group} | {connects} | {:10.1} | {reached}",
        memory as f64 / 1e6
    ));
    for problem in seen.problems.iter().take(5) {
        say(&format!("    {problem}"));
        problems.push(format!("{name}: {problem}"));
    }
    if memory > MOST_MEMORY {
        problems.push(format!("{name}: {} MB of memory", memory / 1_000_000));
    }
    for (what, latencies) in [("produce", produces), ("group", group), ("connect", connects)] {
        if latencies.len() < LEAST_ANSWERS {
            problems.push(format!("{name}: only {} answers to {what}", latencies.len()));
        }
    }
}
