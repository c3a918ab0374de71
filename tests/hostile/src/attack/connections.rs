//! Connections and nothing else.

use std::io;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use super::Target;

/// Connections that a thread holds.
const IDLE: usize = 1_500;
const PAUSE: Duration = Duration::from_millis(20);

/// Opened and closed at once, some with a request under way.
pub(super) fn open_and_close(target: &Target<'_>) -> io::Result<()> {
    for number in 0..100 {
        let mut client = target.open()?;
        if number % 2 == 0 {
            client.request(ApiKey::ApiVersions, 0, &[])?;
        }
        if !target.goes_on() {
            break;
        }
    }
    Ok(())
}

/// Opened and kept.
pub(super) fn idle(target: &Target<'_>) -> io::Result<()> {
    let mut held = Vec::new();
    while target.goes_on() {
        if held.len() < IDLE {
            held.push(target.open()?);
        } else {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}
