//! The simulated disk's own source of chance: the same numbers from the same seed, on every machine and version.

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

/// Parts in a whole, for [`Random::chance`].
pub(super) const MILLION: u32 = 1_000_000;

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 where that is empty. The bias of the remainder does not matter here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// Whether something happens that happens `per_million` times in a million. Certain things take no number, so that
    /// switching a fault off changes nothing else.
    pub(super) fn chance(&mut self, per_million: u32) -> bool {
        match per_million {
            0 => false,
            MILLION.. => true,
            _ => self.below(u64::from(MILLION)) < u64::from(per_million),
        }
    }

    /// How likely each single thing survives one crash: the extremes as often as the middle.
    pub(super) fn survival(&mut self) -> u32 {
        [0, 100_000, 500_000, 900_000, MILLION][self.below(5) as usize]
    }
}
