//! Clients that ask and do not read.

use std::io;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use super::Target;
use crate::good::TOPIC;
use crate::raw::{Raw, array, frame, text};

const HELD: usize = 30;
const PAUSE: Duration = Duration::from_millis(20);

/// A Fetch 4 of all that there is.
fn fetch() -> Vec<u8> {
    let partition = |index: i32| {
        let numbers = [&index.to_be_bytes()[..], &0_i64.to_be_bytes(), &i32::MAX.to_be_bytes()];
        numbers.concat()
    };
    let topic = [text(TOPIC), array([partition(0), partition(1)])].concat();
    let head = [-1_i32, 0, 0, i32::MAX].map(i32::to_be_bytes).concat();
    frame(ApiKey::Fetch, 4, &[head, vec![0], array([topic])].concat())
}

/// Large answers, of which a byte is read now and then.
pub(super) fn slow_fetches(target: &Target<'_>) -> io::Result<()> {
    let mut held: Vec<Raw> = Vec::new();
    let fetch = fetch();
    while target.goes_on() {
        if held.len() < HELD {
            let mut client = target.open()?;
            for _ in 0..20 {
                client.send(&fetch)?;
            }
            held.push(client);
            continue;
        }
        for client in &mut held {
            client.read_a_byte();
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Requests with large answers, without an end, of which none is read.
pub(super) fn never(target: &Target<'_>) -> io::Result<()> {
    let mut held: Vec<Raw> = Vec::new();
    // All properties of the broker, with their synonyms and what they mean.
    let one = [&[4][..], &text("1"), &(-1_i32).to_be_bytes()].concat();
    let describe = frame(ApiKey::DescribeConfigs, 3, &[array(vec![one; 50]), vec![1, 1]].concat());
    let all = frame(ApiKey::Metadata, 1, &(-1_i32).to_be_bytes());
    let requests = [describe, all, fetch()].concat().repeat(20);
    while target.goes_on() {
        if held.len() < HELD {
            held.push(target.open()?);
        }
        for client in &mut held {
            client.send_without_waiting(&requests);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
