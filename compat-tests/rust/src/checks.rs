//! Running checks and reporting them as the runner reads it: `PLAN name`, then `CHECK name ok|fail ms detail`.

use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a check says of itself, or what the broker did else.
pub type Outcome = Result<String, Problem>;

/// Why a check failed, with the place that noticed.
pub struct Problem(String);

impl<E: Display> From<E> for Problem {
    #[track_caller]
    fn from(error: E) -> Self {
        let place = std::panic::Location::caller();
        Self(format!("{error} at {}:{}", place.file(), place.line()))
    }
}

type Body = Box<dyn Fn() -> Outcome + Send + Sync>;

/// The checks that this program has.
#[derive(Default)]
pub struct Checks(Vec<(String, Body)>);

impl Checks {
    pub fn add(&mut self, name: impl Into<String>, body: impl Fn() -> Outcome + Send + Sync + 'static) {
        self.0.push((name.into(), Box::new(body)));
    }

    /// Runs those whose name contains one of the texts (all without one): restart checks if the runner has said where
    /// to ask for a restart, else all others.
    pub fn run(&self, threads: usize, texts: &[String]) {
        let restarts = control().is_some();
        let chosen: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| name.starts_with("restart.") == restarts)
            .filter(|(name, _)| texts.is_empty() || texts.iter().any(|text| name.contains(text)))
            .collect();
        for (name, _) in &chosen {
            println!("PLAN\t{name}");
        }
        let next = AtomicUsize::new(0);
        let output = Mutex::new(());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((name, body)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let start = Instant::now();
                        let outcome =
                            catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err("it panicked".into()));
                        let (verdict, detail) = match outcome {
                            Ok(detail) => ("ok", detail),
                            Err(Problem(text)) => ("fail", text),
                        };
                        let detail = detail.replace(['\t', '\n'], " ");
                        let _one_at_a_time = output.lock();
                        println!("CHECK\t{name}\t{verdict}\t{}\t{detail}", start.elapsed().as_millis());
                    }
                });
            }
        });
    }
}

/// Where to ask for a restart.
pub fn control() -> Option<String> {
    std::env::var("WEIR_COMPAT_CONTROL").ok()
}

/// How long a check waits for what must come.
pub fn patience() -> Duration {
    Duration::from_secs(number("WEIR_COMPAT_PATIENCE", 120))
}

/// A number from the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Fails with both values when they differ.
#[track_caller]
pub fn equal<T: PartialEq + Debug>(expected: T, found: T, what: impl Display) -> Result<(), Problem> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}").into())
    }
}

/// Fails unless it holds.
#[track_caller]
pub fn holds(it: bool, what: impl Display) -> Result<(), Problem> {
    if it { Ok(()) } else { Err(what.into()) }
}

/// Waits until the condition holds.
#[track_caller]
pub fn eventually(what: impl Display, mut condition: impl FnMut() -> Result<bool, Problem>) -> Result<(), Problem> {
    let end = Instant::now() + patience();
    while !condition()? {
        if Instant::now() > end {
            return Err(format!("not within {:?}: {what}", patience()).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
