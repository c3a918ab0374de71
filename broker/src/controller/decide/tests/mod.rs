mod alter_configs;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod nodes;
mod random;
