//! Weir: a Kafka-wire-compatible streaming broker.

#![forbid(unsafe_code)]

pub mod admin_http;
pub mod config;
pub mod connection;
pub mod controller;
pub mod group;
pub mod metrics;
pub mod server;
pub mod wire;
