use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::StrBytes;

use crate::controller::decide::{create_topics, delete_topics, incremental_alter_configs};
use crate::controller::fixture::{Cluster, config, topic};
use crate::controller::image::{ResourceType, config_bytes};

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn cluster() -> Cluster {
    let mut cluster = Cluster::of(2);
    let a = topic("a", 1, 1).with_configs(vec![config("retention.ms", Some("5"))]);
    let request = CreateTopicsRequest::default().with_topics(vec![a]);
    cluster.decide(|context, ids| create_topics(context, &request, ids));
    cluster
}

fn resource(kind: i8, name: &str, changes: &[(&str, i8, Option<&str>)]) -> AlterConfigsResource {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let configs = changes.iter().map(|(name, operation, value)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect())
}

fn codes(cluster: &mut Cluster, resources: Vec<AlterConfigsResource>) -> Vec<i16> {
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources);
    let response = cluster.decide(|context, _| incremental_alter_configs(context, &request));
    response.responses.iter().map(|response| response.error_code).collect()
}

fn value(cluster: &Cluster, kind: ResourceType, resource: &str, name: &str) -> Option<String> {
    cluster.image.overrides(kind, resource).get(name).cloned()
}

/// What all resources take, counted anew.
fn counted(cluster: &Cluster) -> usize {
    let kinds = [
        ResourceType::Topic,
        ResourceType::Broker,
        ResourceType::ClientMetrics,
        ResourceType::Group,
    ];
    let resources = kinds.into_iter().flat_map(|kind| cluster.image.resources(kind));
    resources.map(|(name, overrides)| config_bytes(name, overrides)).sum()
}

#[test]
fn configuration_has_a_bound_in_bytes() {
    const GROUP: i8 = 32;
    let mut cluster = cluster();
    let value = "x".repeat(30_000);
    let set = |name: &str| resource(GROUP, name, &[("compression.type", SET, Some(&value))]);
    let before = cluster.image.config_bytes();
    // 1 MiB is the limit here. What is refused in a request takes nothing from what follows.
    let names: Vec<String> = (0..40).map(|number| format!("g{number}")).collect();
    let answered = codes(&mut cluster, names.iter().map(|name| set(name)).collect());
    let taken = answered.iter().filter(|code| **code == 0).count();
    assert!((30..36).contains(&taken), "{answered:?}");
    assert!(answered[..taken].iter().all(|code| *code == 0) && answered[taken..].iter().all(|code| *code == 44));
    assert_eq!(cluster.image.config_bytes(), counted(&cluster));
    assert!(cluster.image.config_bytes() <= cluster.settings.max_config_bytes);
    // Small ones, and those that need no more, go on; a new topic has no room for much either.
    let small = resource(GROUP, "g0", &[("compression.type", SET, Some("y"))]);
    assert_eq!(
        codes(&mut cluster, vec![set("g1"), small, set("g39"), set("new")]),
        [0, 0, 0, 44]
    );
    let topic = topic("c", 1, 1).with_configs(vec![config("segment.bytes", Some(&value))]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let response = cluster.decide(|context, ids| create_topics(context, &request, ids));
    assert_eq!(response.topics[0].error_code, 44);
    let delete = |name: &String| resource(GROUP, name, &[("compression.type", DELETE, None)]);
    codes(&mut cluster, names.iter().map(delete).collect());
    assert_eq!((cluster.image.config_bytes(), counted(&cluster)), (before, before));
    let response = cluster.decide(|context, ids| create_topics(context, &request, ids));
    assert_eq!(response.topics[0].error_code, 0);
    let deleted = DeleteTopicsRequest::default().with_topic_names(vec![response.topics[0].name.clone()]);
    cluster.decide(|context, _| delete_topics(context, &deleted, 5));
    assert_eq!(cluster.image.config_bytes(), before);
}

#[test]
fn subscriptions_to_client_metrics_have_a_bound() {
    const CLIENT_METRICS: i8 = 16;
    let mut cluster = cluster();
    let set = |name: &str, value: &str| resource(CLIENT_METRICS, name, &[("retention.ms", SET, Some(value))]);
    assert_eq!(codes(&mut cluster, vec![set("a", "1"), set("b", "1")]), [0, 0]);
    assert_eq!(codes(&mut cluster, vec![set("c", "1"), set("d", "1")]), [0, 44]);
    // To read one takes long: no more are read at once either.
    let again = ["a", "b", "c", "x"].map(|name| set(name, "wrong"));
    assert_eq!(codes(&mut cluster, again.into()), [40, 40, 40, 44]);
    let delete = resource(CLIENT_METRICS, "a", &[("retention.ms", DELETE, None)]);
    assert_eq!(codes(&mut cluster, vec![delete, set("d", "1")]), [0, 0]);
    assert_eq!(cluster.image.config_bytes(), counted(&cluster));
}

#[test]
fn values_are_set_and_deleted() {
    let mut cluster = cluster();
    let set = resource(
        2,
        "a",
        &[
            ("retention.ms", SET, Some("7")),
            ("cleanup.policy", SET, Some("compact")),
        ],
    );
    assert_eq!(codes(&mut cluster, vec![set.clone()]), [0]);
    assert_eq!(
        value(&cluster, ResourceType::Topic, "a", "retention.ms").as_deref(),
        Some("7")
    );
    // What is so already makes no record.
    let offset = cluster.image.offset();
    assert_eq!(
        (codes(&mut cluster, vec![set]), cluster.image.offset()),
        (vec![0], offset)
    );
    let delete = resource(
        2,
        "a",
        &[("retention.ms", DELETE, None), ("segment.bytes", DELETE, None)],
    );
    assert_eq!(codes(&mut cluster, vec![delete]), [0]);
    assert_eq!(value(&cluster, ResourceType::Topic, "a", "retention.ms"), None);
    assert_eq!(cluster.image.offset(), offset + 1);
}

#[test]
fn lists_grow_and_shrink() {
    let mut cluster = cluster();
    let mut change = |operation, given: &str| {
        assert_eq!(
            codes(
                &mut cluster,
                vec![resource(2, "a", &[("cleanup.policy", operation, Some(given))])]
            ),
            [0]
        );
        value(&cluster, ResourceType::Topic, "a", "cleanup.policy").unwrap()
    };
    // The default is where an append begins.
    assert_eq!(change(APPEND, "compact"), "delete,compact");
    assert_eq!(change(APPEND, "delete,compact"), "delete,compact");
    assert_eq!(change(SUBTRACT, "delete"), "compact");
    // White space belongs to an element.
    assert_eq!(change(SUBTRACT, " compact"), "compact");
    let not_a_list = resource(2, "a", &[("retention.ms", APPEND, Some("1"))]);
    assert_eq!(codes(&mut cluster, vec![not_a_list]), [40]);
}

#[test]
fn a_resource_is_changed_whole_or_not_at_all() {
    let mut cluster = cluster();
    let bad = resource(2, "a", &[("retention.ms", SET, Some("7")), ("no.such", SET, Some("1"))]);
    let good = resource(4, "", &[("retention.ms", SET, Some("9"))]);
    assert_eq!(codes(&mut cluster, vec![bad, good]), [40, 0]);
    assert_eq!(
        value(&cluster, ResourceType::Topic, "a", "retention.ms").as_deref(),
        Some("5")
    );
    assert_eq!(
        value(&cluster, ResourceType::Broker, "", "retention.ms").as_deref(),
        Some("9")
    );
}

#[test]
fn each_kind_of_resource_has_its_checks() {
    let mut cluster = cluster();
    let set = |kind, name: &str, property: &str| resource(kind, name, &[(property, SET, Some("1"))]);
    let code = |cluster: &mut Cluster, resource| codes(cluster, vec![resource])[0];
    assert_eq!(code(&mut cluster, set(2, "nowhere", "retention.ms")), 3);
    assert_eq!(code(&mut cluster, set(2, "", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(2, "a b", "retention.ms")), 17);
    assert_eq!(code(&mut cluster, set(4, "1", "retention.ms")), 0);
    assert_eq!(code(&mut cluster, set(4, "2", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(4, "x", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(16, "subscription", "no.such")), 40);
    assert_eq!(code(&mut cluster, set(16, "", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(32, "group", "no.such")), 40);
    assert_eq!(code(&mut cluster, set(32, "group", "retention.ms")), 0);
    assert_eq!(code(&mut cluster, set(32, "", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(8, "1", "retention.ms")), 42);
    assert_eq!(code(&mut cluster, set(2, "a", &"x".repeat(40_000))), 40);
}

#[test]
fn what_is_given_twice_or_without_a_value_is_42() {
    let mut cluster = cluster();
    let ok = resource(2, "a", &[("retention.ms", SET, Some("7"))]);
    assert_eq!(codes(&mut cluster, vec![ok.clone(), ok]), [42, 42]);
    let twice = resource(
        2,
        "a",
        &[("retention.ms", SET, Some("7")), ("retention.ms", DELETE, None)],
    );
    assert_eq!(codes(&mut cluster, vec![twice]), [42]);
    assert_eq!(
        codes(&mut cluster, vec![resource(2, "a", &[("retention.ms", SET, None)])]),
        [42]
    );
    assert_eq!(
        codes(
            &mut cluster,
            vec![resource(2, "a", &[("cleanup.policy", APPEND, None)])]
        ),
        [42]
    );
    assert_eq!(
        codes(&mut cluster, vec![resource(2, "a", &[("retention.ms", 4, Some("1"))])]),
        [-1]
    );
    assert_eq!(
        value(&cluster, ResourceType::Topic, "a", "retention.ms").as_deref(),
        Some("5")
    );
}

#[test]
fn only_validating_changes_nothing() {
    let mut cluster = cluster();
    let resources = vec![resource(2, "a", &[("retention.ms", SET, Some("7"))])];
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(resources)
        .with_validate_only(true);
    let response = cluster.decide(|context, _| incremental_alter_configs(context, &request));
    assert_eq!(response.responses[0].error_code, 0);
    assert_eq!(
        value(&cluster, ResourceType::Topic, "a", "retention.ms").as_deref(),
        Some("5")
    );
}

#[test]
fn an_empty_element_is_not_appended_to_a_list_that_has_some() {
    let mut cluster = cluster();
    let mut change = |operation, value| {
        let change = ("cleanup.policy", operation, Some(value));
        codes(&mut cluster, vec![resource(2, "a", &[change])])[0]
    };
    assert_eq!(change(APPEND, ""), 40);
    assert_eq!(change(SUBTRACT, ""), 0);
    assert_eq!(change(APPEND, ","), 0);
    assert_eq!(change(SET, "compact"), 0);
    assert_eq!(change(APPEND, ""), 40);
}
