use std::collections::BTreeSet;

use crate::config::properties::{
    self, BrokerName, Check, Class, ConfigType, Property, broker_properties, client_metrics_properties,
    find_broker_name, group_properties, nearest_broker_name, topic_properties,
};
use crate::config::topic::SYNONYMS;

/// What a broker of Kafka 4.3 reports of itself, a topic, a group and client metrics.
const REPORTED: &str = include_str!("../testdata/kafka-4.3-reported.tsv");

/// Weir's own defaults: it runs with no configuration, in `./data`, for this machine alone, and bounds what it holds.
const OWN_DEFAULTS: [(&str, &str); 4] = [
    ("listeners", "PLAINTEXT://127.0.0.1:9092"),
    ("log.dir", "data"),
    ("node.id", "1"),
    ("queued.max.request.bytes", "67108864"),
];

fn reported() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let mut section = "";
    REPORTED.lines().filter_map(move |line| {
        if let Some(title) = line.strip_prefix("# ") {
            section = title;
            return None;
        }
        Some((section, line.split('\t').collect()))
    })
}

fn known(section: &str, name: &str) -> Option<&'static Property> {
    match section {
        "TOPIC" => properties::topic_property(name),
        "BROKER" => properties::broker_property(name),
        "GROUP" => properties::group_property(name),
        "CLIENT_METRICS" => properties::client_metrics_property(name),
        _ => panic!("unknown section {section}"),
    }
}

fn all() -> impl Iterator<Item = &'static Property> {
    broker_properties()
        .chain(topic_properties())
        .chain(group_properties())
        .chain(client_metrics_properties())
}

#[test]
fn every_property_that_kafka_reports_is_in_the_table_as_kafka_has_it() {
    let mut rows = 0;
    for (section, row) in reported() {
        let [name, kind, default, update, synonyms] = row[..] else {
            panic!("{row:?}")
        };
        let property = known(section, name).unwrap_or_else(|| panic!("{section} {name} has no class"));
        rows += 1;
        assert!(property.is_reported(), "{name}");
        assert_eq!(property.kind.word(), kind, "{name}");
        let own = OWN_DEFAULTS
            .iter()
            .find(|(own, _)| *own == name && section == "BROKER")
            .map(|(_, default)| *default);
        match (own, default) {
            (Some(own), _) => assert_eq!(property.default, Some(own)),
            (None, "null" | "(sensitive)") => assert_eq!(property.default, None, "{name}"),
            (None, default) => assert_eq!(property.default, Some(default), "{name}"),
        }
        assert_eq!(
            property.update == properties::Update::ReadOnly,
            update == "static",
            "{name}"
        );
        if section == "TOPIC" && !synonyms.is_empty() {
            assert!(
                SYNONYMS
                    .iter()
                    .any(|(topic, brokers)| *topic == name && brokers[0].name == synonyms),
                "{name}"
            );
        }
    }
    assert_eq!(rows, 393);
}

#[test]
fn the_table_reports_nothing_that_kafka_does_not_but_weirs_own() {
    let kafka: BTreeSet<_> = reported().map(|(section, row)| (section, row[0])).collect();
    let sections = [
        ("BROKER", broker_properties().collect::<Vec<_>>()),
        ("TOPIC", topic_properties().collect()),
        ("GROUP", group_properties().collect()),
        ("CLIENT_METRICS", client_metrics_properties().collect()),
    ];
    for (section, properties) in sections {
        for property in properties.iter().filter(|property| property.is_reported()) {
            let own = property.name.starts_with("weir.") || property.name.starts_with("write.caching");
            assert_ne!(own, kafka.contains(&(section, property.name)), "{}", property.name);
        }
    }
}

#[test]
fn every_default_passes_its_own_check_and_is_written_back_as_it_stands() {
    for property in all() {
        let Some(default) = property.default else { continue };
        assert_eq!(property.default_value().to_string(), default, "{}", property.name);
        // Kafka's default of process.roles is empty, though an empty value cannot be set.
        if property.name != "process.roles" {
            assert_eq!(
                property.parse(default),
                Ok(property.default_value()),
                "{}",
                property.name
            );
        }
    }
}

#[test]
fn every_check_fits_the_type_of_its_property() {
    for property in all() {
        let number = matches!(
            property.kind,
            ConfigType::Int | ConfigType::Short | ConfigType::Long | ConfigType::Double
        );
        let fits = match property.check {
            Check::Any => true,
            Check::Range { .. } => number,
            Check::OneOf { .. } | Check::OffsetReset => property.kind == ConfigType::String,
            Check::AnyOf { .. } | Check::HostPorts | Check::Voters | Check::ThrottledReplicas => {
                property.kind == ConfigType::List
            }
            Check::NonEmpty => matches!(property.kind, ConfigType::List | ConfigType::String),
        };
        assert!(fits, "{} {:?}", property.name, property.check);
    }
}

#[test]
fn every_served_property_is_documented() {
    for property in all() {
        assert!(
            property.documentation().ends_with('.'),
            "{}: {}",
            property.name,
            property.documentation()
        );
        assert!(
            property.class != Class::Served || property.documentation().len() > 20,
            "{}",
            property.name
        );
    }
}

#[test]
fn synonyms_name_properties_of_topic_and_broker_of_one_type() {
    for (topic, brokers) in SYNONYMS {
        let topic = properties::topic_property(topic).unwrap();
        for broker in *brokers {
            let property = properties::broker_property(broker.name).unwrap();
            assert_eq!(
                property.kind == ConfigType::List,
                topic.kind == ConfigType::List,
                "{}",
                broker.name
            );
            assert_eq!(broker.unit == 60_000, broker.name.ends_with("minutes"));
            assert_eq!(broker.unit == 3_600_000, broker.name.ends_with("hours"));
        }
    }
}

#[test]
fn prefixed_names_are_known_by_what_stands_behind_the_prefix() {
    let of_listener = |name: &str| match find_broker_name(name) {
        Some(BrokerName::OfListener(property)) => Some(property.name),
        _ => None,
    };
    assert_eq!(
        of_listener("listener.name.internal.ssl.keystore.location"),
        Some("ssl.keystore.location")
    );
    assert_eq!(
        of_listener("listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config"),
        Some("sasl.jaas.config")
    );
    assert_eq!(
        of_listener("listener.name.external.max.connections"),
        Some("max.connections")
    );
    assert_eq!(of_listener("listener.name.external.log.segment.bytes"), None);
    assert_eq!(of_listener("listener.name.external"), None);
    assert!(matches!(
        find_broker_name("rsm.config.whatever"),
        Some(BrokerName::OfPlugin(_))
    ));
    assert!(matches!(
        find_broker_name("log4j.rootLogger"),
        Some(BrokerName::OfPlugin(_))
    ));
    assert_eq!(find_broker_name("log4j"), None);
}

#[test]
fn the_nearest_name_is_what_was_most_likely_meant() {
    assert_eq!(nearest_broker_name("log.segment.byte"), "log.segment.bytes");
    assert_eq!(nearest_broker_name("advertised.listener"), "advertised.listeners");
    assert_eq!(nearest_broker_name("write.cache"), "write.caching");
    assert_eq!(nearest_broker_name("retention.ms"), "log.retention.ms");
    assert_eq!(nearest_broker_name("x"), "");
    assert_eq!(
        nearest_broker_name("listener.name.x.ssl.keystore.locatoin"),
        "listener.name.x.ssl.keystore.location"
    );
    assert_eq!(properties::nearest_topic_name("retenton.ms"), "retention.ms");
    assert_eq!(nearest_broker_name(&"x".repeat(1 << 20)), "");
}
