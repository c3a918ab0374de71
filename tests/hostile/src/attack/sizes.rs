//! Frames that are not what they say.

use std::io;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use super::Target;
use crate::raw::{Raw, frame};

/// Connections that a thread holds.
const HELD: usize = 60;
const PAUSE: Duration = Duration::from_millis(20);

fn begin(size: i32, key: ApiKey, version: i16) -> Vec<u8> {
    let mut bytes = frame(key, version, &[]);
    bytes[..4].copy_from_slice(&size.to_be_bytes());
    bytes
}

/// Sizes that never come, allowed ones and others.
pub(super) fn declared(target: &Target<'_>) -> io::Result<()> {
    const SIZES: [(i32, ApiKey, i16); 6] = [
        (100 << 20, ApiKey::Produce, 9),
        (90 << 20, ApiKey::Produce, 9),
        (i32::MAX, ApiKey::Produce, 9),
        (-1, ApiKey::Produce, 9),
        (8 << 20, ApiKey::Metadata, 9),
        ((8 << 20) + 1, ApiKey::Metadata, 9),
    ];
    let mut held = Vec::new();
    for _ in 0..HELD {
        let (size, key, version) = SIZES[(target.number() % 6) as usize];
        let mut client = target.open()?;
        client.send(&begin(size, key, version))?;
        held.push(client);
        if !target.goes_on() {
            break;
        }
    }
    std::thread::sleep(PAUSE);
    Ok(())
}

/// Most of a frame, and then nothing.
pub(super) fn halves(target: &Target<'_>) -> io::Result<()> {
    let mut held: Vec<Raw> = Vec::new();
    let mut bytes = begin(20 << 20, ApiKey::Produce, 9);
    bytes.resize(1 << 20, 7);
    while target.goes_on() && held.len() < HELD {
        let mut client = target.open()?;
        let _ = client.send(&bytes);
        held.push(client);
    }
    while target.goes_on() {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Frames whose bytes come one by one.
pub(super) fn slow(target: &Target<'_>) -> io::Result<()> {
    let mut held: Vec<Raw> = Vec::new();
    let bytes = begin(1 << 20, ApiKey::Produce, 9);
    for _ in 0..4 * HELD {
        let mut client = target.open()?;
        client.send(&bytes[..3])?;
        held.push(client);
    }
    for byte in bytes[3..].iter().chain(std::iter::repeat(&7)) {
        for client in &mut held {
            let _ = client.send(&[*byte]);
        }
        if !target.goes_on() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Rubbish, as fast as it goes.
pub(super) fn malformed(target: &Target<'_>) -> io::Result<()> {
    let mut client = target.open()?;
    let number = target.number();
    let body: Vec<u8> = (0..number % 40)
        .map(|at| (number.wrapping_mul(at + 3) >> 5) as u8)
        .collect();
    match number % 4 {
        0 => client.send(&body),
        1 => client.request(ApiKey::Fetch, 12, &body),
        2 => client.request(ApiKey::JoinGroup, 9, &body),
        _ => client.request(ApiKey::Produce, 9, &body),
    }?;
    let _ = client.answer();
    Ok(())
}
