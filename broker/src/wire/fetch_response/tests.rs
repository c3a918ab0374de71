use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, FetchResponse as Decoded};
use kafka_protocol::protocol::{Decodable, StrBytes};
use storage::disk::DiskFile;
use uuid::Uuid;

use super::*;
use crate::connection::test_file::TestFile;

fn header(version: i16) -> RequestHeader {
    let mut frame = BytesMut::new();
    frame.put_i16(ApiKey::Fetch as i16);
    frame.put_i16(version);
    frame.put_i32(5);
    frame.put_i16(-1);
    frame.put_u8(0);
    RequestHeader::decode(&mut frame.freeze()).unwrap()
}

/// The whole frame as bytes, file ranges read in.
fn flatten(response: Response) -> Bytes {
    let len = response.len();
    let mut bytes = BytesMut::new();
    for part in response.into_parts() {
        match part {
            Part::Bytes(part) => bytes.put(part),
            Part::File { file, position, len } => {
                let mut buffer = vec![0; len as usize];
                storage::disk::read_exact_at(&*file, &mut buffer, position).unwrap();
                bytes.put_slice(&buffer);
            }
        }
    }
    assert_eq!(bytes.len() as u64, len);
    bytes.freeze()
}

fn sample(file: &Arc<dyn DiskFile>) -> FetchResponse {
    let range = |position, len| Part::File {
        file: file.clone(),
        position,
        len,
    };
    let full = FetchPartition {
        index: 3,
        error_code: 0,
        high_watermark: 100,
        last_stable_offset: 90,
        log_start_offset: 10,
        diverging_epoch: Some(EpochEndOffset {
            epoch: 4,
            end_offset: 44,
        }),
        current_leader: Some(LeaderIdAndEpoch {
            leader_id: 2,
            leader_epoch: 9,
        }),
        aborted_transactions: Some(vec![AbortedTransaction {
            producer_id: 1000,
            first_offset: 12,
        }]),
        preferred_read_replica: -1,
        records: vec![
            range(2, 5),
            Part::Bytes(Bytes::from_static(b"more")),
            range(0, 0),
            range(100, 300),
        ],
    };
    let empty = FetchPartition {
        aborted_transactions: Some(Vec::new()),
        ..FetchPartition::error(4, 0)
    };
    let topic = |name, id, partitions| FetchTopic {
        name: StrBytes::from_static_str(name),
        id: Uuid::from_u128(id),
        partitions,
    };
    let endpoint = NodeEndpoint {
        node_id: 2,
        host: StrBytes::from_static_str("h"),
        port: 9,
        rack: None,
    };
    FetchResponse {
        throttle_time_ms: 7,
        error_code: 0,
        session_id: 33,
        topics: vec![
            topic("a", 1, vec![full, empty]),
            topic("b", 2, vec![FetchPartition::error(0, 6), last(range(10, 20))]),
        ],
        node_endpoints: vec![endpoint],
    }
}

fn last(records: Part) -> FetchPartition {
    FetchPartition {
        records: vec![records],
        aborted_transactions: None,
        ..FetchPartition::error(1, 0)
    }
}

#[test]
fn the_codec_reads_every_version() {
    let content: Vec<u8> = (0..1000).map(|i| (i % 251) as u8).collect();
    let file: Arc<dyn DiskFile> = Arc::new(TestFile::new(&content));
    for version in 4..=18 {
        let response = sample(&file).into_response(&header(version)).unwrap();
        assert!(response.failed);
        let mut bytes = flatten(response);
        assert_eq!(bytes.get_i32() as usize, bytes.len());
        assert_eq!(bytes.get_i32(), 5);
        if version >= 12 {
            assert_eq!(bytes.get_u8(), 0);
        }
        let decoded = Decoded::decode(&mut bytes, version).unwrap();
        assert!(bytes.is_empty(), "version {version}");
        assert_eq!(decoded.throttle_time_ms, 7);
        assert_eq!(decoded.session_id, if version >= 7 { 33 } else { 0 });
        assert_eq!(decoded.node_endpoints.len(), usize::from(version >= 16));
        let [a, b] = decoded.responses.as_slice() else {
            panic!("two topics")
        };
        assert_eq!(a.topic.as_str(), if version >= 13 { "" } else { "a" });
        assert_eq!(b.topic_id.as_u128(), if version >= 13 { 2 } else { 0 });

        let full = &a.partitions[0];
        assert_eq!(
            (full.partition_index, full.high_watermark, full.last_stable_offset),
            (3, 100, 90)
        );
        assert_eq!(full.log_start_offset, if version >= 5 { 10 } else { -1 });
        assert_eq!(full.aborted_transactions.as_ref().unwrap()[0].first_offset, 12);
        let records = [&content[2..7], b"more", &content[100..400]].concat();
        assert_eq!(full.records.as_ref().unwrap(), &records);
        let tagged = version >= 12;
        assert_eq!(full.diverging_epoch.end_offset, if tagged { 44 } else { -1 });
        assert_eq!(full.current_leader.leader_epoch, if tagged { 9 } else { -1 });

        let empty = &a.partitions[1];
        assert_eq!(empty.records.as_deref(), Some(&[][..]));
        assert_eq!(empty.aborted_transactions, Some(Vec::new()));
        assert_eq!(
            (b.partitions[0].error_code, &b.partitions[0].aborted_transactions),
            (6, &Some(Vec::new()))
        );
        assert_eq!(b.partitions[1].aborted_transactions, None);
        assert_eq!(b.partitions[1].records.as_deref(), Some(&content[10..30]));
    }
}

#[test]
fn empty_and_too_large() {
    let file: Arc<dyn DiskFile> = Arc::new(TestFile::new(b""));
    for version in [4, 7, 12, 18] {
        let mut bytes = flatten(FetchResponse::default().into_response(&header(version)).unwrap());
        bytes.advance(if version >= 12 { 9 } else { 8 });
        assert_eq!(Decoded::decode(&mut bytes, version).unwrap(), Decoded::default());
    }
    let topic = FetchTopic {
        partitions: vec![last(Part::File {
            file,
            position: 0,
            len: 1 << 31,
        })],
        ..FetchTopic::default()
    };
    let response = FetchResponse {
        topics: vec![topic],
        ..FetchResponse::default()
    };
    assert!(matches!(
        response.into_response(&header(12)),
        Err(EncodeError::TooLarge { .. })
    ));
}
