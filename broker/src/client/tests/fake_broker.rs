//! One broker, number 1, of one topic, all of whose partitions it leads: versions and metadata it answers itself.

use kafka_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{ApiKey, BrokerId, MetadataResponse, RequestHeader, RequestKind, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::client::{text, topic_name};
use crate::config::HostPort;

/// The versions that it speaks: all of one kind of header, and with topics by name.
const SERVED: [(ApiKey, i16); 5] = [
    (ApiKey::ApiVersions, 0),
    (ApiKey::Metadata, 8),
    (ApiKey::ListOffsets, 5),
    (ApiKey::Fetch, 11),
    (ApiKey::DescribeConfigs, 3),
];
const UNSUPPORTED_VERSION: i16 = 35;

/// A broker in this process.
pub(super) struct FakeBroker {
    pub(super) address: HostPort,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl FakeBroker {
    /// Serves a topic of so many partitions; `answer` answers what is neither versions nor metadata.
    pub(super) async fn start(topic: &'static str, partitions: i32, answer: fn(&RequestKind) -> ResponseKind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    // The client ends it.
                    let _ = serve(stream, |request| match request {
                        RequestKind::Metadata(_) => ResponseKind::Metadata(metadata(topic, partitions, port)),
                        other => answer(other),
                    })
                    .await;
                });
            }
        });
        FakeBroker {
            address: HostPort {
                host: "127.0.0.1".to_owned(),
                port,
            },
            serving,
        }
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&RequestKind) -> ResponseKind) -> std::io::Result<()> {
    loop {
        let length = stream.read_i32().await?;
        let mut frame = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        let key = ApiKey::try_from((&frame[..2]).get_i16()).unwrap();
        let version = (&frame[2..4]).get_i16();
        let header = RequestHeader::decode(&mut frame, key.request_header_version(version)).unwrap();
        let mut body = BytesMut::new();
        if key == ApiKey::ApiVersions {
            // It is an old broker: first it says so.
            let code = if version > 0 { UNSUPPORTED_VERSION } else { 0 };
            versions(code).encode(&mut body, 0).unwrap();
        } else {
            let request = RequestKind::decode(key, &mut frame, version).unwrap();
            answer(&request).encode(&mut body, version).unwrap();
        }
        let mut out = BytesMut::new();
        out.put_i32(4 + body.len() as i32);
        out.put_i32(header.correlation_id);
        out.put_slice(&body);
        stream.write_all(&out).await?;
    }
}

fn versions(code: i16) -> ApiVersionsResponse {
    let api = |(key, version): (ApiKey, i16)| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_min_version(version)
            .with_max_version(version)
    };
    ApiVersionsResponse::default()
        .with_error_code(code)
        .with_api_keys(SERVED.into_iter().map(api).collect())
}

fn metadata(topic: &str, partitions: i32, port: u16) -> MetadataResponse {
    let id = BrokerId(1);
    let broker = MetadataResponseBroker::default()
        .with_node_id(id)
        .with_host(text("127.0.0.1"))
        .with_port(port.into());
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(id)
            .with_replica_nodes(vec![id])
            .with_isr_nodes(vec![id])
    };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(topic_name(topic)))
        .with_partitions((0..partitions).map(partition).collect());
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_controller_id(id)
        .with_topics(vec![topic])
}
