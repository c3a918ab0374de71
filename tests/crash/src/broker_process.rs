//! The binary as a process: started, awaited, killed, and always reaped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// A broker that is not ready by then is taken as broken.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// A broker that was asked to stop must have.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Bytes of its log that a failure shows.
const LOG_TAIL: usize = 6000;

const SYNCS: &str = "trace=fsync,fdatasync,syncfs,sync_file_range,sync";
const SYNCS_DO_NOTHING: &str = "inject=fsync,fdatasync,syncfs,sync_file_range,sync:retval=0";

/// How to start it.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Where its data lies.
    pub data_dir: PathBuf,
    /// The file from which it reads the boot id.
    pub boot_id_file: PathBuf,
    /// Where its standard error goes; grows with each start.
    pub log: PathBuf,
    /// Properties.
    pub settings: Vec<(String, String)>,
    /// Whether its syncs do nothing, which a test of durability must notice. Needs `strace`.
    pub without_syncs: bool,
}

impl BrokerOptions {
    /// Gives the machine a new boot id, as a restart after a power cut has.
    pub fn reboot(&self) -> std::io::Result<()> {
        fs::write(
            &self.boot_id_file,
            format!("{}\n", uuid::Uuid::from_u128(rand::random())),
        )
    }

    /// The end of the log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).into_owned()
    }
}

/// A broker that was started, and may not be ready yet.
#[derive(Debug)]
pub struct Starting {
    process: Process,
    lines: Receiver<String>,
    started: Instant,
}

/// A broker that is ready.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    /// Where it serves Kafka's protocol.
    pub address: SocketAddr,
    /// Where it serves its admin pages.
    pub admin: SocketAddr,
    /// From exec to ready as it says itself.
    pub ready_in: Duration,
    /// From before the fork to its line arriving.
    pub started_in: Duration,
}

/// Killed and reaped when dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a broker without waiting for it.
pub fn start(binary: &Path, options: &BrokerOptions) -> Result<Starting, String> {
    let with = if options.without_syncs {
        " with strace, which must be installed"
    } else {
        ""
    };
    let io = |problem: std::io::Error| format!("cannot start {}{with}: {problem}", binary.display());
    let mut log = File::options()
        .create(true)
        .append(true)
        .open(&options.log)
        .map_err(io)?;
    writeln!(log, "--- start").map_err(io)?;
    let mut command = if options.without_syncs {
        let mut strace = Command::new("strace");
        // The tracer is a grandchild: the process that is started becomes the broker itself, and is killed as such.
        strace.args(["-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]);
        strace.args(["-e", SYNCS, "-e", SYNCS_DO_NOTHING]).arg(binary);
        strace
    } else {
        Command::new(binary)
    };
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--data-dir",
    ]);
    command.arg(&options.data_dir);
    for (name, value) in &options.settings {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    let started = Instant::now();
    let child = (command.env("WEIR_BOOT_ID_FILE", &options.boot_id_file))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(io)?;
    let mut process = Process(child);
    let stdout = process.0.stdout.take().ok_or("the broker's output is not a pipe")?;
    let (sender, lines) = mpsc::channel();
    // Ends with the process, whose output it reads to its end.
    std::thread::spawn(move || {
        BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
            .ok()
    });
    Ok(Starting {
        process,
        lines,
        started,
    })
}

impl Starting {
    /// Waits until it says that it is ready.
    pub fn await_ready(self, options: &BrokerOptions) -> Result<Broker, String> {
        let line = (self.lines.recv_timeout(READY_WITHIN))
            .map_err(|_| format!("the broker did not become ready; its log ends:\n{}", options.log_tail()))?;
        let started_in = self.started.elapsed();
        let (address, admin, ready_in) =
            parse_ready(&line).ok_or_else(|| format!("not the line that says ready: {line}"))?;
        Ok(Broker {
            process: self.process,
            address,
            admin,
            ready_in,
            started_in,
        })
    }

    /// Ends it at once, wherever it is.
    pub fn kill(self) {
        drop(self);
    }
}

impl Broker {
    /// Ends it at once with SIGKILL.
    pub fn kill(self) {
        drop(self);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Asks it to stop, and waits for exit code 0.
    pub fn stop(mut self, options: &BrokerOptions) -> Result<(), String> {
        let child = &mut self.process.0;
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|problem| problem.to_string())?;
        let asked = Instant::now();
        while asked.elapsed() < STOP_WITHIN {
            if let Some(status) = child.try_wait().map_err(|problem| problem.to_string())? {
                return match status.success() {
                    true => Ok(()),
                    false => Err(format!("stopped with {status}; its log ends:\n{}", options.log_tail())),
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!(
            "did not stop within {STOP_WITHIN:?}; its log ends:\n{}",
            options.log_tail()
        ))
    }

    /// Whether it ended by itself, which it never should.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.process.0.try_wait().ok().flatten()?;
        Some(format!("the broker ended by itself with {status}"))
    }
}

/// `weir ready kafka=HOST:PORT admin=HOST:PORT in=N ms`
fn parse_ready(line: &str) -> Option<(SocketAddr, SocketAddr, Duration)> {
    let words = line.strip_prefix("weir ready ")?;
    let value = |name: &str| {
        words
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let ready_in = Duration::from_millis(value("in")?.parse().ok()?);
    Some((value("kafka")?.parse().ok()?, value("admin")?.parse().ok()?, ready_in))
}
