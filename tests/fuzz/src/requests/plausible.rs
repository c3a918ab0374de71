//! Values that a request of this kind could have: what the node is known to have, what it knows by name, the default, and
//! now and then anything.

use storage::compression::Codec;
use storage::record_batch::BatchBuilder;
use uuid::Uuid;

use super::harvest::{Harvest, Membership};
use crate::choices::Choices;
use crate::mutate::{EDGES, mutate};
use crate::schema::{Field, Kind, Value, Values};

/// Elements of an array, and all elements of a request: its arrays stand in each other.
const MAX_COUNT: usize = 24;
const MAX_ELEMENTS: usize = 60;

/// The topics that a world begins with come first.
const TOPICS: [&str; 9] = [
    "t0",
    "t1",
    "t2",
    "made-0",
    "made-1",
    "made-2",
    "__consumer_offsets",
    "__cluster_metadata",
    "a/b",
];
const GROUPS: [&str; 4] = ["g0", "g1", "g2", ""];

/// Words by meaning.
const WORDS: &[(&str, &[&str])] = &[
    (
        "protocoltype",
        &[
            "consumer", "consumer", "consumer", "consumer", "consumer", "connect", "",
        ],
    ),
    ("protocolname", &["range", "range", "range", "roundrobin"]),
    ("resourcename", &["t0", "t1", "1", "", "g0", "broker-logger", "made-0"]),
    (
        "configurationkeys",
        &[
            "retention.ms",
            "cleanup.policy",
            "segment.bytes",
            "log.retention.hours",
            "no.such",
            "compression.type",
        ],
    ),
    (
        "value",
        &[
            "1000",
            "-1",
            "compact",
            "delete",
            "compact,delete",
            "true",
            "false",
            "lz4",
            "zstd",
            "",
            "LogAppendTime",
            "9223372036854775807",
        ],
    ),
    ("statesfilter", &["Stable", "Empty", "Dead", "PreparingRebalance", "x"]),
    ("typesfilter", &["classic", "consumer", "share", "x"]),
    ("clientsoftwarename", &["apache-kafka-java", "librdkafka", "a b", ""]),
    ("clientsoftwareversion", &["4.3.0", "2.15.0", "-", ""]),
    ("groupinstanceid", &["i0", "i1", ""]),
    ("mechanism", &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "x"]),
    ("transactionalid", &["tx0", "tx1", ""]),
    ("coordinatorkeys", &GROUPS),
    ("key", &["g0", "g1", "tx0", "1", ""]),
];

/// Names that stand in a field `Name` or `ConfigName` of something that is no topic.
const NAMES: [&str; 17] = [
    "retention.ms",
    "retention.bytes",
    "cleanup.policy",
    "segment.bytes",
    "segment.ms",
    "compression.type",
    "max.message.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "write.caching",
    "flush.ms",
    "index.interval.bytes",
    "file.delete.delay.ms",
    "log.retention.ms",
    "producer.id.expiration.ms",
    "group.max.size",
    "no.such",
];

const TIMEOUTS: [i64; 8] = [0, 1, 10, 1_000, 6_000, 30_000, i32::MAX as i64, -1];
const TIMESTAMPS: [i64; 9] = [-1, -2, -3, -4, -5, -6, -7, 0, 1_700_000_000_000];
const SMALL_TYPES: [i64; 9] = [0, 1, 2, 3, 4, 8, 16, 32, -1];

/// See the module.
pub(super) struct Plausible<'w, 'c, 'a> {
    choices: &'c mut Choices<'a>,
    harvest: &'w mut Harvest,
    now_ms: i64,
    elements: usize,
    /// Whom a request speaks for, most times.
    member: Option<Membership>,
    /// Id and epoch of its fetch session.
    session: (i64, i64),
    /// The group that was named last.
    pub(super) group: String,
}

impl<'w, 'c, 'a> Plausible<'w, 'c, 'a> {
    pub(super) fn new(choices: &'c mut Choices<'a>, harvest: &'w mut Harvest, now_ms: i64) -> Self {
        let member = match choices.percent(70) {
            true => harvest.member(choices.below(6)).or(harvest.member(0)).cloned(),
            false => None,
        };
        let session = match choices.below(8) {
            0..3 => (0, -1),
            3..5 => (0, 0),
            place => harvest.next_of_session(place).unwrap_or_default(),
        };
        Plausible {
            choices,
            harvest,
            now_ms,
            elements: 0,
            member,
            session,
            group: String::new(),
        }
    }

    fn text(&mut self, field: &Field) -> String {
        let text = self.any_text(field);
        if field.meaning == "group" {
            self.group.clone_from(&text);
        }
        text
    }

    fn any_text(&mut self, field: &Field) -> String {
        let word = |words: &[&str], choices: &mut Choices<'_>| choices.one(words).to_owned();
        let pick = self.choices.below(100);
        if pick < 4 {
            let bytes = self.choices.bytes(300);
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        if pick < 90
            && let Some(member) = &self.member
        {
            match &*field.meaning {
                "group" => return member.group.clone(),
                "memberid" => return member.member.clone(),
                _ => {}
            }
        }
        if pick < 40
            && let Some(Value::Text(text)) = self.known(&field.meaning)
        {
            return text;
        }
        match &*field.meaning {
            "topic" if pick < 80 => word(&TOPICS[..3], self.choices),
            "topic" => word(&TOPICS, self.choices),
            // A topic to be made or a property, by the message.
            "name" if pick.is_multiple_of(2) => word(&TOPICS, self.choices),
            "name" | "configname" => word(&NAMES, self.choices),
            "group" => word(&GROUPS, self.choices),
            "memberid" => String::new(),
            meaning => match WORDS.iter().find(|(known, _)| *known == meaning) {
                Some((_, words)) => word(words, self.choices),
                None => word(&["", "a", "t0", "g0", "1"], self.choices),
            },
        }
    }

    fn number(&mut self, field: &Field) -> i64 {
        let pick = self.choices.below(100);
        if pick < 4 {
            return self.choices.one(&EDGES);
        }
        if pick < 6 {
            return self.choices.number();
        }
        let meaning = &*field.meaning;
        if (meaning.contains("timeout") && meaning != "sessiontimeoutms") || meaning == "maxwaitms" {
            return self.choices.one(&TIMEOUTS);
        }
        if pick < 90 {
            match (meaning, &self.member) {
                ("generationid", Some(member)) => return member.generation,
                ("sessionid", _) => return self.session.0,
                ("sessionepoch", _) => return self.session.1,
                _ => {}
            }
        }
        if pick < 45
            && let Some(Value::Number(number)) = self.known(meaning)
        {
            return number;
        }
        if pick < 60
            && let Some(default) = field.default
        {
            return default;
        }
        let small = self.choices.below(6) as i64;
        match meaning {
            "partition" if pick < 90 => small % 2,
            "partition" => small,
            "timestamp" => self.choices.one(&TIMESTAMPS),
            "acks" => self.choices.one(&[-1, 1, 0, -1, 1, -1, 2]),
            "numpartitions" | "count" => self.choices.one(&[1, 2, 3, 4, -1, 0, 500]),
            "replicationfactor" => self.choices.one(&[1, 1, -1, 3]),
            "maxbytes" | "partitionmaxbytes" => self.choices.one(&[1 << 20, 1, 0, 100, i64::from(i32::MAX)]),
            "minbytes" => small % 2,
            "isolationlevel" => self.choices.one(&[0, 1, 0, 1, 2]),
            "sessiontimeoutms" => self.choices.one(&[6_000, 10_000, 30_000, 0]),
            "resourcetype" | "keytype" | "type" | "configoperation" => self.choices.one(&SMALL_TYPES),
            "sessionepoch" => small - 1,
            "leaderepoch" if pick < 85 => -1,
            "leaderepoch" => small - 1,
            "offset" if pick < 80 => small / 2,
            "offset" | "lastoffset" => small * 2,
            "broker" | "brokerids" | "replicaid" => self.choices.one(&[1, -1, 0, 2]),
            _ => small,
        }
    }

    fn known(&mut self, meaning: &str) -> Option<Value> {
        let known = self.harvest.of(meaning)?;
        known.get(self.choices.below(known.len())).cloned()
    }

    fn known_number(&mut self, meaning: &str, otherwise: i64) -> i64 {
        match self.known(meaning) {
            Some(Value::Number(number)) => number,
            _ => otherwise,
        }
    }

    fn bytes(&mut self, field: &Field) -> Vec<u8> {
        match (field.kind, self.choices.below(4)) {
            (Kind::Records, _) => self.records(),
            (_, 0) => self.choices.bytes(40),
            (_, 1) => Vec::new(),
            // A consumer's subscription to t0, which coordinators may look into.
            _ => [
                &[0, 1, 0, 0, 0, 1, 0, 2][..],
                b"t0",
                &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            ]
            .concat(),
        }
    }

    fn records(&mut self) -> Vec<u8> {
        let count = 1 + self.choices.below(4);
        let codec = self.choices.one(&Codec::ALL);
        let mut batch = BatchBuilder::new(codec);
        if self.choices.percent(40) {
            let id = self.known_number("producerid", 7);
            let epoch = self.known_number("producerepoch", 0) as i16;
            let sequence = match self.choices.percent(80) {
                true => self.harvest.sequence((id, epoch), count as i32),
                false => self.choices.one(&[0, 1, i64::from(i32::MAX), -1]) as i32,
            };
            batch = batch.producer(id, epoch, sequence);
        }
        for _ in 0..count {
            let key = self.choices.percent(60).then(|| self.choices.bytes(8));
            let value = self.choices.percent(90).then(|| self.choices.bytes(60));
            let headers: &[(&str, Option<&[u8]>)] = match self.choices.percent(10) {
                true => &[("h", Some(b"v")), ("h", None)],
                false => &[],
            };
            let time = match self.choices.percent(95) {
                true => self.now_ms,
                false => self.choices.one(&EDGES),
            };
            batch.push(time, key.as_deref(), value.as_deref(), headers);
        }
        match self.choices.below(40) {
            0 => batch = batch.transactional(),
            1 => batch = batch.control(),
            2 => batch = batch.log_append_time(5),
            _ => {}
        }
        let mut bytes = batch.try_build().map(|bytes| bytes.to_vec()).unwrap_or_default();
        if self.choices.percent(10) {
            mutate(self.choices, &mut bytes, 3);
            if self.choices.percent(70) {
                crate::batches::mend(&mut bytes);
            }
        }
        bytes
    }
}

impl Values for Plausible<'_, '_, '_> {
    fn is_null(&mut self, field: &Field) -> bool {
        if field.meaning == "groupinstanceid" {
            return self.choices.percent(85);
        }
        self.choices.percent(if field.is_array { 30 } else { 50 })
    }

    fn is_there(&mut self, _: &Field) -> bool {
        self.choices.percent(20)
    }

    fn count(&mut self, _: &Field) -> usize {
        let count = match self.choices.below(20) {
            0 | 1 => 0,
            2..16 => 1,
            16..19 => 2,
            _ => self.choices.below(MAX_COUNT),
        };
        let count = count.min(MAX_ELEMENTS.saturating_sub(self.elements));
        self.elements += count;
        count
    }

    fn value(&mut self, field: &Field) -> Value {
        match field.kind {
            Kind::String => Value::Text(self.text(field)),
            Kind::Bytes | Kind::Records => Value::Bytes(self.bytes(field)),
            Kind::Uuid => match self.choices.below(10) {
                0 => Value::Uuid(Uuid::nil()),
                1 => Value::Uuid(Uuid::from_u128(self.choices.number() as u128)),
                2 => Value::Uuid(Uuid::from_u128(1)),
                _ => self.known(&field.meaning).unwrap_or(Value::Uuid(Uuid::nil())),
            },
            _ => Value::Number(self.number(field)),
        }
    }
}
