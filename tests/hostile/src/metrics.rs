//! What the broker says of itself, and what the kernel says of it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Its metrics by series.
pub fn scrape(admin: SocketAddr) -> Result<BTreeMap<String, f64>, String> {
    let text = get(admin, "/metrics")?;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.to_owned(), value.parse().ok()?))
    };
    Ok(samples.filter_map(parse).collect())
}

/// How often each limit was reached.
pub fn limits(admin: SocketAddr) -> Result<BTreeMap<String, u64>, String> {
    let name = |series: &str| {
        let name = series.strip_prefix("weir_limit_reached_total{limit=\"")?;
        Some(name.strip_suffix("\"}")?.to_owned())
    };
    let samples = scrape(admin)?.into_iter();
    Ok(samples
        .filter_map(|(series, value)| Some((name(&series)?, value as u64)))
        .collect())
}

fn get(admin: SocketAddr, path: &str) -> Result<String, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    ask().map_err(|problem| format!("no answer to {path}: {problem}"))
}

/// Bytes of memory of a process that are its own.
pub fn rss_anon(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}
