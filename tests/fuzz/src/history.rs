//! What was run before a panic, where one run depends on those before it: written to a file, for the replay.

use std::path::PathBuf;
use std::sync::Once;

use parking_lot::Mutex;

static INPUTS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// A new state: nothing before it matters.
pub fn begin() {
    HOOK.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            write();
            next(info);
        }));
    });
    INPUTS.lock().clear();
}

/// An input that is about to run.
pub fn push(input: &[u8]) {
    INPUTS.lock().push(input.to_vec());
}

/// Reads what a panic has left.
pub fn read(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    let mut left = bytes;
    while let Some((len, rest)) = left.split_first_chunk() {
        let len = (u32::from_be_bytes(*len) as usize).min(rest.len());
        inputs.push(rest[..len].to_vec());
        left = &rest[len..];
    }
    inputs
}

fn write() {
    let Some(inputs) = INPUTS.try_lock() else { return };
    let Some(dir) = std::env::var_os("WEIR_FUZZ_HISTORY_DIR") else {
        return;
    };
    let mut bytes = Vec::new();
    for input in inputs.iter() {
        bytes.extend_from_slice(&(input.len() as u32).to_be_bytes());
        bytes.extend_from_slice(input);
    }
    let path = PathBuf::from(dir).join(format!("history-{}", std::process::id()));
    match std::fs::write(&path, bytes) {
        Ok(()) => eprintln!("the inputs up to this one are in {}", path.display()),
        Err(error) => eprintln!("cannot write {}: {error}", path.display()),
    }
}
