//! `RegisterBrokerRecord` (api key 0; version 1 is written, 0 to 3 are read).
//!
//! Supported features, log directory ids, the migration and the controlled-shutdown flags are written empty and
//! skipped when read: a broker here has one log directory and takes part with every feature it was built with.

use uuid::Uuid;

use super::wire::{Reader, Writer};
use super::{Body, RecordError};

/// A broker registered, or did so again with other addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterBrokerRecord {
    /// Its `node.id`.
    pub broker_id: i32,
    /// Id of the life of the process that registered.
    pub incarnation_id: Uuid,
    /// Epoch of this registration: the offset at which the record was to be appended.
    pub broker_epoch: i64,
    /// The addresses at which clients reach it, one per listener.
    pub endpoints: Vec<BrokerEndpoint>,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// Whether it is kept from leading partitions and out of clients' sight.
    pub fenced: bool,
}

/// An address at which a broker is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerEndpoint {
    /// Name of the listener, such as `PLAINTEXT`.
    pub name: String,
    /// Advertised host.
    pub host: String,
    /// Advertised port.
    pub port: u16,
    /// Kafka's number of the security protocol: PLAINTEXT 0, SSL 1, SASL_PLAINTEXT 2, SASL_SSL 3.
    pub security_protocol: i16,
}

impl Body for RegisterBrokerRecord {
    const API_KEY: u32 = 0;
    const WRITE_VERSION: u32 = 1;
    const HIGHEST_VERSION: u32 = 3;

    fn write(&self, out: &mut Writer) -> Result<(), RecordError> {
        out.i32(self.broker_id);
        out.uuid(self.incarnation_id);
        out.i64(self.broker_epoch);
        out.structures(&self.endpoints, |out, endpoint| {
            out.string(&endpoint.name)?;
            out.string(&endpoint.host)?;
            out.u16(endpoint.port);
            out.i16(endpoint.security_protocol);
            out.no_tagged_fields();
            Ok(())
        })?;
        let features: [(); 0] = [];
        out.structures(&features, |_, ()| Ok(()))?;
        out.nullable_string(self.rack.as_deref())?;
        out.bool(self.fenced);
        let in_controlled_shutdown = false;
        out.bool(in_controlled_shutdown);
        out.no_tagged_fields();
        Ok(())
    }

    fn read(input: &mut Reader<'_>, version: u32) -> Result<Self, RecordError> {
        let broker_id = input.i32()?;
        if version >= 2 {
            let _is_migrating_zk_broker = input.bool()?;
        }
        let incarnation_id = input.uuid()?;
        let broker_epoch = input.i64()?;
        let endpoints = input.structures(|input| {
            let endpoint = BrokerEndpoint {
                name: input.string()?,
                host: input.string()?,
                port: input.u16()?,
                security_protocol: input.i16()?,
            };
            input.skip_tagged_fields()?;
            Ok(endpoint)
        })?;
        input.structures(|input| {
            let _name = input.string()?;
            let _lowest = input.i16()?;
            let _highest = input.i16()?;
            input.skip_tagged_fields()
        })?;
        let rack = input.nullable_string()?;
        let fenced = input.bool()?;
        if version >= 1 {
            let _in_controlled_shutdown = input.bool()?;
        }
        input.skip_tagged_fields()?;
        Ok(Self {
            broker_id,
            incarnation_id,
            broker_epoch,
            endpoints,
            rack,
            fenced,
        })
    }
}
