use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::{HeaderError, RequestHeader};
use crate::wire::versions::APIS;

fn frame(key: i16, version: i16, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(key);
    bytes.put_i16(version);
    bytes.put_i32(-7);
    bytes.put_slice(rest);
    bytes.freeze()
}

#[test]
fn versions_1_and_2() {
    let mut plain = frame(3, 8, b"\x00\x02meBODY");
    let header = RequestHeader::decode(&mut plain).unwrap();
    assert_eq!(
        (header.api.name, header.api_version, header.correlation_id),
        ("Metadata", 8, -7)
    );
    assert_eq!(header.client_id.as_deref(), Some("me"));
    assert_eq!(&plain[..], b"BODY");

    // One tagged field, number 5, of three bytes.
    let mut flexible = frame(3, 9, b"\xff\xff\x01\x05\x03abcBODY");
    let header = RequestHeader::decode(&mut flexible).unwrap();
    assert_eq!(header.client_id, None);
    assert_eq!(&flexible[..], b"BODY");
}

#[test]
fn what_cannot_be_answered_is_an_error() {
    let decode = |mut frame: Bytes| RequestHeader::decode(&mut frame).unwrap_err();
    assert!(matches!(
        decode(frame(4, 0, b"\xff\xff")),
        HeaderError::UnknownApi { key: 4, version: 0 }
    ));
    for version in [0, 1, 2, 14, -1] {
        assert!(matches!(
            decode(frame(0, version, b"\xff\xff")),
            HeaderError::UnsupportedVersion { .. }
        ));
    }
    for rest in [&b""[..], b"\x00", b"\x00\x09short", b"\xff\xfe", b"\x00\x01\xff"] {
        assert!(
            matches!(decode(frame(3, 1, rest)), HeaderError::Malformed(_)),
            "{rest:?}"
        );
    }
    for rest in [
        &b"\xff\xff"[..],
        b"\xff\xff\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\x01\x00\xff\xff\x03",
    ] {
        assert!(
            matches!(decode(frame(3, 9, rest)), HeaderError::Malformed(_)),
            "{rest:?}"
        );
    }
    for len in 0..8 {
        assert!(matches!(decode(Bytes::from(vec![0; len])), HeaderError::Malformed(_)));
    }
}

#[test]
fn response_headers() {
    for spec in &APIS {
        for version in spec.min..=spec.max {
            let mut request = frame(spec.key as i16, version, b"\xff\xff\x00");
            let header = RequestHeader::decode(&mut request).unwrap();
            let mut bytes = BytesMut::new();
            header.put_response_header(&mut bytes);
            let codec = spec.key.response_header_version(version);
            assert_eq!(bytes.len(), if codec == 1 { 5 } else { 4 }, "{} {version}", spec.name);
        }
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        _ = RequestHeader::decode(&mut Bytes::from(bytes));
    }

    #[test]
    fn never_panics_behind_a_known_key(api in 0..APIS.len(), up in 0i16..20, rest in proptest::collection::vec(any::<u8>(), 0..64)) {
        _ = RequestHeader::decode(&mut frame(APIS[api].key as i16, up, &rest));
    }
}
