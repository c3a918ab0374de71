//! Connections on which nothing happens.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Problem;
use super::admin::Admin;
use crate::process::Process;

/// Of a load of idle connections.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The broker's address
    #[arg(long)]
    server: String,
    /// Connections
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Seconds to hold them
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The broker's process
    #[arg(long)]
    pid: u32,
}

/// What they cost.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    connections: usize,
    open_seconds: f64,
    seconds: f64,
    rss_anon_before: u64,
    rss_anon_after: u64,
    cpu_seconds_while_idle: f64,
}

impl Options {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        /// For what a broker still does after the last answer.
        const SETTLE: Duration = Duration::from_secs(1);
        let broker = Process::new(self.pid);
        let rss_anon_before = broker.rss_anon()?;
        let began = Instant::now();
        let open = |_| {
            let mut connection = Admin::connect(&self.server)?;
            connection.api_versions()?;
            Ok(connection)
        };
        let held: Result<Vec<Admin>, Problem> = (0..self.connections).map(open).collect();
        let held = held?;
        let open_seconds = began.elapsed().as_secs_f64();
        std::thread::sleep(SETTLE);
        let before = broker.cpu()?;
        std::thread::sleep(Duration::from_secs_f64(self.seconds));
        let used = broker.cpu()?.since(before);
        Ok(Report {
            connections: held.len(),
            open_seconds,
            seconds: self.seconds,
            rss_anon_before,
            rss_anon_after: broker.rss_anon()?,
            cpu_seconds_while_idle: used.user + used.system,
        })
    }
}
