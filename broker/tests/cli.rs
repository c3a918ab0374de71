//! The command line's tools against a broker, both as a user starts them: what they print, in every format, and how they end.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

struct Weir {
    process: Child,
    kafka: String,
    data: tempfile::TempDir,
    _output: BufReader<ChildStdout>,
}

/// What a command said, and its exit status.
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn weir() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.env_remove("WEIR_BOOTSTRAP");
    command
}

impl Weir {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = weir();
        command.arg("serve").arg("--data-dir").arg(data.path());
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args([
            "--set",
            "auto.create.topics.enable=false",
            "--set",
            "offsets.topic.num.partitions=2",
        ]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ready = String::new();
        output.read_line(&mut ready).unwrap();
        let kafka = ready.split_whitespace().find_map(|word| word.strip_prefix("kafka="));
        let kafka = kafka.unwrap_or_else(|| panic!("not ready: {ready:?}")).to_owned();
        Weir {
            process,
            kafka,
            data,
            _output: output,
        }
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = weir();
        command.env("WEIR_BOOTSTRAP", &self.kafka).args(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // A command that reads nothing may have ended.
        let _ = process.stdin.take().unwrap().write_all(input);
        process.wait_with_output().unwrap()
    }

    fn say(&self, args: &[&str]) -> Said {
        said(self.run(args, b""))
    }

    fn ok(&self, args: &[&str], input: &str) -> String {
        let said = said(self.run(args, input.as_bytes()));
        assert_eq!(said.code, Some(0), "{args:?}: {}", said.err);
        said.out
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.ok(&[args, &["--output", "json"]].concat(), "");
        serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{args:?}: {problem}: {text}"))
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn said(output: Output) -> Said {
    Said {
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

fn log(args: &[&str], path: &Path) -> Said {
    said(weir().arg("log").args(args).arg(path).output().unwrap())
}

#[test]
fn topics_in_three_formats() {
    let weir = Weir::start();
    let table = weir.ok(&["topic", "create", "t", "-p", "2", "-c", "retention.ms=1000"], "");
    assert_eq!(
        table,
        "TOPIC  PARTITIONS  REPLICAS  OUTCOME\nt               2         1  created\n"
    );
    let listed = &weir.json(&["topic", "list"])[0];
    assert_eq!(
        (listed["name"].as_str(), listed["partitions"].as_u64()),
        (Some("t"), Some(2))
    );
    let yaml = weir.ok(&["topic", "list", "--output", "yaml"], "");
    assert!(yaml.starts_with("- name: t\n  partitions: 2\n"), "{yaml}");
    let described = &weir.json(&["topic", "describe", "t"])[0];
    assert_eq!(described["configs"]["retention.ms"], "1000");
    assert_eq!(described["partitions"][1]["latest"], 0);
    let missing = weir.say(&["topic", "describe", "tt"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    assert!(
        missing.err.contains("there is no topic tt; did you mean t?"),
        "{}",
        missing.err
    );
    assert_eq!(weir.say(&["topic", "delete", "t"]).code, Some(2));
    assert_eq!(weir.say(&["topic", "delete", "t", "--yes"]).code, Some(0));
    assert_eq!(weir.json(&["topic", "list"]), Value::Array(Vec::new()));
}

#[test]
fn records_and_groups() {
    let weir = Weir::start();
    weir.ok(&["topic", "create", "t", "-p", "2"], "");
    let many: String = (0..20_000)
        .map(|number| format!("k{}:{number}\n", number % 7))
        .collect();
    weir.ok(
        &["produce", "t", "-K", ":", "-z", "lz4", "--batch-bytes", "10000"],
        &many,
    );
    let mut found: Vec<String> = weir
        .ok(&["consume", "t", "-e", "-K", ":"], "")
        .lines()
        .map(str::to_owned)
        .collect();
    let mut expected: Vec<String> = many.lines().map(str::to_owned).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert!(found == expected, "{} records of {}", found.len(), expected.len());
    let last = weir.ok(&["consume", "t", "-e", "-o", "-1", "-f", "%t %k\\n"], "");
    assert_eq!(last.lines().count(), 2, "{last}");

    let plan = weir.json(&["group", "reset", "g", "--topic", "t", "--to-latest"]);
    assert_eq!(plan["executed"], false);
    assert_eq!(weir.say(&["group", "describe", "g"]).code, Some(1));
    weir.ok(&["group", "reset", "g", "--topic", "t", "--to-latest", "--execute"], "");
    let shifted = weir.json(&["group", "reset", "g", "--all-topics", "--shift-by", "-5", "--execute"]);
    assert_eq!(shifted["partitions"].as_array().map(Vec::len), Some(2));
    assert_eq!(weir.json(&["group", "describe", "g"])[0]["lag"], 10);
    weir.ok(&["group", "delete", "g", "--yes"], "");
    assert_eq!(weir.json(&["group", "list"]), Value::Array(Vec::new()));
}

#[test]
fn settings_and_the_cluster() {
    let weir = Weir::start();
    weir.ok(&["topic", "create", "t"], "");
    weir.ok(&["config", "set", "segment.bytes=1048576", "--topic", "t"], "");
    assert_eq!(
        weir.ok(&["config", "get", "segment.bytes", "--topic", "t"], ""),
        "1048576\n"
    );
    let wrong = weir.say(&["topic", "alter", "t", "--set", "segment.byts=1"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.err.contains("did you mean segment.bytes?"), "{}", wrong.err);
    let cluster = weir.json(&["cluster"]);
    assert_eq!(cluster["brokers"].as_array().map(Vec::len), Some(1));
    let pages = tempfile::tempdir().unwrap();
    weir.ok(&["man", pages.path().to_str().unwrap()], "");
    assert!(pages.path().join("weir-topic-create.1").exists());
    assert!(weir.ok(&["completions", "bash"], "").contains("_weir"));
}

#[test]
fn files_are_dumped_and_verified() {
    let weir = Weir::start();
    weir.ok(&["topic", "create", "t"], "");
    weir.ok(&["produce", "t", "-K", ":", "-H", "h=1"], "a:1\nb:2\n");
    let dir = weir.data.path().join("t-0");
    let dumped = log(&["dump", "--records"], &dir);
    assert_eq!(dumped.code, Some(0), "{}{}", dumped.out, dumped.err);
    for part in [
        "batch 0 to 1 at byte 0",
        "2 records",
        "crc ok",
        "key \"a\" value \"1\" \"h\"=\"1\"",
    ] {
        assert!(dumped.out.contains(part), "{}", dumped.out);
    }
    let metadata = log(
        &["dump", "--decode", "--output", "json"],
        &weir.data.path().join("__cluster_metadata-0"),
    );
    assert!(
        metadata
            .out
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    assert!(metadata.out.contains("Topic(TopicRecord"), "{}", metadata.out);

    // A segment alone, as any directory of Kafka's would have it.
    let copy = tempfile::tempdir().unwrap();
    let partition = copy.path().join("t-0");
    std::fs::create_dir(&partition).unwrap();
    let segment = partition.join("00000000000000000000.log");
    let mut bytes = std::fs::read(dir.join("00000000000000000000.log")).unwrap();
    std::fs::write(&segment, &bytes).unwrap();
    for path in [&partition, &segment] {
        let sound = log(&["verify"], path);
        assert!(
            sound.code == Some(0) && sound.out.contains("1 batches"),
            "{}{}",
            sound.out,
            sound.err
        );
    }
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    for path in [&partition, &segment] {
        let damaged = log(&["verify"], path);
        assert!(
            damaged.code == Some(1) && damaged.out.contains("damaged at byte 0"),
            "{}",
            damaged.out
        );
    }
    let damaged = log(&["dump"], &segment);
    assert!(
        damaged.code == Some(1) && damaged.out.contains("PROBLEM at byte 0"),
        "{}",
        damaged.out
    );
}

#[test]
fn without_a_broker_it_is_said_what_to_do() {
    let alone = said(weir().args(["topic", "list", "-b", "127.0.0.1:1"]).output().unwrap());
    assert_eq!(alone.code, Some(1));
    assert!(alone.err.contains("no broker answers at 127.0.0.1:1") && alone.err.contains("--bootstrap-server"));
    assert_eq!(weir().args(["topic", "lst"]).output().unwrap().status.code(), Some(2));
}
