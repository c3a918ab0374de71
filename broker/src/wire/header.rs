//! Request and response headers.
//!
//! Invariant: any bytes decode to a header or an error, never to a panic. A request header is version 2 (tagged fields)
//! where the request is flexible, else 1; the client id is never compact. A response header is version 1 where the
//! response is flexible, else 0, and always 0 for ApiVersions, whose client does not know yet what we speak (KIP-511).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::StrBytes;

use super::reader::{DecodeError, Reader};
use super::versions::{self, ApiSpec};

/// What a request says before its body.
#[derive(Debug, Clone)]
pub struct RequestHeader {
    /// The API, from our own table.
    pub api: &'static ApiSpec,
    /// The version of request and response. Served by `api`, except for ApiVersions, where it may be any.
    pub api_version: i16,
    /// Repeated in the response.
    pub correlation_id: i32,
    /// `client.id`; a slice of the frame: copy it where it is kept.
    pub client_id: Option<StrBytes>,
}

/// Why a frame does not begin with a header that we can answer. The connection is closed on each, as Kafka does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// An API key that this release does not have.
    #[error("unknown API key {key} (version {version})")]
    UnknownApi {
        /// As sent.
        key: i16,
        /// As sent.
        version: i16,
    },
    /// A version that we do not serve.
    #[error("{api} version {version} is not served ({min} to {max} are)")]
    UnsupportedVersion {
        /// Kafka's name of the API.
        api: &'static str,
        /// As sent.
        version: i16,
        /// Lowest served.
        min: i16,
        /// Highest served.
        max: i16,
    },
    /// The bytes are not a header.
    #[error("malformed request header: {0}")]
    Malformed(#[from] DecodeError),
}

impl RequestHeader {
    /// Takes the header off the front of a frame (without the frame's size); what is left is the body.
    pub fn decode(frame: &mut Bytes) -> Result<Self, HeaderError> {
        if frame.len() < 8 {
            return Err(DecodeError::Truncated {
                needed: 8,
                left: frame.len(),
            }
            .into());
        }
        let (key, version, correlation_id) = (frame.get_i16(), frame.get_i16(), frame.get_i32());
        let api = versions::by_key(key).ok_or(HeaderError::UnknownApi { key, version })?;
        if !api.serves(version) && api.key != ApiKey::ApiVersions {
            let (min, max) = (api.min, api.max);
            return Err(HeaderError::UnsupportedVersion {
                api: api.name,
                version,
                min,
                max,
            });
        }
        let client_id = Reader::new(frame, false).nullable_string()?;
        Reader::new(frame, api.is_flexible(version)).skip_tagged_fields()?;
        Ok(Self {
            api,
            api_version: version,
            correlation_id,
            client_id,
        })
    }

    /// Whether messages of this request's version are flexible.
    pub fn is_flexible(&self) -> bool {
        self.api.is_flexible(self.api_version)
    }

    /// Appends the header of the response.
    pub fn put_response_header(&self, bytes: &mut BytesMut) {
        bytes.put_i32(self.correlation_id);
        if self.is_flexible() && self.api.key != ApiKey::ApiVersions {
            bytes.put_u8(0);
        }
    }
}

#[cfg(test)]
mod tests;
