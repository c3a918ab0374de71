//! System calls of a running process that fail, by `strace`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// From its start until `strace` has hold of all threads.
const ATTACH_WITHIN: Duration = Duration::from_secs(10);

/// They fail until it is dropped.
#[derive(Debug)]
pub struct FailingCalls(Child);

impl FailingCalls {
    /// These calls of a process answer this error (`pwritev,pwritev2,pwrite64`, `EIO`).
    pub fn of(pid: u32, calls: &str, error: &str) -> Result<Self, String> {
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()])
            .args([
                "-e",
                &format!("trace={calls}"),
                "-e",
                &format!("inject={calls}:error={error}"),
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let strace = FailingCalls(strace.map_err(|problem| format!("strace, which must be installed: {problem}"))?);
        let began = Instant::now();
        while !is_traced(pid) {
            if began.elapsed() > ATTACH_WITHIN {
                return Err("strace does not get hold of the broker".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(strace)
    }
}

/// Whether every thread has a tracer.
fn is_traced(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}

impl Drop for FailingCalls {
    fn drop(&mut self) {
        // It lets go of the process.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}
