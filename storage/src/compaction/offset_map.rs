//! The latest offset of each key, by the key's hash.
//!
//! Invariant: memory never passes what was asked for at the start, and no key is kept. It grows with the keys that there
//! are, of which only a bound is known before: a table as large as that would miss the processor's caches for nothing. Keys
//! are told apart by 128 bits of a hash under a secret key, so nobody can find two that collide; by chance two of a billion
//! do so once in some 10²⁰ rounds.

use siphasher::sip128::SipHasher13;

/// Bytes that one key takes: 16 of hash, 8 of offset.
pub const BYTES_PER_KEY: usize = 24;
/// Where there is memory enough, no more than this part of the slots is in use: look-ups then meet the first slots.
const EASY_LOAD: (usize, usize) = (2, 3);
/// Parts of a large table: while one of them grows only its keys are there twice.
const PARTS: usize = 256;
/// From this many slots on a table is large. With fewer a part could be full by chance long before the others.
const LARGE: usize = 1 << 16;
/// The slots that a part of a large table begins with.
const FIRST_SLOTS: usize = 64;

/// The hash of a key, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u64; 2]);

/// Hash, hash, offset. A hash of zeroes marks a free slot.
type Slot = [u64; 3];

/// A hash table with open addressing, in parts by the hash's first word; the second one is for the place in the part.
#[derive(Debug)]
pub struct OffsetMap {
    parts: Vec<Part>,
    /// To this many slots a part grows.
    most_of_part: usize,
    used: usize,
    max_used: usize,
    hasher: SipHasher13,
}

#[derive(Debug)]
struct Part {
    slots: Vec<Slot>,
    used: usize,
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
        let (parts, first_slots, most_of_part) = match slots >= LARGE {
            // Room for one more part: the one that grows.
            true => (PARTS, FIRST_SLOTS, slots / (PARTS + 1)),
            false => (1, slots, slots),
        };
        OffsetMap {
            parts: (0..parts).map(|_| Part::new(first_slots)).collect(),
            most_of_part,
            used: 0,
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
        keys.map(|key| {
            let slots = &self.parts[self.part_of(key)].slots;
            slots[place(slots, key)][2]
        })
        .fold(0, |sum, offset| sum ^ offset)
    }

    /// Notes that the record of a key at `offset` is later than all before. False where there is no room for another key.
    #[inline]
    pub fn insert(&mut self, key: KeyHash, offset: i64) -> bool {
        let index = self.part_of(key);
        let part = &mut self.parts[index];
        let place = part.find(key);
        let slot = &mut part.slots[place];
        if !is_free(slot) {
            slot[2] = offset as u64;
            return true;
        }
        // One slot stays free, for a look-up to end at.
        if self.used == self.max_used || part.used + 1 == self.most_of_part {
            return false;
        }
        self.used += 1;
        part.add(key, offset, self.most_of_part);
        true
    }

    /// The offset of the latest record of a key, if any was noted.
    #[inline]
    pub fn get(&self, key: KeyHash) -> Option<i64> {
        let part = &self.parts[self.part_of(key)];
        let slot = &part.slots[part.find(key)];
        (!is_free(slot)).then_some(slot[2] as i64)
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
        self.parts.iter().map(|part| size_of_val(&part.slots[..])).sum()
    }

    #[inline]
    fn part_of(&self, key: KeyHash) -> usize {
        fraction(key.0[0], self.parts.len())
    }
}

impl Part {
    fn new(slots: usize) -> Self {
        Part {
            slots: vec![[0; 3]; slots],
            used: 0,
        }
    }

    /// The slot of a key, or the free one where it would go.
    #[inline]
    fn find(&self, key: KeyHash) -> usize {
        let mut place = place(&self.slots, key);
        loop {
            let slot = &self.slots[place];
            if slot[..2] == key.0 || is_free(slot) {
                return place;
            }
            place += 1;
            if place == self.slots.len() {
                place = 0;
            }
        }
    }

    /// Puts in a key that is not there.
    fn add(&mut self, key: KeyHash, offset: i64, most: usize) {
        let (part, of) = EASY_LOAD;
        if (self.used + 1) * of > self.slots.len() * part && self.slots.len() < most {
            let larger = vec![[0; 3]; (self.slots.len() * 2).min(most)];
            for slot in std::mem::replace(&mut self.slots, larger) {
                if !is_free(&slot) {
                    self.put(slot);
                }
            }
        }
        let KeyHash([first, second]) = key;
        self.put([first, second, offset as u64]);
        self.used += 1;
    }

    fn put(&mut self, slot: Slot) {
        let place = self.find(KeyHash([slot[0], slot[1]]));
        self.slots[place] = slot;
    }
}

/// Where a key's slot is, unless others are there.
#[inline]
fn place(slots: &[Slot], key: KeyHash) -> usize {
    fraction(key.0[1], slots.len())
}

/// One of so many, by a hash as a fraction of them.
#[inline]
fn fraction(hash: u64, of: usize) -> usize {
    ((u128::from(hash) * of as u128) >> 64) as usize
}

#[inline]
fn is_free(slot: &Slot) -> bool {
    slot[..2] == [0, 0]
}
