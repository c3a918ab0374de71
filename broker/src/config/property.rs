//! One property: its type, what it belongs to, what its value must satisfy, and what Weir does with it.
//!
//! Invariant: a property without effect says why ([`Reason`]), in the warning, the refusal and the documentation alike.

use std::borrow::Cow;

/// The type of a property's value, numbered as DescribeConfigs v3+ answers it (KIP-569).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A 32-bit number.
    Int = 3,
    /// A 16-bit number.
    Short = 4,
    /// A 64-bit number.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Texts separated by commas.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// Text that is never shown.
    Password = 9,
}

impl ConfigType {
    /// The number of the type in a DescribeConfigs response.
    pub fn id(self) -> i8 {
        self as i8
    }

    /// Kafka's word for the type.
    pub fn word(self) -> &'static str {
        match self {
            ConfigType::Boolean => "BOOLEAN",
            ConfigType::String => "STRING",
            ConfigType::Int => "INT",
            ConfigType::Short => "SHORT",
            ConfigType::Long => "LONG",
            ConfigType::Double => "DOUBLE",
            ConfigType::List => "LIST",
            ConfigType::Class => "CLASS",
            ConfigType::Password => "PASSWORD",
        }
    }

    const ALL: [ConfigType; 9] = [
        ConfigType::Boolean,
        ConfigType::String,
        ConfigType::Int,
        ConfigType::Short,
        ConfigType::Long,
        ConfigType::Double,
        ConfigType::List,
        ConfigType::Class,
        ConfigType::Password,
    ];

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What a property belongs to. The internal ones are known, and reported only where they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A broker's, in `server.properties`.
    Broker,
    /// A broker's that DescribeConfigs does not list by itself.
    BrokerInternal,
    /// A topic's.
    Topic,
    /// A topic's that DescribeConfigs does not list by itself.
    TopicInternal,
    /// A consumer, share or streams group's.
    Group,
    /// A subscription to client metrics.
    ClientMetrics,
    /// A broker's in Kafka before 4.0.
    Retired,
}

/// How a running broker can be given another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Only by a restart.
    ReadOnly,
    /// For one broker at a time.
    PerBroker,
    /// For one broker or for all.
    ClusterWide,
    /// On the topic, group or subscription it belongs to.
    Dynamic,
}

/// What Weir does with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It has its effect.
    Served,
    /// It is accepted without effect, and warned about where it is set to another value than its default.
    Ignored(Reason),
    /// Another value than its default is an error: without effect it would give false safety.
    Refused(Reason),
}

macro_rules! reasons {
    ($($name:ident = $word:literal, $text:literal;)*) => {
        /// Why a property has no effect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $text] $name,)* }

        impl Reason {
            /// The reason in words, to follow "has no effect:".
            pub fn text(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Reason::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    Authentication = "authentication", "clients are not authenticated";
    Authorizer = "authorizer", "there is no authorizer, every client may do everything";
    Checkpoints = "checkpoints", "checkpoints are paced by bytes and by count";
    Compaction = "compaction", "background work on logs paces itself";
    ConfigProvider = "config-provider", "values are taken as they stand, references in them are not resolved";
    Coordinator = "coordinator", "the group coordinator has no such setting";
    Encryption = "encryption", "connections are not encrypted, only PLAINTEXT is spoken";
    GroupProtocol = "group-protocol", "only the classic group protocol is spoken";
    Logging = "logging", "logging is set by --log and --log-format";
    MetadataQuorum = "metadata-quorum", "the metadata quorum is part of the node and has no settings of its own";
    Metrics = "metrics", "metrics are read at /metrics of the admin listener";
    OneListener = "one-listener", "there is one listener, and the setting without this prefix is for it";
    OneLogDir = "one-log-dir", "a node has one data directory";
    OneReplica = "one-replica", "each partition has one replica, on this node";
    Policy = "policy", "Java classes cannot be loaded, so the policy would not be enforced";
    Preallocate = "preallocate", "segments are never preallocated";
    Purgatory = "purgatory", "a request that waited leaves its queue at once";
    Quota = "quota", "quotas are not enforced";
    RemoteStorage = "remote-storage", "there is no remote storage, all data stays on this node";
    Retired = "retired", "Kafka 4 knows it no longer";
    Startup = "startup", "start-up is not limited in time";
    Threads = "threads", "threads are sized by the processors there are";
    Transactions = "transactions", "transactions are not served";
    Unstable = "unstable", "only stable versions are served";
}

/// What a value must satisfy beside its type. In the table:
/// `LEAST..MOST` with either end open, `N|LEAST..MOST`, `one-of A B`, `one-of-any-case A B`, `any-of A B` (each element
/// of a list), `any-of! A B` (and not empty), `non-empty`, and names for the rest.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// Nothing.
    Any,
    /// A number within bounds, both included, or the one exception.
    Range {
        /// A value outside the bounds that is allowed all the same.
        exception: Option<i64>,
        /// The least value.
        least: f64,
        /// The greatest value.
        most: f64,
    },
    /// One of these texts.
    OneOf {
        /// The texts.
        allowed: Vec<&'static str>,
        /// Whether upper and lower case are the same.
        any_case: bool,
    },
    /// A list of these texts.
    AnyOf {
        /// The texts.
        allowed: Vec<&'static str>,
        /// Whether the list may be empty.
        may_be_empty: bool,
    },
    /// A text or a list that is not empty.
    NonEmpty,
    /// A list of `HOST:PORT`.
    HostPorts,
    /// A list of `ID@HOST:PORT`.
    Voters,
    /// `*`, or a list of `PARTITION:BROKER`.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:` and an ISO 8601 duration.
    OffsetReset,
}

/// One property.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// What it belongs to.
    pub scope: Scope,
    /// The type of its value.
    pub kind: ConfigType,
    /// Its default as it would be written, `None` where there is none.
    pub default: Option<&'static str>,
    /// How it can be changed.
    pub update: Update,
    /// What its value must satisfy.
    pub check: Check,
    /// What Weir does with it.
    pub class: Class,
    text: &'static str,
}

impl Property {
    /// What it is, in a sentence; of one without effect, why.
    pub fn documentation(&self) -> Cow<'static, str> {
        match self.class {
            Class::Served => Cow::Borrowed(self.text),
            Class::Ignored(reason) => Cow::Owned(format!("Accepted without effect: {}.", reason.text())),
            Class::Refused(reason) => Cow::Owned(format!("Only the default is accepted: {}.", reason.text())),
        }
    }

    /// Whether DescribeConfigs lists it where it is not set.
    pub fn is_reported(&self) -> bool {
        !matches!(
            self.scope,
            Scope::BrokerInternal | Scope::TopicInternal | Scope::Retired
        )
    }

    /// Whether its value is never shown.
    pub fn is_sensitive(&self) -> bool {
        self.kind == ConfigType::Password
    }

    /// Reads a row of `properties.tsv`.
    pub(super) fn from_row(row: &'static str) -> Option<Self> {
        let mut columns = row.split('\t');
        let scope = match columns.next()? {
            "broker" => Scope::Broker,
            "broker-internal" => Scope::BrokerInternal,
            "topic" => Scope::Topic,
            "topic-internal" => Scope::TopicInternal,
            "group" => Scope::Group,
            "client-metrics" => Scope::ClientMetrics,
            "retired" => Scope::Retired,
            _ => return None,
        };
        let name = columns.next()?;
        let kind = ConfigType::from_word(columns.next()?)?;
        let default = Some(columns.next()?).filter(|default| *default != "null");
        let update = match columns.next()? {
            "read-only" => Update::ReadOnly,
            "per-broker" => Update::PerBroker,
            "cluster-wide" => Update::ClusterWide,
            "dynamic" => Update::Dynamic,
            _ => return None,
        };
        let check = Check::from_text(columns.next()?)?;
        let class = match columns.next()?.split_once(' ') {
            None => Class::Served,
            Some(("ignored", reason)) => Class::Ignored(Reason::from_word(reason)?),
            Some(("refused", reason)) => Class::Refused(Reason::from_word(reason)?),
            Some(_) => return None,
        };
        let text = columns.next().unwrap_or_default();
        Some(Property {
            name,
            scope,
            kind,
            default,
            update,
            check,
            class,
            text,
        })
    }
}

impl Check {
    fn from_text(text: &'static str) -> Option<Self> {
        let words = |rest: &'static str| rest.split(' ').collect::<Vec<_>>();
        if let Some((word, rest)) = text.split_once(' ') {
            return match word {
                "one-of" => Some(Check::OneOf {
                    allowed: words(rest),
                    any_case: false,
                }),
                "one-of-any-case" => Some(Check::OneOf {
                    allowed: words(rest),
                    any_case: true,
                }),
                "any-of" => Some(Check::AnyOf {
                    allowed: words(rest),
                    may_be_empty: true,
                }),
                "any-of!" => Some(Check::AnyOf {
                    allowed: words(rest),
                    may_be_empty: false,
                }),
                _ => None,
            };
        }
        match text {
            "" => Some(Check::Any),
            "non-empty" => Some(Check::NonEmpty),
            "host-ports" => Some(Check::HostPorts),
            "voters" => Some(Check::Voters),
            "throttled-replicas" => Some(Check::ThrottledReplicas),
            "offset-reset" => Some(Check::OffsetReset),
            range => {
                let (exception, bounds) = match range.split_once('|') {
                    Some((exception, bounds)) => (Some(exception.parse().ok()?), bounds),
                    None => (None, range),
                };
                let (least, most) = bounds.split_once("..")?;
                let bound = |text: &str, open: f64| if text.is_empty() { Some(open) } else { text.parse().ok() };
                let (least, most) = (bound(least, f64::NEG_INFINITY)?, bound(most, f64::INFINITY)?);
                Some(Check::Range { exception, least, most })
            }
        }
    }
}
