//! A connection's bytes: frames, and the headers in them.
//!
//! Checked: whatever the pieces in which the bytes arrive, the frames are those that a plain cut gives, up to the first one
//! that is not accepted; a header that decodes is of an API that is served.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use broker::connection::frames::FrameReader;
use broker::wire::versions::APIS;
use broker::wire::{RequestHeader, produce};
use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncRead, ReadBuf};

use crate::choices::Choices;
use crate::mutate::{EDGES, mutate};
use crate::schema::put_varint;

/// The limits of the reader that is tested.
const MAX_FRAME: usize = 80_000;
const MAX_REQUEST: usize = 70_000;

/// Runs an input.
pub fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut bytes = Vec::new();
    for _ in 0..=choices.below(4) {
        bytes.extend(frame(&mut choices));
    }
    if choices.percent(30) {
        mutate(&mut choices, &mut bytes, 3);
    }
    let (expected, is_refused) = cut(&bytes);
    let mut pieces = Pieces {
        left: bytes.into(),
        choices: &mut choices,
    };
    let (frames, was_refused) = arrive(&mut pieces);
    assert_eq!((frames.len(), was_refused), (expected.len(), is_refused));
    assert!(frames == expected, "the frames are not those that were sent");
    frames.into_iter().for_each(decode);
}

fn frame(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    match choices.below(8) {
        0 => frame = choices.bytes(60),
        plan => {
            let api = choices.one(&APIS);
            let version = match plan {
                1 => choices.one(&EDGES) as i16,
                _ => api.min + choices.below((api.max - api.min) as usize + 1) as i16,
            };
            let key = match plan {
                2 => choices.one(&EDGES) as i16,
                _ => api.key as i16,
            };
            frame.extend(key.to_be_bytes());
            frame.extend(version.to_be_bytes());
            frame.extend((choices.number() as i32).to_be_bytes());
            match choices.percent(80) {
                true => {
                    let client = choices.bytes(30);
                    frame.extend((client.len() as i16).to_be_bytes());
                    frame.extend(client.iter().map(|byte| if plan == 3 { *byte } else { byte & 0x7f }));
                }
                false => frame.extend((-1_i16).to_be_bytes()),
            }
            if api.is_flexible(version) {
                let tags = choices.below(3) as u32;
                put_varint(&mut frame, tags);
                for tag in 0..tags {
                    let content = choices.bytes(10);
                    put_varint(&mut frame, tag);
                    put_varint(&mut frame, content.len() as u32);
                    frame.extend(content);
                }
            }
            frame.extend(choices.bytes(80));
        }
    }
    let mut size = frame.len();
    match choices.below(128) {
        0..4 => size = choices.one(&EDGES) as usize,
        4..8 => size = choices.below(MAX_FRAME + 10),
        // Large ones take another way: they are filled up.
        8 => {
            size = choices.below(MAX_FRAME + 10);
            frame.resize(size, 7);
        }
        _ => {}
    }
    [&(size as i32).to_be_bytes()[..], &frame].concat()
}

/// The frames that bytes hold, and whether the one after them is refused.
fn cut(bytes: &[u8]) -> (Vec<Bytes>, bool) {
    let mut frames = Vec::new();
    let mut left = bytes;
    while let Some((size, rest)) = left.split_first_chunk() {
        let size = i32::from_be_bytes(*size);
        let Some(len) = usize::try_from(size).ok().filter(|len| *len <= MAX_FRAME) else {
            return (frames, true);
        };
        let key = rest.first_chunk().map(|key| i16::from_be_bytes(*key));
        if len > MAX_REQUEST && key.is_some_and(|key| key != ApiKey::Produce as i16) {
            return (frames, true);
        }
        let Some((frame, rest)) = rest.split_at_checked(len) else {
            break;
        };
        frames.push(Bytes::copy_from_slice(frame));
        left = rest;
    }
    (frames, false)
}

/// Reads until the bytes are over, as a connection does.
fn arrive(pieces: &mut Pieces<'_, '_>) -> (Vec<Bytes>, bool) {
    let mut reader = FrameReader::new(MAX_FRAME, MAX_REQUEST);
    let mut frames = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                frames.push(frame);
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (frames, true);
            }
        }
        let declared = match reader.declared() {
            Ok(declared) => declared,
            Err(_) => return (frames, true),
        };
        let limit = 1 + pieces.choices.below(1 << 17);
        let exactly = pieces.choices.percent(20);
        let before = reader.buffered();
        match reader.poll_read(pieces, &mut cx, declared, limit, exactly) {
            Poll::Ready(Ok(0)) => return (frames, false),
            Poll::Ready(Ok(n)) => {
                assert!(n <= limit, "{n} bytes were read, the limit was {limit}");
                assert_eq!(reader.buffered(), before + n);
            }
            Poll::Ready(Err(error)) => unreachable!("the pieces do not fail: {error}"),
            Poll::Pending => unreachable!("the pieces are there"),
        }
    }
}

fn decode(mut frame: Bytes) {
    match RequestHeader::decode(&mut frame) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(header) => {
            assert!(header.api.serves(header.api_version) || header.api.key == ApiKey::ApiVersions);
            if header.api.key == ApiKey::Produce {
                // What it decodes to is a part of the frame.
                let total = frame.len();
                if let Ok(body) = produce::decode(&frame, header.api_version) {
                    let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
                    let records = partitions.filter_map(|partition| partition.records.as_ref());
                    assert!(records.map(Bytes::len).sum::<usize>() <= total);
                }
            }
        }
    }
}

/// Gives bytes piece by piece.
struct Pieces<'c, 'a> {
    left: Bytes,
    choices: &'c mut Choices<'a>,
}

impl AsyncRead for Pieces<'_, '_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let most = match this.choices.below(8) {
            0 => 1,
            1 => 4,
            2 => this.choices.below(100),
            _ => usize::MAX,
        };
        let len = most.max(1).min(buf.remaining()).min(this.left.len());
        buf.put_slice(&this.left.split_to(len));
        Poll::Ready(Ok(()))
    }
}
