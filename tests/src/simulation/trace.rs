//! Everything that happened, as a hash, and as lines when one seed is looked at.

/// FNV-1a over the lines of a run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    is_verbose: bool,
    pub(crate) step: u64,
}

impl Trace {
    pub(crate) fn new(is_verbose: bool) -> Self {
        Trace {
            hash: 0xcbf2_9ce4_8422_2325,
            is_verbose,
            step: 0,
        }
    }

    pub(crate) fn line(&mut self, line: &str) {
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.is_verbose {
            eprintln!("{:>5} {line}", self.step);
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(9);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}
