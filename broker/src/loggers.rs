//! The levels of what is logged, shown and changed while the broker runs (Kafka's broker loggers).
//!
//! Loggers are named as their lines are: by the module, `broker::node`, which stands for what is below it as well, under
//! `root`, which stands for all. There are those of [`NAMED`], and those that `--log` names. A change lives as long as the
//! process. Invariant: what is shown is what is in force.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;

/// The logger above all others.
pub const ROOT: &str = "root";

/// The modules that have a logger from the start.
pub const NAMED: [&str; 14] = [
    "broker",
    "broker::api",
    "broker::connection",
    "broker::controller",
    "broker::coordinator",
    "broker::group",
    "broker::node",
    "broker::serve",
    "broker::server",
    "broker::settings",
    "consensus",
    "storage",
    "storage::journal",
    "storage::log",
];

/// A level, by Kafka's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing; only `--log` can say so.
    Off,
    /// What ends the broker. Nothing here is logged at it alone: it silences a logger.
    Fatal,
    /// Errors.
    Error,
    /// And warnings.
    Warn,
    /// And what happens seldom.
    Info,
    /// And what happens often.
    Debug,
    /// All.
    Trace,
}

impl Level {
    const SETTABLE: [Level; 6] = [
        Level::Debug,
        Level::Error,
        Level::Fatal,
        Level::Info,
        Level::Trace,
        Level::Warn,
    ];

    /// Kafka's word.
    pub fn name(self) -> &'static str {
        match self {
            Level::Off => "OFF",
            Level::Fatal => "FATAL",
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Level::Off | Level::Fatal => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }

    fn of_filter(filter: LevelFilter) -> Self {
        match filter {
            LevelFilter::OFF => Level::Off,
            LevelFilter::ERROR => Level::Error,
            LevelFilter::WARN => Level::Warn,
            LevelFilter::INFO => Level::Info,
            LevelFilter::DEBUG => Level::Debug,
            LevelFilter::TRACE => Level::Trace,
        }
    }
}

/// One change of a logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// It gets this level.
    Set(&'a str),
    /// It gets that of the logger above it.
    Unset,
    /// What is done to a list, which a level is not.
    OfList,
}

/// Why no logger was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoggerError {
    /// There is no logger of that name.
    #[error("there is no logger {0:?}")]
    Unknown(String),
    /// The text is no level.
    #[error("{level:?} is no level for {logger}: use {}", Level::SETTABLE.map(Level::name).join(", "))]
    NotALevel {
        /// The logger.
        logger: String,
        /// The text.
        level: String,
    },
    /// Nothing stands above the root.
    #[error("the level of {ROOT} cannot be removed: set another")]
    Root,
    /// APPEND or SUBTRACT.
    #[error("a level is no list: set it, or delete it")]
    NotAList,
}

/// Puts directives of a filter in force.
type Apply = Box<dyn Fn(&str) + Send + Sync>;

/// The loggers of this process.
pub struct Loggers {
    levels: Mutex<Levels>,
    apply: Apply,
}

#[derive(Clone)]
struct Levels {
    root: Level,
    /// By module; `None`: that of the one above.
    modules: BTreeMap<String, Option<Level>>,
    /// Directives that are about more than a module, such as those of spans.
    others: Vec<String>,
}

impl Loggers {
    /// Loggers as the directives say, such as `info,broker::node=debug`. `apply` is given all directives at every change.
    pub fn new(directives: &str, apply: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Loggers {
            levels: Mutex::new(Levels::parse(directives)),
            apply: Box::new(apply),
        }
    }

    /// Every logger with the level in force, ordered by name.
    pub fn levels(&self) -> Vec<(String, Level)> {
        let levels = self.levels.lock();
        let root = std::iter::once((ROOT.to_owned(), levels.root));
        let modules = levels.modules.keys().map(|name| (name.clone(), levels.in_force(name)));
        let mut all: Vec<_> = modules.chain(root).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// Changes loggers, all or none; with `validate_only` none.
    pub fn alter(&self, changes: &[(&str, Change<'_>)], validate_only: bool) -> Result<(), LoggerError> {
        let mut levels = self.levels.lock();
        let mut altered = levels.clone();
        for (name, change) in changes {
            altered.change(name, *change)?;
        }
        if !validate_only {
            (self.apply)(&altered.directives());
            *levels = altered;
        }
        Ok(())
    }
}

impl Levels {
    fn parse(directives: &str) -> Self {
        let mut levels = Levels {
            root: Level::Off,
            modules: NAMED.map(|name| (name.to_owned(), None)).into(),
            others: Vec::new(),
        };
        let directives = directives.split(',').map(str::trim).filter(|it| !it.is_empty());
        let mut is_empty = true;
        for directive in directives {
            is_empty = false;
            if let Ok(filter) = directive.parse::<LevelFilter>() {
                levels.root = Level::of_filter(filter);
                continue;
            }
            let (module, level) = directive.split_once('=').unwrap_or((directive, "trace"));
            let is_module = module
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte));
            match level.parse::<LevelFilter>() {
                Ok(filter) if is_module && module != ROOT => {
                    levels.modules.insert(module.to_owned(), Some(Level::of_filter(filter)));
                }
                _ => levels.others.push(directive.to_owned()),
            }
        }
        if is_empty {
            levels.root = Level::Error;
        }
        levels
    }

    fn change(&mut self, name: &str, change: Change<'_>) -> Result<(), LoggerError> {
        if change == Change::OfList {
            return Err(LoggerError::NotAList);
        }
        if name != ROOT && !self.modules.contains_key(name) {
            return Err(LoggerError::Unknown(name.to_owned()));
        }
        let level = match change {
            Change::Set(text) => {
                let settable = Level::SETTABLE.into_iter().find(|level| level.name() == text);
                Some(settable.ok_or_else(|| LoggerError::NotALevel {
                    logger: name.to_owned(),
                    level: text.to_owned(),
                })?)
            }
            _ => None,
        };
        match level {
            Some(level) if name == ROOT => self.root = level,
            None if name == ROOT => return Err(LoggerError::Root),
            level => {
                self.modules.insert(name.to_owned(), level);
            }
        }
        Ok(())
    }

    /// The level of a module: its own, or that of the nearest one above it.
    fn in_force(&self, module: &str) -> Level {
        let mut module = module;
        loop {
            if let Some(level) = self.modules.get(module).copied().flatten() {
                return level;
            }
            match module.rsplit_once("::") {
                Some((above, _)) => module = above,
                None => return self.root,
            }
        }
    }

    fn directives(&self) -> String {
        let modules = self.modules.iter().filter_map(|(name, level)| Some((name, (*level)?)));
        let modules = modules.map(|(name, level)| format!("{name}={}", level.filter()));
        let all: Vec<String> = std::iter::once(self.root.filter().to_string())
            .chain(modules)
            .chain(self.others.iter().cloned())
            .collect();
        all.join(",")
    }
}

impl Default for Loggers {
    /// Of a process whose log nobody has started: changes are kept, and have no effect.
    fn default() -> Self {
        Loggers::new("info", |_| {})
    }
}

impl fmt::Debug for Loggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.levels()).finish()
    }
}

#[cfg(test)]
mod tests;
