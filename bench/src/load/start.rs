//! From the start of a broker's process to its first answers.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use serde::Serialize;
use storage::compression::Codec;

use super::Problem;
use super::admin::Admin;
use super::dialogue::Dialogue;
use super::produce::{Batch, Produce};
use super::steady::Target;

const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_micros(500);
const ALL: i16 = -1;

/// Of a start.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    /// How many partitions must have answered
    #[arg(long, default_value_t = 100)]
    pick: usize,
    /// Which of them: the seed of the choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Creates the topic first, which counts
    #[arg(long)]
    create: bool,
    /// How it is ended
    #[arg(long, value_enum, default_value = "term")]
    signal: Signal,
    /// The broker's command
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// How a broker is ended.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Signal {
    /// In order
    Term,
    /// At once
    Kill,
}

/// How long it took.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    first_ms: f64,
    ready_ms: f64,
    rss_anon: u64,
}

/// Ended, whatever happens.
struct Running {
    child: Child,
    signal: Signal,
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let signal = match self.signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        let _ = rustix::process::kill_process(pid, signal);
        let _ = self.child.wait();
    }
}

impl Options {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        let mut random = rand::rngs::StdRng::seed_from_u64(self.seed);
        let mut picked = BTreeSet::new();
        while picked.len() < self.pick.min(self.target.partitions as usize) {
            picked.insert(random.random_range(0..self.target.partitions));
        }
        let batch = Batch::new(100, 0, Codec::None)?;
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or(Problem::Unexpected("there is no command"))?;
        let began = Instant::now();
        let mut command = Command::new(program);
        let child = command
            .args(arguments)
            .stdout(Stdio::null())
            .stdin(Stdio::null())
            .spawn()?;
        let running = Running {
            child,
            signal: self.signal,
        };
        let until = |what: &mut dyn FnMut() -> Result<(), Problem>| loop {
            match what() {
                Ok(()) => return Ok(()),
                Err(problem) if began.elapsed() > PATIENCE => return Err(problem),
                Err(_) => std::thread::sleep(PAUSE),
            }
        };
        until(&mut || TcpStream::connect(&self.target.server).map(drop).map_err(Problem::from))?;
        let mut admin = Admin::connect(&self.target.server)?;
        until(&mut || admin.api_versions())?;
        let first_ms = began.elapsed().as_secs_f64() * 1e3;
        if self.create {
            admin.create_topic(&self.target.topic, self.target.partitions, &[])?;
        }
        // All at once, then those again that were refused.
        let mut left: Vec<i32> = picked.into_iter().collect();
        while !left.is_empty() {
            left = self.produce(&mut admin, &left, &batch)?;
            if began.elapsed() > PATIENCE {
                return Err(Problem::Unexpected("the partitions do not answer"));
            }
        }
        let ready_ms = began.elapsed().as_secs_f64() * 1e3;
        let rss_anon = crate::process::Process::new(running.child.id()).rss_anon()?;
        Ok(Report {
            first_ms,
            ready_ms,
            rss_anon,
        })
    }

    /// A record for each partition, in flight together; those that were refused.
    fn produce(&self, admin: &mut Admin, partitions: &[i32], batch: &Batch) -> Result<Vec<i32>, Problem> {
        let dialogue = |partition| {
            Produce::new(
                &self.target.topic,
                self.target.partitions,
                batch.clone(),
                ALL,
                partition,
                1,
            )
        };
        for partition in partitions {
            admin.send(&dialogue(*partition)?.ask(0, Instant::now()))?;
        }
        let mut refused = Vec::new();
        for partition in partitions {
            let mut dialogue = dialogue(*partition)?;
            dialogue.hear(&admin.receive()?);
            if dialogue.heard(Instant::now(), Instant::now(), None)?.error != 0 {
                refused.push(*partition);
            }
        }
        Ok(refused)
    }
}
