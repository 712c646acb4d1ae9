//! Which of very many numbers were met before, in a memory that does not grow with them.
//!
//! An archive of ten thousand texts has ten million runs of words, of which few come twice. To know
//! those few, a bit for each is enough (Bloom 1970).

/// Bits; a power of two. With ten million numbers one in fifty is taken for another.
const BITS: u64 = 1 << 27;

/// The numbers that were met; now and then one that was not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Vec<u64>);

impl Seen {
    /// Meets a number: whether it was met before.
    pub(crate) fn meet(&mut self, number: u64) -> bool {
        if self.0.is_empty() {
            self.0 = vec![0; (BITS / 64) as usize];
        }
        let mut met = true;
        for bit in places(number) {
            let word = &mut self.0[(bit / 64) as usize];
            met &= *word >> (bit % 64) & 1 == 1;
            *word |= 1 << (bit % 64);
        }
        met
    }

    /// Whether a number was met.
    pub(crate) fn has(&self, number: u64) -> bool {
        let at =
            |bit: u64| self.0.get((bit / 64) as usize).is_some_and(|w| w >> (bit % 64) & 1 == 1);
        places(number).into_iter().all(at)
    }
}

fn places(number: u64) -> [u64; 2] {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [(mixed >> 32) % BITS, mixed % BITS]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn what_was_met_is_known_and_what_was_not_nearly_always_is_not() {
        let (mut chance, mut seen) = (Chance::new(1), Seen::default());
        assert!(!seen.has(7));
        let met: Vec<u64> = (0..200_000).map(|_| chance.bits()).collect();
        let again = met.iter().filter(|&&number| seen.meet(number)).count();
        assert!(again < 20, "{again}");
        assert!(met.iter().all(|&number| seen.has(number) && seen.meet(number)));
        let wrong = (0..200_000).filter(|_| seen.has(chance.bits())).count();
        assert!(wrong < 20, "{wrong}");
    }
}
