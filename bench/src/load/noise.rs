//! Connections that come and go at a rate: what surrounds a good client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Problem;
use super::admin::Admin;

/// What each connection does.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Nothing: it is opened and closed
    Connect,
    /// Sends a frame that is none, and waits until it is closed
    Malformed,
    /// Asks what is served
    Harmless,
}

/// Of a load of such connections.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The broker's address
    #[arg(long)]
    server: String,
    /// What each connection does
    #[arg(long)]
    kind: Kind,
    /// Connections per second
    #[arg(long)]
    rate: f64,
    /// Seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// How many there were.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    connections: u64,
    seconds: f64,
}

impl Options {
    pub(super) fn run(&self) -> Result<Report, Problem> {
        let began = Instant::now();
        let every = Duration::from_secs_f64(1.0 / self.rate);
        let mut connections = 0;
        while began.elapsed().as_secs_f64() < self.seconds {
            self.one()?;
            connections += 1;
            std::thread::sleep((every * connections).saturating_sub(began.elapsed()));
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok(Report {
            connections: connections.into(),
            seconds,
        })
    }

    fn one(&self) -> Result<(), Problem> {
        /// A size within the limit, then an API key that no broker knows.
        const NOT_A_REQUEST: [u8; 14] = [0, 0, 0, 10, 0x7f, 0xff, 0, 1, 0, 0, 0, 1, 0xff, 0xff];
        match self.kind {
            Kind::Connect => drop(TcpStream::connect(&self.server)?),
            Kind::Harmless => Admin::connect(&self.server)?.api_versions()?,
            Kind::Malformed => {
                let mut stream = TcpStream::connect(&self.server)?;
                stream.write_all(&NOT_A_REQUEST)?;
                // It is closed, with a reset or without.
                let _ = stream.read(&mut [0]);
            }
        }
        Ok(())
    }
}
