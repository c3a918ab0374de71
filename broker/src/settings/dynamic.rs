//! A broker's configuration with what requests have set while it ran.

use tracing::warn;

use crate::config::BrokerConfig;
use crate::controller::image::Overrides;

/// `config` with these values in force, cluster-wide ones under the broker's own, whatever was in force before. Stored
/// values that this release, or the broker's file, no longer allows are left out, with a warning.
pub(super) fn with_dynamic(config: &BrokerConfig, cluster_wide: &Overrides, this_broker: &Overrides) -> BrokerConfig {
    let error = match config.with_dynamic(cluster_wide, this_broker) {
        Ok(config) => return config,
        Err(error) => error,
    };
    warn!(%error, "stored broker configuration cannot be used as it is");
    let nothing = Overrides::new();
    let mut kept = (Overrides::new(), Overrides::new());
    let mut best = match config.with_dynamic(&nothing, &nothing) {
        Ok(config) => config,
        Err(_) => config.clone(),
    };
    let all = cluster_wide.iter().map(|value| (true, value));
    for (for_all, (name, value)) in all.chain(this_broker.iter().map(|value| (false, value))) {
        let mut more = kept.clone();
        let layer = if for_all { &mut more.0 } else { &mut more.1 };
        layer.insert(name.clone(), value.clone());
        match config.with_dynamic(&more.0, &more.1) {
            Ok(config) => (best, kept) = (config, more),
            Err(error) => warn!(%name, %error, "a stored broker setting has no effect"),
        }
    }
    best
}
