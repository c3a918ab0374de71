//! The latest offset of each key, by the key's hash.
//!
//! Invariant: memory is what was asked for at the start, and no key is kept. Keys are told apart by 128 bits of a hash under
//! a secret key, so nobody can find two that collide; by chance two of a billion do so once in some 10²⁰ rounds.

use siphasher::sip128::SipHasher13;

/// Bytes that one key takes: 16 of hash, 8 of offset.
pub const BYTES_PER_KEY: usize = 24;
/// Where there is memory enough, no more than this part of the slots is in use: look-ups then meet the first slots.
const EASY_LOAD: (usize, usize) = (2, 3);

/// The hash of a key, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u64; 2]);

/// A hash table with open addressing and a fixed number of slots.
#[derive(Debug)]
pub struct OffsetMap {
    /// Hash, hash, offset. A hash of zeroes marks a free slot.
    slots: Vec<[u64; 3]>,
    used: usize,
    max_used: usize,
    hasher: SipHasher13,
}

impl OffsetMap {
    /// A map for `keys` keys, in at most `max_bytes`: with less room than that it takes as many keys as `load_factor` of
    /// the slots. `secret` keys the hash.
    pub fn new(keys: u64, max_bytes: usize, load_factor: f64, secret: (u64, u64)) -> Self {
        let most = (max_bytes / BYTES_PER_KEY).max(2);
        let (part, of) = EASY_LOAD;
        let easy = usize::try_from(keys).unwrap_or(usize::MAX).saturating_mul(of) / part;
        let slots = easy.saturating_add(2).min(most);
        let max_used = (slots as f64 * load_factor.clamp(0.0, 1.0)) as usize;
        OffsetMap {
            // Zeroes: the system gives the memory page by page, as it is touched.
            slots: vec![[0; 3]; slots],
            used: 0,
            // One slot stays free, for a look-up to end at.
            max_used: max_used.clamp(1, slots - 1),
            hasher: SipHasher13::new_with_keys(secret.0, secret.1),
        }
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let hash = self.hasher.hash(key);
        match [hash.h1, hash.h2] {
            [0, 0] => KeyHash([0, 1]),
            hash => KeyHash(hash),
        }
    }

    /// Brings the slots of these keys near. A map is larger than the processor's caches, and the slots of several keys come
    /// at once, where they would come one after the other. The answer means nothing.
    #[inline]
    pub fn bring_near(&self, keys: impl Iterator<Item = KeyHash>) -> u64 {
        keys.map(|key| self.slots[self.place(key)][2])
            .fold(0, |sum, offset| sum ^ offset)
    }

    /// Notes that the record of a key at `offset` is later than all before. False where there is no room for another key.
    #[inline]
    pub fn insert(&mut self, key: KeyHash, offset: i64) -> bool {
        let place = self.find(key);
        let KeyHash(hash) = key;
        let slot = &mut self.slots[place];
        if slot[..2] == [0, 0] {
            if self.used == self.max_used {
                return false;
            }
            self.used += 1;
            [slot[0], slot[1]] = hash;
        }
        slot[2] = offset as u64;
        true
    }

    /// The offset of the latest record of a key, if any was noted.
    #[inline]
    pub fn get(&self, key: KeyHash) -> Option<i64> {
        let slot = &self.slots[self.find(key)];
        (slot[..2] != [0, 0]).then_some(slot[2] as i64)
    }

    /// Keys noted.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether none was noted.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The part of the keys it can take that it has, 0 to 1.
    pub fn utilization(&self) -> f64 {
        self.used as f64 / self.max_used as f64
    }

    /// Its memory in bytes.
    pub fn size(&self) -> usize {
        self.slots.len() * BYTES_PER_KEY
    }

    /// Where a key's slot is, unless others are there: its hash as a fraction of the table.
    #[inline]
    fn place(&self, key: KeyHash) -> usize {
        ((u128::from(key.0[0]) * self.slots.len() as u128) >> 64) as usize
    }

    /// The slot of a key, or the free one where it would go.
    #[inline]
    fn find(&self, key: KeyHash) -> usize {
        let mut place = self.place(key);
        loop {
            let slot = &self.slots[place];
            if slot[..2] == key.0 || slot[..2] == [0, 0] {
                return place;
            }
            place += 1;
            if place == self.slots.len() {
                place = 0;
            }
        }
    }
}
