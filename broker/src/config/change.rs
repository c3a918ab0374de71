//! What a change of a running broker's configuration must keep to, beyond what holds for every configuration.

use super::broker::BrokerConfig;
use super::error::ConfigError;
use super::settings::Origin;

/// Sizes of pools of threads that can be changed while the broker runs.
const THREADS: [&str; 6] = [
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

impl BrokerConfig {
    /// Whether a running broker that has the configuration `current` can be given this one.
    pub fn check_change_from(&self, current: &Self) -> Result<(), ConfigError> {
        let conflict = |problem: String| {
            let origin = Origin::Request("broker");
            Err(ConfigError::Conflict { origin, problem })
        };
        // Kafka's rule for the sizes of its pools, of those too that are not there.
        for name in THREADS {
            let (old, new) = (current.settings().long(name), self.settings().long(name));
            if new < old / 2 || new > old.saturating_mul(2) {
                return conflict(format!(
                    "{name} can be halved or doubled at most, and is {old}: {new} is too far"
                ));
            }
        }
        let network = &self.network;
        if network.max_connections_per_ip == 0 && network.max_connections_per_ip_overrides.is_empty() {
            return conflict(
                "max.connections.per.ip can be 0 only where addresses have limits of their own".to_owned(),
            );
        }
        Ok(())
    }
}
