//! How often each version of each API reached its handler, and what came of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use broker::wire::ApiSpec;
use broker::wire::versions::APIS;
use parking_lot::Mutex;

/// How often the file is written.
const WRITE_EVERY: u64 = 1_000;

static COUNTS: Mutex<Counts> = Mutex::new(Counts {
    executions: 0,
    of: BTreeMap::new(),
});

/// What became of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    /// Answered without an error.
    pub answered: u64,
    /// Answered with an error.
    pub refused: u64,
    /// Answered by closing the connection.
    pub closed: u64,
    /// Not answered: acks=0, or the client had gone.
    pub silent: u64,
}

impl Fates {
    /// Requests whose bytes made sense to their handler.
    pub fn reached(&self) -> u64 {
        self.answered + self.refused + self.silent
    }
}

#[derive(Debug)]
struct Counts {
    executions: u64,
    of: BTreeMap<(i16, i16), Fates>,
}

/// A request has come to its end.
pub(super) fn count(api: &ApiSpec, version: i16, fate: impl FnOnce(&mut Fates) -> &mut u64) {
    let mut counts = COUNTS.lock();
    *fate(counts.of.entry((api.key as i16, version)).or_default()) += 1;
}

/// An input was run. Now and then the counts go to the file that `WEIR_FUZZ_COUNTS` names.
pub(super) fn executed() {
    let mut counts = COUNTS.lock();
    counts.executions += 1;
    if !counts.executions.is_multiple_of(WRITE_EVERY) {
        return;
    }
    drop(counts);
    if let Some(path) = std::env::var_os("WEIR_FUZZ_COUNTS") {
        let _ = std::fs::write(path, table());
    }
}

/// What became of the requests of an API at a version.
pub fn fates(api: &ApiSpec, version: i16) -> Fates {
    let counts = COUNTS.lock();
    counts.of.get(&(api.key as i16, version)).copied().unwrap_or_default()
}

/// All counts.
pub fn table() -> String {
    let executions = COUNTS.lock().executions;
    let mut table = format!("{executions} executions\nAPI version: answered, with an error, closed, silent\n");
    for api in &APIS {
        for version in api.min..=api.max {
            let Fates {
                answered,
                refused,
                closed,
                silent,
            } = fates(api, version);
            let _ = writeln!(table, "{} {version}: {answered} {refused} {closed} {silent}", api.name);
        }
    }
    table
}
