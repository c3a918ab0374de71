//! Tests of the configuration, by its parts.

mod broker;
mod describe;
mod java_properties;
mod properties;
mod topic;

use std::collections::BTreeMap;

use super::{Assignment, BrokerConfig, ConfigError, Origin, Settings};

fn in_file(pairs: &[(&str, &str)]) -> Vec<Assignment> {
    let assignment = |(index, (name, value)): (usize, &(&str, &str))| Assignment {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
        origin: Origin::File {
            name: "server.properties".to_owned(),
            line: index + 1,
        },
    };
    pairs.iter().enumerate().map(assignment).collect()
}

fn broker_of(assignments: Vec<Assignment>) -> Result<BrokerConfig, ConfigError> {
    BrokerConfig::new(Settings::new(assignments)?, "host.example")
}

/// A broker with these lines in its file.
fn broker(pairs: &[(&str, &str)]) -> BrokerConfig {
    broker_of(in_file(pairs)).unwrap()
}

/// The sentence with which a broker with these lines does not start.
fn refusal(pairs: &[(&str, &str)]) -> String {
    broker_of(in_file(pairs)).unwrap_err().to_string()
}

fn overrides(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
