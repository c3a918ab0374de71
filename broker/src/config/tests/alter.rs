use super::{broker, overrides};
use crate::config::alter::{
    AlterError, Change, Operation, alter_broker, alter_client_metrics, alter_group, alter_topic,
};
use crate::config::topic::Overrides;

fn change(name: &str, operation: Operation, value: &str) -> Change {
    Change {
        name: name.to_owned(),
        operation,
        value: Some(value.to_owned()),
    }
}

fn altered(current: &[(&str, &str)], changes: &[Change]) -> Result<Overrides, AlterError> {
    alter_topic(&broker(&[]), &overrides(current), changes)
}

#[test]
fn operations_have_kafkas_numbers() {
    use Operation::{Append, Delete, Set, Subtract};
    for (id, operation) in [
        (0, Some(Set)),
        (1, Some(Delete)),
        (2, Some(Append)),
        (3, Some(Subtract)),
        (4, None),
        (-1, None),
    ] {
        assert_eq!(Operation::from_id(id), operation);
    }
}

#[test]
fn set_replaces_and_delete_drops() {
    let after = altered(
        &[("retention.ms", "1"), ("segment.ms", "2")],
        &[
            change("retention.ms", Operation::Set, "3"),
            Change {
                name: "segment.ms".to_owned(),
                operation: Operation::Delete,
                value: None,
            },
            Change {
                name: "never.set".to_owned(),
                operation: Operation::Delete,
                value: None,
            },
        ],
    );
    assert_eq!(after.unwrap(), overrides(&[("retention.ms", "3")]));
}

#[test]
fn append_and_subtract_work_on_what_holds() {
    let appended = altered(&[], &[change("cleanup.policy", Operation::Append, "compact,delete")]).unwrap();
    assert_eq!(appended["cleanup.policy"], "delete,compact");
    let subtracted = altered(
        &[("cleanup.policy", "compact, delete")],
        &[change("cleanup.policy", Operation::Subtract, "delete")],
    );
    assert_eq!(subtracted.unwrap()["cleanup.policy"], "compact");
    let emptied = altered(&[], &[change("cleanup.policy", Operation::Subtract, "delete,compact")]).unwrap();
    assert_eq!(emptied["cleanup.policy"], "");
}

#[test]
fn an_empty_element_is_appended_to_an_empty_list_alone() {
    let append = |current: &[(&str, &str)], name: &str, value: &str| {
        altered(current, &[change(name, Operation::Append, value)]).map(|after| after[name].clone())
    };
    let refused = |name: &str| Err(AlterError::EmptyElement(name.to_owned()));
    assert_eq!(append(&[], "cleanup.policy", ""), refused("cleanup.policy"));
    assert_eq!(append(&[], "cleanup.policy", ","), Ok("delete".to_owned()));
    assert_eq!(
        append(&[("cleanup.policy", "")], "cleanup.policy", ""),
        Ok(String::new())
    );
    let throttled = "leader.replication.throttled.replicas";
    assert_eq!(append(&[], throttled, ""), Ok(String::new()));
}

#[test]
fn nothing_changes_where_anything_is_wrong() {
    let good = || change("retention.ms", Operation::Set, "3");
    let twice = altered(&[], &[good(), good()]);
    assert_eq!(twice, Err(AlterError::Twice("retention.ms".to_owned())));
    let no_value = Change { value: None, ..good() };
    assert_eq!(
        altered(&[], &[no_value]),
        Err(AlterError::NoValue("retention.ms".to_owned()))
    );
    let not_a_list = altered(&[], &[change("retention.ms", Operation::Append, "3")]);
    assert_eq!(
        not_a_list,
        Err(AlterError::NotAList {
            name: "retention.ms".to_owned(),
            kind: "LONG"
        })
    );
    for wrong in [
        change("segment.bytes", Operation::Set, "1"),
        change("foo", Operation::Set, "1"),
        change("foo", Operation::Append, "1"),
        change("cleanup.policy", Operation::Append, "keep"),
    ] {
        assert!(matches!(altered(&[], &[good(), wrong]), Err(AlterError::Invalid(_))));
    }
}

#[test]
fn a_broker_is_altered_for_all_or_for_itself() {
    let broker = broker(&[]);
    let none = overrides(&[]);
    let two = [change("message.max.bytes", Operation::Set, "2")];
    let (for_all, config) = alter_broker(&broker, true, &none, &none, &two).unwrap();
    assert_eq!(config.topics.defaults.max_message_bytes, 2);
    let three = [change("message.max.bytes", Operation::Set, "3")];
    let (this, config) = alter_broker(&config, false, &for_all, &none, &three).unwrap();
    assert_eq!((this.len(), config.topics.defaults.max_message_bytes), (1, 3));
    let read_only = [change("num.partitions", Operation::Set, "3")];
    assert!(alter_broker(&broker, false, &none, &none, &read_only).is_err());
    // What the tools for reassignment set and delete.
    let throttle = [change(
        "replica.alter.log.dirs.io.max.bytes.per.second",
        Operation::Set,
        "3",
    )];
    assert!(alter_broker(&broker, false, &none, &none, &throttle).is_ok());
}

#[test]
fn groups_and_client_metrics_have_their_own_names() {
    let none = overrides(&[]);
    assert!(
        alter_group(
            &none,
            &[change("share.auto.offset.reset", Operation::Set, "by_duration:PT1H")]
        )
        .is_ok()
    );
    assert!(alter_group(&none, &[change("share.auto.offset.reset", Operation::Set, "never")]).is_err());
    let unknown = alter_group(&none, &[change("consumer.session.timeout", Operation::Set, "1")]).unwrap_err();
    assert!(
        unknown
            .to_string()
            .ends_with("did you mean consumer.session.timeout.ms?"),
        "{unknown}"
    );
    let metrics = alter_client_metrics(&none, &[change("metrics", Operation::Append, "a.,b.")]).unwrap();
    assert_eq!(metrics["metrics"], "a.,b.");
}

#[test]
fn nobody_is_locked_out_by_a_change() {
    for for_all in [true, false] {
        let none = Overrides::new();
        let zero = [change("max.connections", Operation::Set, "0")];
        let refused = alter_broker(&broker(&[]), for_all, &none, &none, &zero).unwrap_err();
        assert!(refused.to_string().contains("at least 1"), "{refused}");
        let one = [change("max.connections", Operation::Set, "1")];
        let (_, config) = alter_broker(&broker(&[]), for_all, &none, &none, &one).unwrap();
        assert_eq!(config.network.max_connections, 1);
    }
}
