//! Addresses: which one to listen on, which one to tell clients.
//!
//! Invariant: exactly one listener is a client's, and it is PLAINTEXT; those of the metadata quorum are recognised and
//! left alone, for the quorum is part of the node.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::error::{ConfigError, InvalidValue};
use super::settings::{Origin, Settings};

const PLAINTEXT: &str = "PLAINTEXT";
const PROTOCOLS: [&str; 4] = [PLAINTEXT, "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// A host, by name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address without brackets. Empty where none was given.
    pub host: String,
    /// The port; 0 is a free one.
    pub port: u16,
}

impl HostPort {
    /// Whether it stands for every address of the host, so that no client can connect to it by this name.
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

/// As it is written: an IPv6 address stands in brackets.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const MALFORMED: InvalidValue = InvalidValue::Malformed {
            expected: "HOST:PORT with a port from 0 to 65535, an IPv6 host in brackets",
        };
        let (host, port) = text.rsplit_once(':').ok_or(MALFORMED)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|host| host.contains(':'))
                .ok_or(MALFORMED)?,
            None if host.contains(':') => return Err(MALFORMED),
            None => host,
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if !host.chars().all(fits) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MALFORMED);
        }
        Ok(HostPort {
            host: host.to_owned(),
            port: port.parse().map_err(|_| MALFORMED)?,
        })
    }
}

/// The addresses of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// The name of the client listener, in upper case.
    pub name: String,
    /// What to listen on; the host is an address or a name, never empty.
    pub listen: HostPort,
    /// What to tell clients; port 0 stands for the port that is really listened on.
    pub advertised: HostPort,
    /// Sentences for the log about what was set and has no effect.
    pub warnings: Vec<String>,
}

impl Listeners {
    /// Reads `listeners`, `advertised.listeners` and what belongs to them. `host_name` is told to clients where the
    /// broker listens on every address and nothing else is said.
    pub fn new(settings: &Settings, host_name: &str) -> Result<Self, ConfigError> {
        let protocols = protocol_map(settings)?;
        let quorum: Vec<String> = settings
            .list("controller.listener.names")
            .iter()
            .map(|name| name.to_ascii_uppercase())
            .collect();
        let of_clients = |name: &str| -> Result<Vec<(String, HostPort)>, ConfigError> {
            let mut all = parse_all(settings, name)?;
            all.retain(|(listener, _)| !quorum.contains(listener));
            Ok(all)
        };
        let origin = settings.origin("listeners");
        let conflict = |problem: &str| ConfigError::Conflict {
            origin: origin.clone(),
            problem: problem.to_owned(),
        };

        let mut clients = of_clients("listeners")?;
        let (name, mut listen) = match (clients.pop(), clients.is_empty()) {
            (Some(client), true) => client,
            (Some(_), false) => return Err(conflict("one listener for clients is served: leave one in listeners")),
            (None, _) => return Err(conflict("listeners has none for clients: add PLAINTEXT://HOST:PORT")),
        };
        match protocols.get(&name).map_or(name.as_str(), String::as_str) {
            PLAINTEXT => {}
            protocol if PROTOCOLS.contains(&protocol) => {
                let (listener, protocol) = (name.clone(), protocol.to_owned());
                return Err(ConfigError::Protocol {
                    origin,
                    listener,
                    protocol,
                });
            }
            _ => {
                let problem = format!(
                    "the listener {name} has no protocol: add {name}:PLAINTEXT to listener.security.protocol.map"
                );
                return Err(ConfigError::Conflict { origin, problem });
            }
        }
        let mut warnings = Vec::new();
        let mut advertised = of_clients("advertised.listeners")?;
        // A listener on a free port that was asked for on top of a file: the file's advertised port leads nowhere.
        let advertised_origin = settings.origin("advertised.listeners");
        if listen.port == 0 && !advertised.is_empty() && origin.layer() > advertised_origin.layer() {
            warnings.push(format!(
                "{advertised_origin}: advertised.listeners has no effect: {origin} listens elsewhere"
            ));
            advertised.clear();
        }
        let advertised = advertised_of(&name, advertised, &advertised_origin)?;
        let advertised = advertised.unwrap_or_else(|| {
            let host = if listen.is_wildcard() {
                host_name.to_owned()
            } else {
                listen.host.clone()
            };
            HostPort {
                host,
                port: listen.port,
            }
        });
        if listen.host.is_empty() {
            listen.host = "0.0.0.0".to_owned();
        }
        Ok(Listeners {
            name,
            listen,
            advertised,
            warnings,
        })
    }
}

fn advertised_of(
    name: &str,
    mut all: Vec<(String, HostPort)>,
    origin: &Origin,
) -> Result<Option<HostPort>, ConfigError> {
    let conflict = |problem| {
        Err(ConfigError::Conflict {
            origin: origin.clone(),
            problem,
        })
    };
    let found = match all.iter().position(|(advertised, _)| advertised == name) {
        Some(at) => all.swap_remove(at).1,
        // The listener may have been given another name by a stronger layer.
        None if all.len() == 1 => all.swap_remove(0).1,
        None if all.is_empty() => return Ok(None),
        None => {
            return conflict(format!(
                "advertised.listeners has none for the listener {name}: add {name}://HOST:PORT"
            ));
        }
    };
    if found.is_wildcard() {
        return conflict(format!(
            "clients cannot connect to {found}: advertise a name or an address of this host"
        ));
    }
    Ok(Some(found))
}

fn protocol_map(settings: &Settings) -> Result<BTreeMap<String, String>, ConfigError> {
    const NAME: &str = "listener.security.protocol.map";
    let text = settings.text(NAME).unwrap_or_default();
    let entry = |entry: &str| {
        let (listener, protocol) = entry.split_once(':')?;
        let protocol = protocol.trim().to_ascii_uppercase();
        let known = PROTOCOLS.contains(&protocol.as_str());
        known.then(|| (listener.trim().to_ascii_uppercase(), protocol))
    };
    let map: Option<BTreeMap<_, _>> = text
        .split(',')
        .filter(|text| !text.trim().is_empty())
        .map(entry)
        .collect();
    map.ok_or_else(|| {
        invalid(
            settings,
            NAME,
            text.clone(),
            "a list of LISTENER:PROTOCOL, as in PLAINTEXT:PLAINTEXT",
        )
    })
}

fn parse_all(settings: &Settings, property: &str) -> Result<Vec<(String, HostPort)>, ConfigError> {
    let mut all: Vec<(String, HostPort)> = Vec::new();
    for text in settings.list(property) {
        let malformed = || {
            invalid(
                settings,
                property,
                text.clone(),
                "each as NAME://HOST:PORT, as in PLAINTEXT://:9092",
            )
        };
        let (name, address) = text.split_once("://").ok_or_else(malformed)?;
        let name = name.to_ascii_uppercase();
        let address = address.parse().map_err(|_| malformed())?;
        if name.is_empty() || all.iter().any(|(other, _)| *other == name) {
            return Err(malformed());
        }
        all.push((name, address));
    }
    Ok(all)
}

fn invalid(settings: &Settings, name: &str, value: String, expected: &'static str) -> ConfigError {
    let (origin, name) = (settings.origin(name), name.to_owned());
    ConfigError::Invalid {
        origin,
        name,
        value,
        problem: InvalidValue::Malformed { expected },
    }
}
