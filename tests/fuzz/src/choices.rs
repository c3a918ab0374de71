//! Decisions drawn from an input.

/// The bytes of an input, each a decision; after its end, numbers that follow from it.
#[derive(Debug)]
pub struct Choices<'a> {
    left: &'a [u8],
    state: u64,
}

impl<'a> Choices<'a> {
    /// The decisions of an input.
    pub fn new(input: &'a [u8]) -> Self {
        let hash = (input.iter()).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Choices {
            left: input,
            state: hash | 1,
        }
    }

    /// Whether the input itself is used up.
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        match self.left.split_first() {
            Some((byte, left)) => {
                self.left = left;
                *byte
            }
            None => {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                (self.state >> 24) as u8
            }
        }
    }

    /// Any number.
    pub fn number(&mut self) -> i64 {
        i64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = match end {
            0..=0x100 => usize::from(self.byte()),
            0x101..=0x1_0000 => usize::from(self.byte()) << 8 | usize::from(self.byte()),
            _ => (0..4).fold(0, |number, _| number << 8 | usize::from(self.byte())),
        };
        number % end.max(1)
    }

    /// True so often.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these, of which there is one at least.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Up to `most` bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.byte()).collect()
    }

    /// What is left of the input.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }
}
