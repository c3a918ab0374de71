//! What is known of each idempotent producer.
