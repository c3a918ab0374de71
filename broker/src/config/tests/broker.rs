use std::path::PathBuf;

use proptest::prelude::*;

use super::{broker, broker_of, in_file, overrides, refusal};
use crate::config::topic::TopicKind;
use crate::config::{Assignment, ConfigError, HostPort, Origin};

/// The properties of the file that Kafka 4.3 ships, as a combined broker and controller.
const SHIPPED: [(&str, &str); 23] = [
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.quorum.bootstrap.servers", "localhost:9093"),
    ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    (
        "advertised.listeners",
        "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
    ),
    ("controller.listener.names", "CONTROLLER"),
    (
        "listener.security.protocol.map",
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
    ),
    ("num.network.threads", "3"),
    ("num.io.threads", "8"),
    ("socket.send.buffer.bytes", "102400"),
    ("socket.receive.buffer.bytes", "102400"),
    ("socket.request.max.bytes", "104857600"),
    ("log.dirs", "/tmp/kraft-combined-logs"),
    ("num.partitions", "1"),
    ("num.recovery.threads.per.data.dir", "2"),
    ("offsets.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("log.retention.hours", "168"),
    ("log.retention.check.interval.ms", "300000"),
];

fn address(text: &str) -> HostPort {
    text.parse().unwrap()
}

fn assignment(name: &str, value: &str, origin: Origin) -> Assignment {
    Assignment {
        name: name.to_owned(),
        value: value.to_owned(),
        origin,
    }
}

#[test]
fn without_configuration_it_serves_this_machine_from_data() {
    let config = broker(&[]);
    assert_eq!(config.node_id, 1);
    assert_eq!(config.data_dir, PathBuf::from("data"));
    assert_eq!(config.listeners.listen, address("127.0.0.1:9092"));
    assert_eq!(config.listeners.advertised, address("127.0.0.1:9092"));
    assert_eq!(config.admin_listen, address("127.0.0.1:9644"));
    assert_eq!(config.network.queued_max_request_bytes, Some(64 << 20));
    assert_eq!(config.network.max_request_bytes, 8 << 20);
    assert_eq!(config.groups.initial_rebalance_delay_ms, 3000);
    assert_eq!(config.offsets.retention_ms, 7 * 24 * 3_600_000);
    assert_eq!(config.offsets.replication_factor(1), 1);
    assert_eq!(config.offsets.replication_factor(2), 2);
    assert_eq!(config.offsets.replication_factor(5), 3);
    assert!(!config.topics.defaults.write_caching);
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn the_file_that_kafka_ships_starts() {
    let config = broker(&SHIPPED);
    assert_eq!(config.data_dir, PathBuf::from("/tmp/kraft-combined-logs"));
    assert_eq!(config.listeners.name, "PLAINTEXT");
    assert_eq!(config.listeners.listen, address("0.0.0.0:9092"));
    assert_eq!(config.listeners.advertised, address("localhost:9092"));
    let warned: Vec<String> = config.warnings();
    assert!(
        warned
            .iter()
            .all(|warning| warning.starts_with("server.properties, line ")),
        "{warned:?}"
    );
    assert!(
        warned
            .iter()
            .any(|warning| warning.contains("controller.quorum.bootstrap.servers has no effect"))
    );
    assert!(
        !warned.iter().any(|warning| warning.contains("num.io.threads")),
        "a default needs no warning: {warned:?}"
    );
}

#[test]
fn flags_win_over_set_that_over_the_file() {
    let name = "num.partitions";
    let file = in_file(&[(name, "2"), (name, "3")]).into_iter();
    let layers = |more: Vec<Assignment>| {
        broker_of(file.clone().chain(more).collect())
            .unwrap()
            .topics
            .num_partitions
    };
    let set = assignment(name, "4", Origin::Set);
    let flag = assignment(name, "5", Origin::Flag("--partitions"));
    assert_eq!(layers(vec![]), 3, "the later line of a file");
    assert_eq!(layers(vec![set.clone()]), 4);
    assert_eq!(layers(vec![flag.clone(), set.clone()]), 5, "whatever the order");
    assert_eq!(layers(vec![set, flag]), 5);
}

#[test]
fn a_stronger_layer_mends_a_weaker_one() {
    let mut assignments = in_file(&[("authorizer.class.name", "Some")]);
    assignments.push(assignment("authorizer.class.name", "", Origin::Set));
    broker_of(assignments).unwrap();
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    assert_eq!(
        refusal(&[("num.partitions", "1"), ("log.retention.hour", "1")]),
        "server.properties, line 2: nobody knows the property log.retention.hour; did you mean log.retention.hours?"
    );
}

#[test]
fn a_wrong_value_is_refused_with_what_would_be_right() {
    let said = |name, value| refusal(&[(name, value)]).split_once(": ").unwrap().1.to_owned();
    assert_eq!(
        said("num.partitions", "x"),
        r#"num.partitions cannot be "x": give a number of type INT"#
    );
    assert_eq!(
        said("num.partitions", "0"),
        r#"num.partitions cannot be "0": give a number of at least 1"#
    );
    assert_eq!(
        said("compression.gzip.level", "0"),
        r#"compression.gzip.level cannot be "0": give a number from 1 to 9, or -1"#
    );
    assert_eq!(
        said("delete.topic.enable", "yes"),
        r#"delete.topic.enable cannot be "yes": give true or false"#
    );
    assert!(said("log.cleanup.policy", "keep").ends_with("give compact, delete"));
    assert!(said("log.dirs", "a,,b").ends_with("remove a comma"));
    assert!(said("max.connections.per.ip.overrides", "x").contains("HOST:COUNT"));
}

#[test]
fn what_would_give_false_safety_is_refused() {
    for (name, value) in [
        (
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ),
        ("security.inter.broker.protocol", "SASL_SSL"),
        ("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
        ("listener.name.x.plain.sasl.jaas.config", "secret"),
        ("ssl.client.auth", "required"),
        ("remote.log.storage.system.enable", "true"),
        ("create.topic.policy.class.name", "Policy"),
        ("config.providers", "file"),
        ("log.dirs", "/a,/b"),
        ("listeners", "SSL://:9092"),
        ("process.roles", "controller"),
    ] {
        let sentence = refusal(&[(name, value)]);
        assert!(sentence.starts_with("server.properties, line 1: "), "{sentence}");
        assert!(!sentence.contains("secret"));
    }
    // The same at their defaults promise nothing.
    broker(&[
        ("authorizer.class.name", ""),
        ("security.inter.broker.protocol", "PLAINTEXT"),
        ("log.dirs", "/a"),
    ]);
    broker(&[
        ("sasl.enabled.mechanisms", "GSSAPI"),
        ("remote.log.storage.system.enable", "FALSE"),
    ]);
}

#[test]
fn what_has_no_effect_is_warned_about_once_it_differs() {
    let warnings = broker(&[
        ("num.io.threads", "16"),
        ("ssl.keystore.location", "/k"),
        ("broker.rack", "r"),
    ])
    .warnings();
    assert_eq!(
        warnings,
        [
            "server.properties, line 1: num.io.threads has no effect: threads are sized by the processors there are",
            "server.properties, line 2: ssl.keystore.location has no effect: connections are not encrypted, only \
             PLAINTEXT is spoken",
        ]
    );
    assert_eq!(broker(&[("zookeeper.connect", "z:2181")]).warnings().len(), 1);
    assert_eq!(broker(&[("listener.name.x.max.connections", "5")]).warnings().len(), 1);
}

#[test]
fn a_listener_is_found_among_those_of_the_quorum() {
    let named = [
        ("listeners", "CLIENTS://127.0.0.1:0,quorum://:9093"),
        ("controller.listener.names", "QUORUM"),
        ("listener.security.protocol.map", "clients:plaintext,QUORUM:SASL_SSL"),
    ];
    let config = broker(&named);
    assert_eq!(config.listeners.name, "CLIENTS");
    assert_eq!(config.listeners.advertised, address("127.0.0.1:0"));
    assert!(refusal(&[("listeners", "A://:1")]).contains("add A:PLAINTEXT to listener.security.protocol.map"));
    assert!(refusal(&[("listeners", "PLAINTEXT://:1,SSL://:2")]).contains("leave one"));
    assert!(
        refusal(&[
            ("listeners", "PLAINTEXT://:1"),
            ("controller.listener.names", "PLAINTEXT")
        ])
        .contains("none")
    );
    let secured = [
        ("listeners", "A://:1"),
        ("listener.security.protocol.map", "A:SASL_PLAINTEXT"),
    ];
    assert!(refusal(&secured).contains("the listener A uses SASL_PLAINTEXT"));
    for bad in [
        "PLAINTEXT",
        "PLAINTEXT://x",
        "://x:1",
        "PLAINTEXT://x:70000",
        "PLAINTEXT://a b:1",
    ] {
        assert!(refusal(&[("listeners", bad)]).contains("NAME://HOST:PORT"), "{bad}");
    }
}

#[test]
fn what_is_advertised_can_be_connected_to() {
    for wildcard in ["PLAINTEXT://:7", "PLAINTEXT://0.0.0.0:7", "PLAINTEXT://[::]:7"] {
        assert_eq!(
            broker(&[("listeners", wildcard)]).listeners.advertised,
            address("host.example:7")
        );
    }
    let said = refusal(&[("advertised.listeners", "PLAINTEXT://0.0.0.0:7")]);
    assert!(said.contains("clients cannot connect to 0.0.0.0:7"), "{said}");
    let other_name = [("advertised.listeners", "OUTSIDE://h:7")];
    assert_eq!(broker(&other_name).listeners.advertised, address("h:7"));
}

#[test]
fn a_free_port_on_top_of_a_file_drops_the_files_advertised_port() {
    let mut assignments = in_file(&SHIPPED);
    assignments.push(assignment(
        "listeners",
        "PLAINTEXT://127.0.0.1:0",
        Origin::Flag("--listen"),
    ));
    let config = broker_of(assignments.clone()).unwrap();
    assert_eq!(config.listeners.advertised, address("127.0.0.1:0"));
    assert!(
        config
            .warnings()
            .iter()
            .any(|warning| warning.contains("advertised.listeners has no effect"))
    );
    assignments.push(assignment(
        "advertised.listeners",
        "PLAINTEXT://h:1",
        Origin::Flag("--advertise"),
    ));
    assert_eq!(broker_of(assignments).unwrap().listeners.advertised, address("h:1"));
}

#[test]
fn node_id_and_broker_id_agree() {
    assert_eq!(broker(&[("broker.id", "7")]).node_id, 7);
    assert_eq!(broker(&[("broker.id", "7"), ("node.id", "7")]).node_id, 7);
    assert!(refusal(&[("broker.id", "7"), ("node.id", "8")]).contains("remove broker.id"));
}

#[test]
fn values_that_do_not_fit_together_are_refused() {
    for pairs in [
        &[
            ("group.min.session.timeout.ms", "9000"),
            ("group.max.session.timeout.ms", "8000"),
        ][..],
        &[
            ("log.cleaner.min.compaction.lag.ms", "2"),
            ("log.cleaner.max.compaction.lag.ms", "1"),
        ],
        &[("log.retention.ms", "0")],
        &[("log.roll.ms", "0")],
        &[
            ("log.cleaner.threads", "2147483647"),
            ("log.cleaner.dedupe.buffer.size", "9223372036854775807"),
        ],
        &[("log.cleaner.dedupe.buffer.size", "-9223372036854775808")],
        &[("default.replication.factor", "0")],
        &[("offset.metadata.max.bytes", "-1")],
    ] {
        assert!(
            matches!(broker_of(in_file(pairs)), Err(ConfigError::Conflict { .. })),
            "{pairs:?}"
        );
    }
}

#[test]
fn limits_are_read() {
    let config = broker(&[
        ("max.connections.per.ip.overrides", "10.0.0.1:5, [::1]:6,host:7"),
        ("connections.max.idle.ms", "-1"),
        ("queued.max.request.bytes", "-1"),
        ("socket.receive.buffer.bytes", "-1"),
        ("socket.request.max.bytes", "1000"),
        ("offsets.topic.segment.bytes", "1000"),
    ]);
    let per_ip: Vec<_> = config.network.max_connections_per_ip_overrides.into_iter().collect();
    assert_eq!(
        per_ip,
        [
            ("10.0.0.1".to_owned(), 5),
            ("::1".to_owned(), 6),
            ("host".to_owned(), 7)
        ]
    );
    assert_eq!(config.network.connections_max_idle_ms, None);
    assert_eq!(config.network.queued_max_request_bytes, None);
    assert_eq!(config.network.socket_receive_buffer_bytes, None);
    assert_eq!(config.network.max_request_bytes, 1000);
    let offsets_topic = config.offsets.topic_overrides();
    assert_eq!(offsets_topic["internal.segment.bytes"], "1000");
    crate::config::topic::validate(broker(&[]).settings(), &offsets_topic).unwrap();
}

#[test]
fn requests_change_what_is_dynamic_and_nothing_else() {
    let config = broker(&[("message.max.bytes", "1")]);
    let none = overrides(&[]);
    let changed = config
        .with_dynamic(&overrides(&[("message.max.bytes", "2")]), &none)
        .unwrap();
    assert_eq!(changed.topics.defaults.max_message_bytes, 2);
    let both = config.with_dynamic(
        &overrides(&[("message.max.bytes", "2")]),
        &overrides(&[("message.max.bytes", "3")]),
    );
    assert_eq!(both.unwrap().topic(&none, TopicKind::User).max_message_bytes, 3);
    for name in ["num.partitions", "listeners"] {
        let fixed = config.with_dynamic(&none, &overrides(&[(name, "PLAINTEXT://:5")]));
        assert!(fixed.is_err(), "{name}");
    }
    let for_all = config.with_dynamic(&overrides(&[("ssl.keystore.location", "/k")]), &none);
    assert!(matches!(for_all, Err(ConfigError::NotDynamic { .. })));
    assert!(
        config
            .with_dynamic(&none, &overrides(&[("sasl.enabled.mechanisms", "PLAIN")]))
            .is_err()
    );
    assert_eq!(config.with_dynamic(&none, &none).unwrap(), config);
}

#[test]
fn addresses_are_read_and_written_in_one_form() {
    for text in ["localhost:1", "10.0.0.1:65535", "[::1]:0", "a-b.c_d:9", ":9092"] {
        assert_eq!(address(text).to_string(), text);
    }
    for bad in [
        "", "a", "a:", "a:b", "a:-1", "a:+1", "::1:5", "[a]:5", "[::1:5", "a/b:1",
    ] {
        bad.parse::<HostPort>().unwrap_err();
    }
}

proptest! {
    #[test]
    fn no_value_of_any_property_makes_it_panic(index in any::<prop::sample::Index>(), value in r"\PC{0,40}") {
        let names: Vec<_> = crate::config::properties::broker_properties().map(|property| property.name).collect();
        let _ = broker_of(in_file(&[(names[index.index(names.len())], &value)]));
    }

    #[test]
    fn no_number_makes_it_panic(index in any::<prop::sample::Index>(), value in prop_oneof![any::<i64>(), -3i64..3, any::<i32>().prop_map(i64::from)]) {
        let names: Vec<_> = crate::config::properties::broker_properties().map(|property| property.name).collect();
        if let Ok(config) = broker_of(in_file(&[(names[index.index(names.len())], &value.to_string())])) {
            crate::config::describe::describe_broker(&config);
        }
    }

    #[test]
    fn no_listeners_make_it_panic(listeners in r"[A-C:/0-9.,\[\]]{0,40}", advertised in r"[A-C:/0-9.,\[\]]{0,40}") {
        let _ = broker_of(in_file(&[("listeners", &listeners), ("advertised.listeners", &advertised)]));
    }
}

#[test]
fn a_change_of_a_running_broker_keeps_to_kafkas_rules() {
    let current = broker(&[("num.io.threads", "8")]);
    let change = |pairs: &[(&str, &str)]| {
        let changed = current.with_dynamic(&overrides(pairs), &overrides(&[])).unwrap();
        changed.check_change_from(&current)
    };
    for threads in ["4", "8", "16"] {
        assert!(change(&[("num.io.threads", threads)]).is_ok(), "{threads}");
    }
    for threads in ["3", "17"] {
        assert!(change(&[("num.io.threads", threads)]).is_err(), "{threads}");
    }
    assert!(change(&[("max.connections.per.ip", "0")]).is_err());
    let with_exception = [
        ("max.connections.per.ip", "0"),
        ("max.connections.per.ip.overrides", "127.0.0.1:5"),
    ];
    assert!(change(&with_exception).is_ok());
}
