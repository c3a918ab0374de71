//! The values that were set for a broker, each with where it was set, over the table's defaults.
//!
//! Invariant: every value in here is known, passed its check, and is not a refused one.

use std::collections::BTreeMap;
use std::fmt;

use super::describe::ConfigSource;
use super::error::{ConfigError, InvalidValue};
use super::properties::{self, BrokerName, Class, Property, Reason, Scope, Update};
use super::value::Value;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere: the table's default.
    Default,
    /// In a properties file.
    File {
        /// The file's name, as the user gave it.
        name: String,
        /// The line, from 1.
        line: usize,
    },
    /// By `--set` on the command line.
    Set,
    /// By a flag of its own on the command line, named here.
    Flag(&'static str),
    /// By a request to the running broker, on the resource named here.
    Request(&'static str),
}

impl Origin {
    /// How strong the place is: flags win over `--set`, that over the file, that over defaults.
    pub fn layer(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::Set => 2,
            Origin::Flag(_) => 3,
            Origin::Request(_) => 4,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line } => write!(f, "{name}, line {line}"),
            Origin::Set => f.write_str("--set"),
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Request(resource) => write!(f, "{resource} configuration"),
        }
    }
}

/// A name that was given a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The property's name.
    pub name: String,
    /// Its value, as it was written.
    pub value: String,
    /// Where.
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq)]
struct Setting {
    value: Value,
    origin: Origin,
}

/// A checked configuration of a broker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Set at start.
    fixed: BTreeMap<String, Setting>,
    /// Set by request for every broker of the cluster.
    cluster_wide: BTreeMap<String, Value>,
    /// Set by request for this broker.
    this_broker: BTreeMap<String, Value>,
}

impl Settings {
    /// Checks what was set. Of several assignments of a name, the one of the strongest layer holds, within a layer the
    /// last; the others are not even looked at, so that a stronger layer can mend a weaker one.
    pub fn new(assignments: impl IntoIterator<Item = Assignment>) -> Result<Self, ConfigError> {
        let mut strongest: BTreeMap<String, Assignment> = BTreeMap::new();
        for assignment in assignments {
            let weaker = strongest
                .get(&assignment.name)
                .is_some_and(|s| s.origin.layer() > assignment.origin.layer());
            if !weaker {
                strongest.insert(assignment.name.clone(), assignment);
            }
        }
        let mut fixed = BTreeMap::new();
        for (name, Assignment { value, origin, .. }) in strongest {
            let value = checked(&name, &value, &origin)?;
            fixed.insert(name, Setting { value, origin });
        }
        Ok(Settings {
            fixed,
            ..Settings::default()
        })
    }

    /// The same, with what requests have set on the cluster and on this broker.
    pub fn with_dynamic(
        &self,
        cluster_wide: &BTreeMap<String, String>,
        this_broker: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let checked_all = |texts: &BTreeMap<String, String>, for_all: bool| {
            let check = |(name, text): (&String, &String)| {
                let value = checked(name, text, &Origin::Request("broker"))?;
                check_dynamic(name, for_all)?;
                Ok((name.clone(), value))
            };
            texts.iter().map(check).collect::<Result<BTreeMap<_, _>, ConfigError>>()
        };
        let (cluster_wide, this_broker) = (checked_all(cluster_wide, true)?, checked_all(this_broker, false)?);
        Ok(Settings {
            fixed: self.fixed.clone(),
            cluster_wide,
            this_broker,
        })
    }

    /// One sentence for each value that was set at start and has no effect.
    pub fn warnings(&self) -> Vec<String> {
        let warning = |(name, setting): (&String, &Setting)| {
            let ignored = |property: &Property| match property.class {
                Class::Ignored(reason) if setting.value != property.default_value() => Some(reason),
                _ => None,
            };
            let reason = match properties::find_broker_name(name)? {
                BrokerName::Property(property) => ignored(property)?,
                // One listener is served, and its limits are the broker's.
                BrokerName::OfListener(property) => ignored(property).unwrap_or(Reason::OneListener),
                BrokerName::OfPlugin(reason) => reason,
            };
            Some(format!("{}: {name} has no effect: {}", setting.origin, reason.text()))
        };
        self.fixed.iter().filter_map(warning).collect()
    }

    /// Where the value that holds was set.
    pub fn origin(&self, name: &str) -> Origin {
        if self.this_broker.contains_key(name) || self.cluster_wide.contains_key(name) {
            return Origin::Request("broker");
        }
        self.fixed
            .get(name)
            .map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// What a source alone says of a name, `None` where it says nothing.
    pub fn at(&self, source: ConfigSource, name: &str) -> Option<Value> {
        match source {
            ConfigSource::DynamicBroker => self.this_broker.get(name).cloned(),
            ConfigSource::DynamicDefaultBroker => self.cluster_wide.get(name).cloned(),
            ConfigSource::StaticBroker => self.fixed.get(name).map(|setting| setting.value.clone()),
            ConfigSource::Default => properties::broker_property(name).map(Property::default_value),
            ConfigSource::DynamicTopic | ConfigSource::ClientMetrics | ConfigSource::Group => None,
        }
        .filter(|value| *value != Value::Null)
    }

    /// The value that holds; `Null` where none does.
    pub fn value(&self, name: &str) -> Value {
        ConfigSource::OF_BROKERS
            .into_iter()
            .find_map(|source| self.at(source, name))
            .unwrap_or(Value::Null)
    }

    /// The names that were set, at start or by request, ordered.
    pub(super) fn names(&self) -> Vec<&str> {
        let all = self
            .fixed
            .keys()
            .chain(self.cluster_wide.keys())
            .chain(self.this_broker.keys());
        let mut names: Vec<&str> = all.map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn optional_int(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// A LONG.
    pub(super) fn long(&self, name: &str) -> i64 {
        self.optional_int(name)
            .expect("a number with a default: a test reads them all")
    }

    /// A SHORT or an INT.
    pub(super) fn int(&self, name: &str) -> i32 {
        i32::try_from(self.long(name)).expect("the table says INT, and the value was read as one")
    }

    /// An INT that its check keeps from being negative.
    pub(super) fn count(&self, name: &str) -> usize {
        usize::try_from(self.long(name)).expect("the table says that it is at least 0")
    }

    pub(super) fn double(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Double(value) => value,
            other => unreachable!("{name} is no DOUBLE but {other:?}"),
        }
    }

    pub(super) fn bool(&self, name: &str) -> bool {
        self.value(name) == Value::Bool(true)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name).to_text().filter(|text| !text.is_empty())
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Value::List(values) => values,
            _ => Vec::new(),
        }
    }
}

/// Reads the value of a broker's property, unless it is unknown, wrong or refused.
fn checked(name: &str, text: &str, origin: &Origin) -> Result<Value, ConfigError> {
    let property = match properties::find_broker_name(name) {
        Some(BrokerName::Property(property) | BrokerName::OfListener(property)) => property,
        Some(BrokerName::OfPlugin(_)) => return Ok(Value::Text(text.to_owned())),
        None => {
            let nearest = properties::nearest_broker_name(name);
            return Err(ConfigError::Unknown {
                origin: origin.clone(),
                name: name.to_owned(),
                nearest,
            });
        }
    };
    checked_property(property, name, text, origin)
}

/// Reads the value of a property that is written under `name`, unless it is wrong or refused.
pub(super) fn checked_property(
    property: &Property,
    name: &str,
    text: &str,
    origin: &Origin,
) -> Result<Value, ConfigError> {
    let invalid = |problem: InvalidValue| ConfigError::Invalid {
        origin: origin.clone(),
        name: name.to_owned(),
        value: if property.is_sensitive() {
            "(hidden)".to_owned()
        } else {
            text.trim().to_owned()
        },
        problem,
    };
    let value = property.parse(text).map_err(invalid)?;
    match property.class {
        // An empty text promises nothing, whatever the default is.
        Class::Refused(reason) if value != property.default_value() && !value.to_string().is_empty() => {
            Err(ConfigError::Refused {
                origin: origin.clone(),
                name: name.to_owned(),
                reason,
            })
        }
        _ => Ok(value),
    }
}

fn check_dynamic(name: &str, for_all: bool) -> Result<(), ConfigError> {
    let not = |how| {
        Err(ConfigError::NotDynamic {
            name: name.to_owned(),
            how,
        })
    };
    match properties::find_broker_name(name) {
        Some(BrokerName::Property(property)) => match property.update {
            Update::ReadOnly => not("while the broker runs: set it in the file and restart"),
            Update::PerBroker if for_all => not("for all brokers at once: name the broker"),
            // Sockets are opened once; to answer that they moved would be wrong.
            _ if property.scope == Scope::Broker && name.starts_with("listener") => {
                not("while the broker runs: set it in the file and restart")
            }
            _ => Ok(()),
        },
        Some(BrokerName::OfListener(_)) if for_all => not("for all brokers at once: name the broker"),
        _ => Ok(()),
    }
}
