use std::path::PathBuf;

use clap::{CommandFactory, Parser};

use super::{Cli, Command, LogCommand, LogFormat, ServeArgs, host_name};
use crate::config::HostPort;

fn command(args: &[&str]) -> Command {
    Cli::try_parse_from(std::iter::once(&"weir").chain(args))
        .unwrap()
        .into_command()
}

fn serve(args: &[&str]) -> ServeArgs {
    match command(args) {
        Command::Serve(args) => *args,
        other => panic!("{other:?}"),
    }
}

fn address(text: &str) -> HostPort {
    text.parse().unwrap()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn weir_alone_is_weir_serve() {
    for args in [&[][..], &["serve"]] {
        let config = serve(args).load("h").unwrap();
        assert_eq!(config.listeners.listen, address("127.0.0.1:9092"));
        assert_eq!(config.data_dir, PathBuf::from("data"));
    }
    assert_eq!(serve(&["--listen", "127.0.0.1:0"]).listen, Some(address("127.0.0.1:0")));
}

#[test]
fn flags_become_properties_and_win() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text =
        "log.dirs=/from/file\nlisteners=PLAINTEXT://1.2.3.4:1\nnum.partitions=2\n default.replication.factor : 2\n";
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let config = serve(&["serve", "--config", path]).load("h").unwrap();
    assert_eq!(
        (config.data_dir, config.topics.num_partitions),
        (PathBuf::from("/from/file"), 2)
    );
    let args = [
        "serve",
        "--config",
        path,
        "--data-dir",
        "/flag",
        "--listen",
        "[::]:7",
        "--advertise",
        "h:8",
    ];
    let more = [
        "--admin-listen",
        "0.0.0.0:0",
        "--set",
        "num.partitions=3",
        "--set",
        "log.dirs=/set",
        "--log",
        "debug",
    ];
    let args = serve(&[&args[..], &more, &["--log-format", "json"]].concat());
    assert_eq!((args.log.as_str(), args.log_format), ("debug", LogFormat::Json));
    let config = args.load("host").unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/flag"));
    assert_eq!(config.topics.num_partitions, 3);
    assert_eq!(config.topics.default_replication_factor, 2);
    assert_eq!(config.listeners.listen, address("[::]:7"));
    assert_eq!(config.listeners.advertised, address("h:8"));
    assert_eq!(config.admin_listen, address("0.0.0.0:0"));
    let config = serve(&["--listen", "0.0.0.0:7"]).load("the.host").unwrap();
    assert_eq!(config.listeners.advertised, address("the.host:7"));
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let said = |args: &[&str]| serve(args).load("h").unwrap_err().to_string();
    assert_eq!(said(&["--set", "x"]), "--set: \"x\" is not key=value");
    assert_eq!(
        said(&["--set", "num.partition=1"]),
        "--set: nobody knows the property num.partition; did you mean num.partitions?"
    );
    assert!(said(&["--config", "/no/such/file"]).starts_with("cannot read the configuration file /no/such/file: "));
    assert!(said(&["--data-dir", "a,b"]).contains("without a comma"));
    assert!(said(&["--advertise", "0.0.0.0:1"]).starts_with("--advertise: clients cannot connect to 0.0.0.0:1"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a=\\u1").unwrap();
    let path = file.path().to_str().unwrap();
    assert!(said(&["--config", path]).starts_with(&format!("{path}, line 1: after \\u there must be")));
    std::fs::write(file.path(), vec![b'\n'; (1 << 20) + 1]).unwrap();
    assert!(said(&["--config", path]).contains("more than 1048576 bytes"));
    let wrong = Cli::try_parse_from(["weir", "serve", "--listen", "9092"])
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("HOST:PORT"), "{wrong}");
}

#[test]
fn logs_are_repaired_only_with_consent() {
    let Command::Log(log) = command(&["log", "verify", "/d"]) else {
        panic!("not log")
    };
    assert!(matches!(log.command, LogCommand::Verify(args) if args.path.as_os_str() == "/d"));
    assert!(Cli::try_parse_from(["weir", "log", "repair", "/d"]).is_err());
    let Command::Log(log) = command(&["log", "repair", "--accept-loss", "/d/t-0"]) else {
        panic!("not log")
    };
    assert!(matches!(log.command, LogCommand::Repair(args) if args.accept_loss && args.path.as_os_str() == "/d/t-0"));
}

#[test]
fn the_version_is_told() {
    let version = Cli::try_parse_from(["weir", "--version"]).unwrap_err().to_string();
    assert_eq!(version.trim(), concat!("weir ", env!("CARGO_PKG_VERSION")));
    assert!(!host_name().is_empty());
}
