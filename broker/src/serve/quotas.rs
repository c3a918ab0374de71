//! How many connections there may be, from the configuration as it is in force.
//!
//! Invariant: what the server goes by follows every change of the properties; names of hosts are looked up when a value
//! is set, as in Kafka.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::lookup_host;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::config::BrokerConfig;
use crate::config::broker::NetworkConfig;
use crate::connection::Service;
use crate::controller::image::Image;
use crate::node::{Partition, TopicObserver};
use crate::server::{ConnectionQuotas, Server};

/// A name in `max.connections.per.ip.overrides` that has no address.
#[derive(Debug, thiserror::Error)]
#[error(
    "max.connections.per.ip.overrides names {host:?}, which cannot be looked up ({source}): correct it, or give its address"
)]
pub struct UnknownHost {
    host: String,
    source: std::io::Error,
}

/// The quotas that a configuration sets.
pub(super) async fn of(network: &NetworkConfig) -> Result<ConnectionQuotas, UnknownHost> {
    let mut quotas = without_overrides(network);
    for (host, limit) in &network.max_connections_per_ip_overrides {
        let addresses = addresses(host).await.map_err(|source| UnknownHost {
            host: host.clone(),
            source,
        })?;
        quotas
            .per_ip_overrides
            .extend(addresses.into_iter().map(|address| (address, *limit)));
    }
    Ok(quotas)
}

fn without_overrides(network: &NetworkConfig) -> ConnectionQuotas {
    ConnectionQuotas {
        max_connections: network.max_connections,
        max_per_ip: network.max_connections_per_ip,
        per_ip_overrides: BTreeMap::new(),
    }
}

async fn addresses(host: &str) -> std::io::Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address.to_canonical()]);
    }
    let found = lookup_host((host, 0)).await?;
    Ok(found.map(|address| address.ip().to_canonical()).collect())
}

/// Notices that the configuration changed. Let it come behind [`crate::settings::LiveConfig`] among the observers.
#[derive(Debug, Default)]
pub(super) struct Watch(Notify);

impl TopicObserver for Watch {
    fn opened(&self, _: &Arc<Partition>) {}

    fn removed(&self, _: &str, _: Uuid) {}

    fn configured(&self, _: &Image) {
        self.0.notify_one();
    }
}

/// Gives the server its quotas whenever the configuration changes. A name that cannot be looked up then has no limit of
/// its own, with a warning; all others hold.
pub(super) async fn follow<S: Service>(watch: Arc<Watch>, config: Arc<ArcSwap<BrokerConfig>>, server: Arc<Server<S>>) {
    let mut known: Option<NetworkConfig> = None;
    loop {
        watch.0.notified().await;
        let network = config.load().network.clone();
        if known.as_ref() == Some(&network) {
            continue;
        }
        let mut quotas = without_overrides(&network);
        for (host, limit) in &network.max_connections_per_ip_overrides {
            match addresses(host).await {
                Ok(found) => quotas
                    .per_ip_overrides
                    .extend(found.into_iter().map(|address| (address, *limit))),
                Err(source) => {
                    let error = UnknownHost {
                        host: host.clone(),
                        source,
                    };
                    tracing::warn!("{error}");
                }
            }
        }
        server.set_quotas(quotas);
        known = Some(network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Assignment, Origin, Settings};

    fn network(overrides: &str) -> NetworkConfig {
        let assignment = Assignment {
            name: "max.connections.per.ip.overrides".into(),
            value: overrides.into(),
            origin: Origin::Set,
        };
        let settings = Settings::new([assignment]).unwrap();
        BrokerConfig::new(settings, "here").unwrap().network
    }

    #[tokio::test]
    async fn names_of_hosts_are_looked_up() {
        let quotas = of(&network("localhost:3,10.0.0.1:5,[::ffff:10.0.0.2]:6"))
            .await
            .unwrap();
        let of = |address: &str| quotas.per_ip_overrides.get(&address.parse().unwrap()).copied();
        assert!(of("127.0.0.1") == Some(3) || of("::1") == Some(3), "{quotas:?}");
        assert_eq!((of("10.0.0.1"), of("10.0.0.2")), (Some(5), Some(6)));
        let error = super::of(&network("no-such-host.invalid:1")).await.unwrap_err();
        assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    }
}
