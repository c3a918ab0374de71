//! Who is told when topics come and go and configuration changes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::dynamic::with_dynamic;
use crate::config::BrokerConfig;
use crate::controller::image::{Image, ResourceType};
use crate::node::{Partition, TopicObserver};

/// Several observers as one, told in order: a node has one.
#[derive(Default)]
pub struct Observers(Vec<Arc<dyn TopicObserver>>);

impl Observers {
    /// These, in this order.
    pub fn new(observers: Vec<Arc<dyn TopicObserver>>) -> Self {
        Observers(observers)
    }
}

impl TopicObserver for Observers {
    fn opened(&self, partition: &Arc<Partition>) {
        self.0.iter().for_each(|observer| observer.opened(partition));
    }

    fn removed(&self, topic: &str, id: Uuid) {
        self.0.iter().for_each(|observer| observer.removed(topic, id));
    }

    fn configured(&self, image: &Image) {
        self.0.iter().for_each(|observer| observer.configured(image));
    }
}

/// Puts in force what requests set on brokers. Let it come first among [`Observers`], so that the others find the
/// configuration as it is to be.
#[derive(Debug)]
pub struct LiveConfig {
    config: Arc<ArcSwap<BrokerConfig>>,
}

impl LiveConfig {
    /// Keeps this configuration up to date.
    pub fn new(config: Arc<ArcSwap<BrokerConfig>>) -> Self {
        LiveConfig { config }
    }
}

impl TopicObserver for LiveConfig {
    fn opened(&self, _: &Arc<Partition>) {}

    fn removed(&self, _: &str, _: Uuid) {}

    fn configured(&self, image: &Image) {
        let now = self.config.load();
        let of_all = image.overrides(ResourceType::Broker, "");
        let own = image.overrides(ResourceType::Broker, &now.node_id.to_string());
        let config = with_dynamic(&now, of_all, own);
        if config != **now {
            self.config.store(Arc::new(config));
        }
    }
}
