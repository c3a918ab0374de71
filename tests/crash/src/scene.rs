//! What a test of this crate stands on: the binary, a place for its files, and how failures are told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::binary;
use crate::broker_process::{Broker, BrokerOptions, start};
use crate::check::{Keeps, ReadBack, Report, check};
use crate::ledger::Ledger;
use crate::summary::Durations;

/// A broker's files, the ledger of its load, and what was read back so far. Files stay when a test fails.
#[derive(Debug)]
pub struct Scene {
    binary: PathBuf,
    dir: Option<TempDir>,
    /// How the broker is started.
    pub options: BrokerOptions,
    /// What the load did.
    pub ledger: Arc<Ledger>,
    /// What was read.
    pub read_back: ReadBack,
    /// From start to ready.
    pub restarts: Durations,
    /// As the broker says.
    pub ready_in: Durations,
}

impl Scene {
    /// A broker without data, whose data will lie in `data_dir`, or beside its log.
    pub fn new(data_dir: Option<&Path>, settings: &[(&str, &str)], ledger: Ledger) -> Result<Self, String> {
        let io = |problem: std::io::Error| format!("cannot make a directory for the test: {problem}");
        let dir = tempfile::Builder::new().prefix("weir-crash-").tempdir().map_err(io)?;
        let options = BrokerOptions {
            data_dir: data_dir.map_or_else(|| dir.path().join("data"), Path::to_path_buf),
            boot_id_file: dir.path().join("boot_id"),
            log: dir.path().join("weir.log"),
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            without_syncs: false,
        };
        options.reboot().map_err(io)?;
        Ok(Scene {
            binary: binary::weir()?,
            dir: Some(dir),
            options,
            ledger: Arc::new(ledger),
            read_back: ReadBack::new(),
            restarts: Durations::default(),
            ready_in: Durations::default(),
        })
    }

    /// Starts the broker and waits until it is ready.
    pub fn start(&mut self) -> Result<Broker, String> {
        let broker = start(&self.binary, &self.options)?.await_ready(&self.options)?;
        self.restarts.push(broker.started_in);
        self.ready_in.push(broker.ready_in);
        Ok(broker)
    }

    /// Starts the broker and kills it before it is ready, most likely.
    pub fn start_and_kill(&self, after: std::time::Duration) -> Result<(), String> {
        let starting = start(&self.binary, &self.options)?;
        std::thread::sleep(after);
        starting.kill();
        Ok(())
    }

    /// Checks a broker; a violation is an error.
    pub fn check(&mut self, broker: &Broker, keeps: Keeps) -> Result<Report, String> {
        let report = check(broker.address, &self.ledger, &mut self.read_back, keeps)
            .map_err(|problem| self.tell(&problem.to_string()))?;
        let problems = report.problems();
        match problems.is_empty() {
            true => Ok(report),
            false => Err(self.tell(&problems.join("\n"))),
        }
    }

    /// A problem with the end of the broker's log.
    pub fn tell(&self, problem: &str) -> String {
        format!("{problem}\nthe broker's log ends:\n{}", self.options.log_tail())
    }

    /// Leaves the files where they are, and says where.
    pub fn keep(&mut self) -> String {
        match self.dir.take() {
            Some(dir) => format!("the broker's log and data are in {}", dir.keep().display()),
            None => String::new(),
        }
    }
}
