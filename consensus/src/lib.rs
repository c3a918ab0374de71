//! A Kafka partition as a Raft group: raft, log and journal, without threads, clocks or sockets of its own.

#![forbid(unsafe_code)]
