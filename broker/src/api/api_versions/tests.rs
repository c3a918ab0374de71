use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::is_software_name;
use crate::api::test_node::TestNode;
use crate::connection::{ConnectionInfo, Outcome, Request, Service};
use crate::wire::{Part, RequestHeader};

/// Starting a node takes longer than asking it.
static NODE: LazyLock<TestNode> = LazyLock::new(|| TestNode::start(&[]));

fn ask(version: i16, body: &[u8]) -> (Bytes, Arc<ConnectionInfo>) {
    let mut frame = BytesMut::new();
    frame.put_slice(&[0, 18]);
    frame.put_i16(version);
    frame.put_i32(77);
    frame.put_i16(-1);
    if version >= 3 {
        frame.put_u8(0);
    }
    frame.put_slice(body);
    let mut frame = frame.freeze();
    let header = RequestHeader::decode(&mut frame).unwrap();
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = Arc::new(ConnectionInfo {
        id: 0,
        peer: address,
        local: address,
        software: Default::default(),
    });
    let request = Request {
        header,
        body: frame,
        connection: connection.clone(),
        received_at: Instant::now(),
    };
    let Outcome::Ready(response) = NODE.api().call(request) else {
        panic!("no answer")
    };
    let parts: Vec<Part> = response.into_parts().collect();
    let [Part::Bytes(bytes)] = parts.as_slice() else {
        panic!("one part expected")
    };
    let mut bytes = bytes.clone();
    assert_eq!(bytes.get_i32() as usize, bytes.len());
    // Header version 0 at every version: no tagged fields.
    assert_eq!(bytes.get_i32(), 77);
    (bytes, connection)
}

fn body(version: i16, name: &str, software_version: &str) -> BytesMut {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = StrBytes::from_string(name.to_owned());
        request.client_software_version = StrBytes::from_string(software_version.to_owned());
    }
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes, version).unwrap();
    bytes
}

#[test]
fn lists_what_is_served_at_every_version() {
    for version in 0..=4 {
        let (mut bytes, connection) = ask(version, &body(version, "apache-kafka-java", "4.3.0"));
        let response = ApiVersionsResponse::decode(&mut bytes, version).unwrap();
        assert_eq!(response.error_code, 0);
        assert!(
            response
                .api_keys
                .iter()
                .any(|api| (api.api_key, api.min_version, api.max_version) == (18, 0, 4))
        );
        let levels = |version: i16| {
            if version >= 3 {
                vec![("metadata.version", 30)]
            } else {
                vec![]
            }
        };
        let supported = response.supported_features.iter();
        let supported: Vec<_> = supported.map(|it| (it.name.as_str(), it.max_version)).collect();
        let finalized = response.finalized_features.iter();
        let finalized: Vec<_> = finalized.map(|it| (it.name.as_str(), it.max_version_level)).collect();
        assert_eq!((supported, finalized), (levels(version), levels(version)));
        assert!(bytes.is_empty());
        assert_eq!(
            connection.software.get().map(|software| &*software.version),
            (version >= 3).then_some("4.3.0")
        );
    }
}

#[test]
fn unknown_versions_are_answered_in_version_0() {
    for version in [5, 99, i16::MAX, -1] {
        let (bytes, _) = ask(version, b"anything");
        assert_eq!(&bytes[..], [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    }
}

#[test]
fn malformed_software_names_are_refused() {
    for (name, version) in [("", "1"), ("a", ""), ("-a", "1"), ("a.", "1"), ("a b", "1"), ("ä", "1")] {
        let (mut bytes, connection) = ask(4, &body(4, name, version));
        assert_eq!(
            ApiVersionsResponse::decode(&mut bytes, 4).unwrap().error_code,
            42,
            "{name:?} {version:?}"
        );
        assert!(connection.software.get().is_none());
    }
    assert!(is_software_name("a") && is_software_name("a-b.c") && is_software_name("4.3.0-SNAPSHOT"));
}
