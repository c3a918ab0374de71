//! One file's reader alone.

use std::path::Path;
use std::sync::Arc;

use broker::config::{Assignment, BrokerConfig, Origin, Settings, java_properties, properties};
use broker::controller::record::Record;
use storage::journal::Journal;
use storage::leader_epochs::LeaderEpochs;
use storage::offset_index::OffsetIndexView;
use storage::producer_state::ProducerStates;
use storage::time_index::TimeIndexView;

use super::mend;
use super::template::{File, KILLED, STOPPED, disk_of};
use crate::choices::Choices;
use crate::mutate::{EDGES, mutate};
use crate::node::DATA_DIR;

const MAX_PRODUCERS: usize = 10;

pub(super) fn run(choices: &mut Choices<'_>) {
    match choices.below(8) {
        0 => snapshot(choices),
        1 => offset_index(choices),
        2 => time_index(choices),
        3 => leader_epochs(choices),
        4 | 5 => settings(choices),
        6 => metadata_record(choices),
        _ => journal(choices),
    }
}

/// A sound file of this kind, damaged; or what the input is.
fn content(choices: &mut Choices<'_>, is_it: impl Fn(&str) -> bool) -> Vec<u8> {
    if choices.percent(25) {
        return choices.rest().to_vec();
    }
    let name = |file: &&File| {
        let name = file.0.file_name().and_then(|name| name.to_str());
        name.is_some_and(&is_it) && !file.1.is_empty()
    };
    let files: Vec<&File> = STOPPED.iter().chain(KILLED.iter()).filter(name).collect();
    let mut bytes = match files.is_empty() {
        true => Vec::new(),
        false => choices.one(&files).1.clone(),
    };
    mutate(choices, &mut bytes, 4);
    bytes
}

fn snapshot(choices: &mut Choices<'_>) {
    let mut bytes = content(choices, |name| name.ends_with(".snapshot"));
    if choices.percent(85) {
        mend::snapshot(&mut bytes);
    }
    match ProducerStates::decode_snapshot(&bytes, MAX_PRODUCERS) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(states) => {
            let again = ProducerStates::decode_snapshot(&states.encode_snapshot(), MAX_PRODUCERS);
            assert_eq!(again.expect("what was written reads").len(), states.len());
        }
    }
}

fn offset_index(choices: &mut Choices<'_>) {
    let bytes = content(choices, |name| name.ends_with(".index"));
    let base = choices.one(&[0, 0, 10, i64::MAX - 5, -1]);
    let size = choices.one(&[0, 100, 700, 1 << 31]);
    let Ok(view) = OffsetIndexView::new(base, &bytes) else {
        return;
    };
    if view.sanity_check(size).is_err() {
        return;
    }
    let offset = choices.one(&EDGES);
    assert!(u64::from(view.lookup(offset)) <= size);
    assert!(
        view.entry_at_or_before(offset)
            .is_none_or(|entry| entry.offset <= offset)
    );
    view.boundary(choices.number() as u32);
    assert_eq!(view.iter().count(), view.len());
    assert_eq!(view.iter().last(), view.last());
}

fn time_index(choices: &mut Choices<'_>) {
    let bytes = content(choices, |name| name.ends_with(".timeindex"));
    let base = choices.one(&[0, 0, 10, i64::MAX - 5, -1]);
    let next = choices.one(&[0, 100, 700, i64::MAX]);
    let Ok(view) = TimeIndexView::new(base, &bytes) else {
        return;
    };
    if view.sanity_check(next).is_err() {
        return;
    }
    let timestamp = choices.one(&EDGES);
    assert!(view.lookup(timestamp) <= next.max(base));
    assert!(
        view.entry_at_or_before(timestamp)
            .is_none_or(|entry| entry.timestamp <= timestamp)
    );
    assert_eq!(view.iter().count(), view.len());
    assert_eq!(view.iter().last(), view.last());
}

fn leader_epochs(choices: &mut Choices<'_>) {
    let bytes = content(choices, |name| name == "leader-epoch-checkpoint");
    match LeaderEpochs::decode(&bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(mut epochs) => {
            let again = LeaderEpochs::decode(&epochs.encode()).expect("what was written reads");
            assert_eq!(again.entries(), epochs.entries());
            let offset = choices.one(&EDGES);
            epochs.end_offset_for(choices.one(&EDGES) as i32, offset);
            epochs.epoch_for_offset(offset);
            epochs.truncate_from_start(offset);
            epochs.truncate_from_end(choices.one(&EDGES));
        }
    }
}

/// A `server.properties`.
fn settings(choices: &mut Choices<'_>) {
    let mut bytes = Vec::new();
    if choices.percent(80) {
        let known: Vec<&str> = properties::broker_properties().map(|property| property.name).collect();
        for _ in 0..choices.below(6) {
            let value = choices.one(&[
                "1",
                "-1",
                "true",
                "9092",
                "PLAINTEXT://:9092",
                "a,b",
                "",
                "compact",
                "9223372036854775807",
            ]);
            bytes.extend(format!("{}={value}\n", choices.one(&known)).into_bytes());
        }
        mutate(choices, &mut bytes, 3);
    }
    bytes.extend(choices.rest());
    let entries = match java_properties::parse(&bytes) {
        Ok(entries) => entries,
        Err(error) => return assert!(error.line > 0),
    };
    let assignments = entries.into_iter().map(|entry| Assignment {
        name: entry.key,
        value: entry.value,
        origin: Origin::File {
            name: "server.properties".into(),
            line: entry.line,
        },
    });
    let settings = Settings::new(assignments).and_then(|settings| BrokerConfig::new(settings, "host"));
    if let Err(error) = settings {
        assert!(!error.to_string().is_empty());
    }
}

/// A record of the cluster's metadata: the sound ones are in the log's batches.
fn metadata_record(choices: &mut Choices<'_>) {
    let bytes = match choices.percent(30) {
        true => choices.rest().to_vec(),
        false => {
            let key = choices.one(&[2, 3, 4, 9, 12, 15, 27]);
            let mut bytes = vec![1, key, choices.byte() & 3];
            let name = choices.bytes(10);
            bytes.push(name.len() as u8 + 1);
            bytes.extend(name);
            bytes.extend(choices.rest());
            bytes
        }
    };
    match Record::decode(&bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(record) => {
            if let Ok(encoded) = record.encode() {
                assert!(Record::decode(&encoded).is_ok(), "{record:?}");
            }
        }
    }
}

fn journal(choices: &mut Choices<'_>) {
    let mut bytes = content(choices, |name| name.ends_with(".journal"));
    if choices.percent(80) {
        mend::journal(&mut bytes);
    }
    let mut journals = STOPPED
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.extension().is_some_and(|kind| kind == "journal"));
    let path = journals
        .next_back()
        .cloned()
        .unwrap_or_else(|| Path::new(DATA_DIR).join("journal/x"));
    let disk = disk_of(&[(path, bytes)], 1);
    let dir = Path::new(DATA_DIR);
    if let Err(error) = Journal::inspect(&disk, dir) {
        assert!(error.to_string().contains(DATA_DIR), "{error}");
    }
    match Journal::open(Arc::new(disk), dir) {
        Err(error) => assert!(error.to_string().contains(DATA_DIR), "{error}"),
        Ok((journal, _)) => assert!(journal.started("boot").is_ok() && journal.sync().is_ok()),
    }
}
