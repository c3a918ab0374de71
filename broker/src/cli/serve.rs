//! `weir serve`: its arguments, and how they and the file become a configuration.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use thiserror::Error;

use crate::config::{Assignment, BrokerConfig, ConfigError, HostPort, Origin, Settings, java_properties};

/// Bytes of a configuration file that are read at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Arguments of `weir serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// A properties file with Kafka's names, as server.properties
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the data lies [default: data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen for clients; port 0 takes a free one [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub listen: Option<HostPort>,
    /// Where clients are told to connect to [default: where it listens]
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub advertise: Option<HostPort>,
    /// Where to listen for /livez, /readyz and /metrics [default: 127.0.0.1:9644]
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub admin_listen: Option<HostPort>,
    /// Set a property; wins over the file
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// What to log: a level, or directives as in info,broker=debug
    #[arg(long, value_name = "LEVEL", env = "WEIR_LOG", default_value = "info")]
    pub log: String,
    /// How to log
    #[arg(long, value_name = "FORMAT", env = "WEIR_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// An object a line.
    Json,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too large to be one.
    #[error("{} has more than {MAX_FILE_BYTES} bytes: give a properties file to --config", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It, or the command line, says something wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ServeArgs {
    /// Reads the file, if one is named, and puts the command line over it. `host_name` as in [`BrokerConfig::new`].
    pub fn load(&self, host_name: &str) -> Result<BrokerConfig, LoadError> {
        let mut assignments = match &self.config {
            Some(path) => file_assignments(path, &read(path)?)?,
            None => Vec::new(),
        };
        assignments.extend(self.set_assignments()?);
        assignments.extend(self.flag_assignments()?);
        Ok(BrokerConfig::new(Settings::new(assignments)?, host_name)?)
    }

    fn set_assignments(&self) -> Result<Vec<Assignment>, ConfigError> {
        let assignment = |text: &String| match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
                Ok(Assignment {
                    name,
                    value,
                    origin: Origin::Set,
                })
            }
            _ => {
                let problem = format!("{text:?} is not key=value");
                Err(ConfigError::Syntax {
                    origin: Origin::Set,
                    problem,
                })
            }
        };
        self.set.iter().map(assignment).collect()
    }

    fn flag_assignments(&self) -> Result<Vec<Assignment>, ConfigError> {
        let flag = |flag, name: &str, value: Option<String>| {
            value.map(|value| Assignment {
                name: name.to_owned(),
                value,
                origin: Origin::Flag(flag),
            })
        };
        let data_dir = self.data_dir.as_deref().map(path_text).transpose()?;
        let listener = |address: &Option<HostPort>| address.as_ref().map(|address| format!("PLAINTEXT://{address}"));
        let assignments = [
            flag("--data-dir", "log.dirs", data_dir),
            flag("--listen", "listeners", listener(&self.listen)),
            flag("--advertise", "advertised.listeners", listener(&self.advertise)),
            flag(
                "--admin-listen",
                "weir.admin.listen",
                self.admin_listen.as_ref().map(ToString::to_string),
            ),
        ];
        Ok(assignments.into_iter().flatten().collect())
    }
}

/// The name of this host, as the system has it.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

fn address(text: &str) -> Result<HostPort, String> {
    text.parse::<HostPort>().map_err(|problem| problem.to_string())
}

/// A path as the value of `log.dirs`, which is a list of texts.
fn path_text(path: &Path) -> Result<String, ConfigError> {
    match path.to_str() {
        Some(text) if !text.contains(',') && text.trim() == text && !text.is_empty() => Ok(text.to_owned()),
        _ => {
            let problem = format!("{path:?} cannot be a data directory: give a path of UTF-8 without a comma");
            Err(ConfigError::Syntax {
                origin: Origin::Flag("--data-dir"),
                problem,
            })
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

fn file_assignments(path: &Path, bytes: &[u8]) -> Result<Vec<Assignment>, ConfigError> {
    let origin = |line| Origin::File {
        name: path.display().to_string(),
        line,
    };
    let entries = java_properties::parse(bytes).map_err(|error| ConfigError::Syntax {
        origin: origin(error.line),
        problem: error.to_string(),
    })?;
    let assignment = |entry: java_properties::Entry| Assignment {
        name: entry.key,
        value: entry.value,
        origin: origin(entry.line),
    };
    Ok(entries.into_iter().map(assignment).collect())
}
