//! The binary, started and stopped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

struct Weir {
    process: Child,
    kafka: String,
    _output: BufReader<ChildStdout>,
    _data: tempfile::TempDir,
}

fn command(data: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("serve").arg("--data-dir").arg(data.path());
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command
}

impl Weir {
    fn start(configure: impl FnOnce(&mut Command)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = command(&data);
        configure(&mut command);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ready = String::new();
        output.read_line(&mut ready).unwrap();
        let kafka = ready.split_whitespace().find_map(|word| word.strip_prefix("kafka="));
        let kafka = kafka.unwrap_or_else(|| panic!("not ready: {ready:?}")).to_owned();
        Weir {
            process,
            kafka,
            _output: output,
            _data: data,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.kafka).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// ApiVersions 0, answered.
    fn serves(&self) {
        let mut stream = self.connect();
        stream.write_all(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff").unwrap();
        let mut head = [0; 10];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[4..], [0, 0, 0, 7, 0, 0]);
    }

    fn stop(&mut self) -> Option<i32> {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::TERM).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_full_standard_error_hurts_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut weir = Weir::start(|command| {
        command.args(["--log", "debug"]).stderr(full);
    });
    weir.serves();
    // A refused request is logged.
    let mut bad = weir.connect();
    bad.write_all(b"\0\0\0\x0a\x7f\x12\0\0\0\0\0\x07\xff\xff").unwrap();
    assert_eq!(bad.read(&mut [0; 1]).unwrap(), 0);
    weir.serves();
    assert_eq!(weir.stop(), Some(0));
}

#[test]
fn a_host_that_cannot_be_looked_up_is_named() {
    let data = tempfile::tempdir().unwrap();
    let mut command = command(&data);
    command.args(["--set", "max.connections.per.ip.overrides=no-such-host.invalid:1"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("no-such-host.invalid"),
        "{said}"
    );
}

#[test]
fn a_signal_ends_a_start_that_takes_long() {
    let data = tempfile::tempdir().unwrap();
    // Nobody writes into it: to read it takes for ever.
    let boot_id = data.path().join("boot-id");
    assert!(Command::new("mkfifo").arg(&boot_id).status().unwrap().success());
    let mut command = command(&data);
    let process = command.env("WEIR_BOOT_ID_FILE", &boot_id).stderr(Stdio::piped());
    let mut process = process.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(process.try_wait().unwrap().is_none());
    kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(0) && said.contains("while the logs were opened"),
        "{said}"
    );
}

#[test]
fn a_stop_is_in_order_with_idle_connections_open() {
    let mut weir = Weir::start(|_| {});
    let mut idle = weir.connect();
    weir.serves();
    assert_eq!(weir.stop(), Some(0));
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
}
