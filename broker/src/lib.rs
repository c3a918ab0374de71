//! Weir: a Kafka-wire-compatible streaming broker.

#![forbid(unsafe_code)]

pub mod admin_http;
pub mod api;
pub mod cli;
pub mod client;
pub mod config;
pub mod connection;
pub mod controller;
pub mod coordinator;
pub mod fetch_session;
pub mod group;
pub mod loggers;
pub mod metrics;
pub mod node;
pub mod serve;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod wire;
