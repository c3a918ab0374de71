//! Things that the broker has to remember.

use std::io;

use kafka_protocol::messages::ApiKey;

use super::Target;
use crate::good::TOPIC;
use crate::raw::{Raw, array, frame, text};

/// Sessions of which each has some partitions.
pub(super) fn fetch_sessions(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    let partition = |index: i32| {
        let numbers = [
            &index.to_be_bytes()[..],
            &0_i64.to_be_bytes(),
            &0_i64.to_be_bytes(),
            &1_i32.to_be_bytes(),
        ];
        numbers.concat()
    };
    // Fetch 7; partitions that do not exist are remembered, too.
    let topic = [text(TOPIC), array((0..500).map(partition))].concat();
    let head = [-1_i32, 0, 0, 1].map(i32::to_be_bytes).concat();
    let session = [0_i32, 0].map(i32::to_be_bytes).concat();
    let body = [head, vec![0], session, array([topic]), array([])].concat();
    while target.goes_on() {
        client.request(ApiKey::Fetch, 7, &body)?;
        client.answer()?;
    }
    Ok(())
}

/// A JoinGroup 3, which is taken in without a second one.
fn join(group: &str, metadata: usize) -> Vec<u8> {
    let protocol = [&text("range")[..], &(metadata as i32).to_be_bytes(), &vec![7; metadata]].concat();
    [
        &text(group)[..],
        &300_000_i32.to_be_bytes(),
        &i32::MAX.to_be_bytes(),
        &text(""),
        &text("consumer"),
        &array([protocol]),
    ]
    .concat()
}

fn find_coordinator(client: &mut Raw) -> io::Result<()> {
    client.request(ApiKey::FindCoordinator, 0, &text("attacked"))?;
    client.answer().map(drop)
}

/// Many groups of one member with much to keep.
pub(super) fn groups(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    find_coordinator(&mut client)?;
    while target.goes_on() {
        let group = format!("attack-{}", target.number());
        client.request(ApiKey::JoinGroup, 3, &join(&group, 500_000))?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Many members of few groups, who wait for each other on a connection each.
pub(super) fn members(target: &Target<'_>) -> io::Result<()> {
    let mut held: Vec<Raw> = Vec::new();
    while target.goes_on() {
        let number = target.number();
        let metadata = [100, 1_900_000, 2_100_000][(number % 3) as usize];
        let mut client = target.open()?;
        client.request(
            ApiKey::JoinGroup,
            3,
            &join(&format!("attacked-{}", number % 8), metadata),
        )?;
        held.push(client);
        if held.len() > 300 {
            held.clear();
        }
    }
    Ok(())
}

/// An OffsetCommit 2 of offsets in one topic, without a member.
fn commit(group: &str, topic: &[u8]) -> Vec<u8> {
    [
        &text(group)[..],
        &(-1_i32).to_be_bytes(),
        &text(""),
        &(-1_i64).to_be_bytes(),
        &array([topic.to_vec()]),
    ]
    .concat()
}

/// Offsets with long texts, in ever new groups.
pub(super) fn commits(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    find_coordinator(&mut client)?;
    let note = "n".repeat(4_000);
    let partition = |index: i32| [&index.to_be_bytes()[..], &5_i64.to_be_bytes(), &text(&note)].concat();
    let topic = [text(TOPIC), array([partition(0), partition(1)])].concat();
    while target.goes_on() {
        let group = format!("commits-{}", target.number());
        client.request(ApiKey::OffsetCommit, 2, &commit(&group, &topic))?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Offsets of ever new groups with long names.
pub(super) fn group_names(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    find_coordinator(&mut client)?;
    let partition = [&0_i32.to_be_bytes()[..], &5_i64.to_be_bytes(), &text("")].concat();
    let topic = [text(TOPIC), array([partition])].concat();
    while target.goes_on() {
        let group = format!("{}-{}", target.number(), "g".repeat(30_000));
        client.request(ApiKey::OffsetCommit, 2, &commit(&group, &topic))?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// One long name, and as many partitions as may be named: a message at each would repeat it.
pub(super) fn names_at_partitions(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    let partitions = array((0..99_000_i32).map(|index| index.to_be_bytes().to_vec()));
    let topic = [text(&"n".repeat(30_000)), partitions].concat();
    // ElectLeaders 1.
    let body = [&[0][..], &array([topic]), &30_000_i32.to_be_bytes()].concat();
    while target.goes_on() {
        client.request(ApiKey::ElectLeaders, 1, &body)?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Requests that name far more than there is.
pub(super) fn names(target: &Target<'_>) -> io::Result<()> {
    const MANY: usize = 99_000;
    let mut client = target.open()?;
    let requests = [
        // Metadata 4: no topic is made.
        frame(
            ApiKey::Metadata,
            4,
            &[array((0..MANY).map(|n| text(&format!("no-{n}")))), vec![0]].concat(),
        ),
        frame(
            ApiKey::DescribeConfigs,
            3,
            &[
                array((0..MANY).map(|_| [&[4][..], &text("1"), &(-1_i32).to_be_bytes()].concat())),
                vec![1, 1],
            ]
            .concat(),
        ),
        frame(
            ApiKey::DescribeGroups,
            0,
            &array((0..MANY).map(|n| text(&format!("no-{n}")))),
        ),
        frame(ApiKey::DescribeGroups, 0, &array((0..MANY).map(|_| text("good")))),
        frame(
            ApiKey::DeleteGroups,
            0,
            &array((0..MANY).map(|n| text(&format!("no-{n}")))),
        ),
        frame(
            ApiKey::OffsetFetch,
            1,
            &[
                text("good-offsets"),
                array([[text(TOPIC), array((0..MANY).map(|n| (n as i32).to_be_bytes().to_vec()))].concat()]),
            ]
            .concat(),
        ),
        frame(
            ApiKey::DeleteTopics,
            1,
            &[array((0..MANY).map(|n| text(&format!("no-{n}")))), vec![0; 4]].concat(),
        ),
    ];
    while target.goes_on() {
        let request = &requests[(target.number() % requests.len() as u64) as usize];
        let asked = client
            .send(request)
            .and_then(|()| client.answer_late(|| target.goes_on()));
        if asked.is_err() {
            client = target.open()?;
        }
    }
    Ok(())
}

/// As many names as fit, of no length.
pub(super) fn empty_names(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    client.send(&frame(
        ApiKey::DescribeGroups,
        0,
        &array((0..4_000_000).map(|_| text(""))),
    ))?;
    client.answer_late(|| target.goes_on()).map(drop)
}

/// Values that the metadata keeps.
pub(super) fn configurations(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    let value = "1:1,".repeat(8_000);
    let config = |name: &str| [text(name), vec![0], text(&value[..value.len() - 1])].concat();
    while target.goes_on() {
        let topic = format!("configured-{}", target.number());
        client.request(ApiKey::Metadata, 4, &[array([text(&topic)]), vec![1]].concat())?;
        client.answer_late(|| target.goes_on())?;
        let configs = [
            "leader.replication.throttled.replicas",
            "follower.replication.throttled.replicas",
        ]
        .map(config);
        let resource = [vec![2], text(&topic), array(configs)].concat();
        client.request(
            ApiKey::IncrementalAlterConfigs,
            0,
            &[array([resource]), vec![0]].concat(),
        )?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}

/// Topics that are made because somebody asks for them.
pub(super) fn topics(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    while target.goes_on() {
        let names = array((0..500).map(|_| text(&format!("made-{}", target.number()))));
        client.request(ApiKey::Metadata, 4, &[names, vec![1]].concat())?;
        client.answer_late(|| target.goes_on())?;
    }
    Ok(())
}
