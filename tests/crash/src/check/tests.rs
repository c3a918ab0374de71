use super::{Found, Keeps, Verdict, judge};
use crate::client::{Acks, ProducerIdentity};
use crate::ledger::{Outcome, PartitionLedger, Seen, Sent};

fn sent(writer: u32, session: u32, first: u64, count: u32, base_offset: Option<i64>) -> Sent {
    let outcome = base_offset.map_or(Outcome::Unknown, |base_offset| Outcome::Acknowledged {
        base_offset,
        at: None,
    });
    Sent {
        writer,
        session,
        first,
        count,
        acks: Acks::All,
        producer: (writer == 1).then_some((ProducerIdentity { id: 7, epoch: 0 }, first as i32)),
        outcome,
    }
}

/// `"1:0-2 2:0-0"`: records 0 to 2 of writer 1, then record 0 of writer 2.
fn found(text: &str) -> Vec<Found> {
    let run = |run: &str| {
        let (writer, range) = run.split_once(':').unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let writer = writer.parse().unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        (first..=last).map(move |sequence| Found { writer, sequence })
    };
    text.split_whitespace().flat_map(run).collect()
}

/// Writer 1 sends 0–2 (at 0), 3–4 (at 4), and without an answer 5 and 6; writer 2 sends 0 (at 3), and 1 without an answer,
/// and on another connection 2.
fn verdict(text: &str) -> Verdict {
    let sent = vec![
        sent(1, 1, 0, 3, Some(0)),
        sent(2, 1, 0, 1, Some(3)),
        sent(1, 1, 3, 2, Some(4)),
        sent(1, 1, 5, 1, None),
        sent(1, 1, 6, 1, None),
        sent(2, 1, 1, 1, None),
        sent(2, 2, 2, 1, None),
    ];
    let seen = vec![Seen {
        offset: 3,
        writer: 2,
        sequence: 0,
        at: None,
    }];
    judge(&PartitionLedger { sent, seen }, &found(text), Keeps::Everything)
}

fn only_violation(text: &str) -> String {
    let verdict = verdict(text);
    assert!(verdict.lost.is_empty(), "{:?}", verdict.lost);
    assert_eq!(verdict.violations.len(), 1, "{:?}", verdict.violations);
    verdict.violations[0].clone()
}

#[test]
fn what_has_no_answer_may_be_there_or_not() {
    for (text, lucky) in [
        ("1:0-2 2:0-0 1:3-4", 0),
        ("1:0-2 2:0-0 1:3-4 1:5-6", 2),
        ("1:0-2 2:0-0 1:3-4 1:5-5 2:1-1", 2),
        ("1:0-2 2:0-0 1:3-4 2:2-2 1:5-5", 2),
        ("1:0-2 2:0-0 1:3-4 2:1-2", 2),
    ] {
        let verdict = verdict(text);
        assert!(
            verdict.violations.is_empty() && verdict.lost.is_empty(),
            "{text}: {verdict:?}"
        );
        assert_eq!((verdict.kept_records, verdict.lucky_records), (6, lucky), "{text}");
    }
}

#[test]
fn a_missing_tail_is_a_loss() {
    let verdict = verdict("1:0-2 2:0-0");
    assert_eq!((verdict.lost.len(), verdict.lost_records), (1, 2));
    assert!(verdict.violations.is_empty());
    // Of a consumer too.
    assert_eq!(super::tests::verdict("1:0-2").lost.len(), 3);
}

#[test]
fn a_batch_is_there_once_and_whole() {
    assert!(only_violation("1:0-2 2:0-0 1:3-4 1:5-5 1:5-5").contains("is at 6 too"));
    assert!(only_violation("1:0-2 2:0-0 1:3-4 2:1-1 2:1-1").contains("is at 6 too"));
    let torn = verdict("1:0-2 2:0-0 1:3-3");
    assert!(torn.violations[0].contains("records 3 to 3 of batch 3..=4"), "{torn:?}");
    assert!(only_violation("1:0-2 2:0-0 1:3-4 3:0-0").contains("which nobody sent"));
    assert!(only_violation("1:0-2 2:0-0 1:3-4 1:7-7").contains("which nobody sent"));
}

#[test]
fn a_batch_is_where_and_when_it_was_sent() {
    let moved = verdict("1:0-2 1:3-4 2:0-0");
    assert!(
        moved.violations.iter().any(|text| text.contains("acknowledged at 4")),
        "{moved:?}"
    );
    assert!(
        moved
            .violations
            .iter()
            .any(|text| text.contains("a consumer read record 0 of writer 2")),
        "{moved:?}"
    );
    assert!(only_violation("1:0-2 2:0-0 1:3-4 1:6-6").contains("but not what it sent before it, 5"));
    assert!(only_violation("1:0-2 2:0-0 1:3-4 2:2-2 2:1-1").contains("comes after its 2"));
}
