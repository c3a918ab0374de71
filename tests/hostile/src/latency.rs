//! How long answers take.

use std::time::Duration;

/// Durations of one kind of request.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: &Latencies) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The duration that so many in a thousand do not exceed; zero where there is none.
    pub fn per_mille(&self, per_mille: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * per_mille).div_ceil(1000).max(1) - 1;
        sorted.get(place).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let (p50, p99, most) = (self.per_mille(500), self.per_mille(990), self.per_mille(1000));
        write!(f, "{:8.1} {:8.1} {:8.1}", ms(p50), ms(p99), ms(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_is_not_exceeded() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.per_mille(990), Duration::ZERO);
        (1..=100).rev().for_each(|ms| latencies.push(Duration::from_millis(ms)));
        assert_eq!(latencies.per_mille(500), Duration::from_millis(50));
        assert_eq!(latencies.per_mille(990), Duration::from_millis(99));
        assert_eq!(latencies.per_mille(1000), Duration::from_millis(100));
    }
}
