//! Every Kafka property, what Weir does with it, and the typed configuration.
