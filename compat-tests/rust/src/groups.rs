//! Groups of three whose members come, go, die and come back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::checks::{Checks, Outcome, equal, eventually, holds};
use crate::cluster::{Body, Cluster};
use crate::scene::{PARTITIONS, Scene};

pub fn register(checks: &mut Checks, cluster: &Arc<Cluster>) {
    let bodies: [(&str, Body); 3] = [("range", range), ("cooperative", cooperative), ("static", statics)];
    for (name, body) in bodies {
        let cluster = Arc::clone(cluster);
        checks.add(format!("group.{name}"), move || body(&cluster));
    }
}

/// Eager: at each change everybody gives up everything.
fn range(cluster: &Cluster) -> Outcome {
    let range = [("partition.assignment.strategy", "range")];
    let mut scene = Scene::new(cluster, "group-range")?;
    scene.join("a", &range)?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.join("b", &range)?;
    scene.join_in_own_process("c", &range)?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    let given = scene.drain_revoked("a").into_iter().next();
    equal(Some((0..PARTITIONS).collect()), given, "given up when another joined")?;
    for name in ["c", "a"] {
        scene.end(name);
        let shares = scene.settle()?;
        scene.expect_round(&shares)?;
    }
    scene.join("d", &range)?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    Ok("5 rounds: one, three, one killed, one left, one new".into())
}

/// Cooperative: only what moves is given up.
fn cooperative(cluster: &Cluster) -> Outcome {
    let sticky = [("partition.assignment.strategy", "cooperative-sticky")];
    let mut scene = Scene::new(cluster, "group-cooperative")?;
    scene.join("a", &sticky)?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.join("b", &sticky)?;
    let two = scene.settle()?;
    scene.expect_round(&two)?;
    let given: BTreeSet<i32> = scene.drain_revoked("a").into_iter().flatten().collect();
    equal(two.get("b"), Some(&given), "given up when another joined")?;
    scene.join_in_own_process("c", &sticky)?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.end("b");
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.drain_revoked("a");
    scene.end("c");
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    equal(Vec::new(), scene.drain_revoked("a"), "given up when another died")?;
    Ok("5 rounds: one, two, three, one left, one killed".into())
}

/// A static member that comes back within its session disturbs nobody; a second one with its name drives it out.
fn statics(cluster: &Cluster) -> Outcome {
    let named = |name: &'static str| {
        [
            ("partition.assignment.strategy", "range"),
            ("group.instance.id", name),
            ("session.timeout.ms", "12000"),
        ]
    };
    let mut scene = Scene::new(cluster, "group-static")?;
    scene.join("a", &named("a"))?;
    scene.join("b", &named("b"))?;
    scene.join_in_own_process("c", &named("c"))?;
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.drain_revoked("b");
    scene.end("a");
    scene.join("a", &named("a"))?;
    equal(&shares, &scene.settle()?, "shares after a came back")?;
    scene.expect_round(&shares)?;
    equal(Vec::new(), scene.drain_revoked("b"), "given up when a came back")?;
    let old = scene.join("b", &named("b"))?.ok_or("there was no b")?;
    eventually("the old b is fenced", || Ok(old.failure().is_some()))?;
    let failure = old.failure().unwrap_or_default();
    holds(
        failure.to_lowercase().contains("fence"),
        format_args!("the old b failed with {failure}"),
    )?;
    drop(old);
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    scene.end("c");
    let shares = scene.settle()?;
    scene.expect_round(&shares)?;
    Ok("4 rounds: three, one restart, one fenced, one killed and expired".into())
}
