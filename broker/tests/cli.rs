//! The command line's tools against a broker, both as a user starts them: what they print, in every format, and how they end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
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

fn weir_with(broker: &Weir, args: &[&str]) -> Command {
    let mut command = weir();
    command.env("WEIR_BOOTSTRAP", &broker.kafka).args(args);
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
        let mut command = weir_with(self, args);
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

/// The names of all fields; what is below `configs` are settings.
fn fields(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| fields(value, into)),
        Value::Object(entries) => entries.iter().for_each(|(name, value)| {
            into.insert(name.clone());
            if name != "configs" {
                fields(value, into);
            }
        }),
        _ => {}
    }
}

/// What stands in backquotes in the README's row of a command.
fn documented(command: &str) -> BTreeSet<String> {
    let readme = include_str!("../../README.md");
    let is_of = |line: &&str| {
        line.split('|')
            .nth(1)
            .is_some_and(|commands| commands.contains(&format!("`{command}`")))
    };
    let row = readme.lines().filter(|line| line.starts_with("| `")).find(is_of);
    let row = row.unwrap_or_else(|| panic!("the README has no row for {command}"));
    let fields = row.split('|').nth(2).unwrap();
    fields.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_readme_has_every_field() {
    let weir = Weir::start();
    let check = |command: &str, value: &Value| {
        let mut found = BTreeSet::new();
        fields(value, &mut found);
        assert!(!found.is_empty(), "{command}: {value}");
        let unknown: Vec<_> = found.difference(&documented(command)).cloned().collect();
        assert!(unknown.is_empty(), "{command}: the README lacks {unknown:?}");
    };
    let said = |command: &str, args: &[&str]| {
        let words: Vec<&str> = command.split(' ').chain(args.iter().copied()).collect();
        check(command, &weir.json(&words));
    };
    said("topic create", &["t", "--config", "retention.ms=5"]);
    weir.ok(&["produce", "t", "-H", "h=1"], "v");
    said("consume", &["t", "-e"]);
    said("topic list", &[]);
    said("topic describe", &["t"]);
    said("topic add-partitions", &["t", "--add", "1"]);
    said("topic alter", &["t", "--unset", "retention.ms"]);
    said("group reset", &["g", "--topic", "t", "--to-latest", "--execute"]);
    said("group list", &[]);
    said("group describe", &["g"]);
    said("group delete", &["g", "--yes"]);
    said("config list", &["--topic", "t", "--all", "--docs"]);
    said("config get", &["retention.ms", "--topic", "t"]);
    said("config set", &["retention.ms=6", "--topic", "t"]);
    said("cluster", &["--apis"]);
    said("topic delete", &["t", "--yes"]);
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("00000000000000000000.log"), [b'x'; 100]).unwrap();
    let path = copy.path().to_str().unwrap();
    let verified = weir.say(&["log", "verify", path, "--output", "json"]);
    assert_eq!(verified.code, Some(1));
    let verified: Value = serde_json::from_str(&verified.out).unwrap();
    check("log verify", &verified);
    assert!(verified["logs"][0]["damage"].is_string(), "{verified}");
}

#[test]
fn json_records_say_for_themselves_what_is_null() {
    let weir = Weir::start();
    weir.ok(&["topic", "create", "t"], "");
    for option in [&["-k", "x"][..], &["-K", ":"], &["-Z"]] {
        let said = weir.say(&[&["produce", "t", "--input", "json"], option].concat());
        assert!(
            said.code == Some(2) && said.err.contains("--input json"),
            "{option:?}: {}",
            said.err
        );
    }
    let said = said(weir.run(
        &["produce", "t", "--input", "json"],
        b"{\"value\":\"a\"}\n{\"val\":\"b\"}\n",
    ));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err
            .contains("record 2 of standard input is no JSON record: unknown field `val`"),
        "{}",
        said.err
    );
    assert_eq!(weir.ok(&["consume", "t", "-e"], ""), "a\n");
}

/// Many records in few bytes are not all in memory at once.
#[test]
fn what_is_compressed_is_read_in_pieces() {
    const RECORDS: usize = 300_000;
    let weir = Weir::start();
    weir.ok(&["topic", "create", "t", "--partitions", "4"], "");
    let line = "the same again and again ".repeat(40) + "\n";
    weir.ok(
        &["produce", "t", "-z", "zstd", "--batch-bytes", "1000000"],
        &line.repeat(RECORDS),
    );
    let mut command = weir_with(&weir, &["consume", "t"]);
    let mut consumer = command.stdout(Stdio::piped()).spawn().unwrap();
    // Nobody reads: it takes what it may take ahead.
    let status = format!("/proc/{}/status", consumer.id());
    let mut memory = 0;
    for _ in 0..30 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let status = std::fs::read_to_string(&status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        memory = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().max(memory);
    }
    let mut read =
        std::io::read_to_string(consumer.stdout.take().unwrap().take((line.len() * RECORDS) as u64)).unwrap();
    consumer.kill().unwrap();
    consumer.wait().unwrap();
    read.truncate(line.len());
    assert_eq!(read, line);
    // All of it would be 300 MB and more.
    assert!(memory < 100_000, "{memory} kB");
}

#[test]
fn offsets_of_a_topic_that_is_gone_are_left_out() {
    let weir = Weir::start();
    weir.ok(&["topic", "create", "here", "gone"], "");
    for topic in ["here", "gone"] {
        weir.ok(
            &["group", "reset", "g", "--topic", topic, "--to-latest", "--execute"],
            "",
        );
    }
    weir.ok(&["topic", "delete", "gone", "--yes"], "");
    let plan = weir.json(&["group", "reset", "g", "--all-topics", "--to-earliest", "--execute"]);
    assert_eq!(plan["partitions"].as_array().unwrap().len(), 1, "{plan}");
    let said = weir.say(&["group", "reset", "g", "--topic", "here", "--to-offset", "-1"]);
    assert!(
        said.code == Some(2) && said.err.contains("-1 is not in 0.."),
        "{}",
        said.err
    );
}

#[test]
fn without_a_broker_it_is_said_what_to_do() {
    let alone = said(weir().args(["topic", "list", "-b", "127.0.0.1:1"]).output().unwrap());
    assert_eq!(alone.code, Some(1));
    assert!(alone.err.contains("no broker answers at 127.0.0.1:1") && alone.err.contains("--bootstrap-server"));
    assert_eq!(weir().args(["topic", "lst"]).output().unwrap().status.code(), Some(2));
}
