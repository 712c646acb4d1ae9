//! Probabilistic sets and counters over very many numbers, in a fixed amount of memory.
//!
//! An archive of ten thousand texts has ten million runs of words, and few of them occur twice. One
//! bit each is enough to find those few (Bloom 1970), and shared cells are enough to count them
//! (Cormode and Muthukrishnan 2005, with the conservative update of Estan and Varghese 2002).

/// Bits of a filter; a power of two. With ten million numbers, one lookup in fifty is a false
/// positive.
const BITS: u64 = 1 << 27;

/// A Bloom filter: it knows every number that was inserted, and sometimes takes another for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct BloomFilter(Vec<u64>);

impl BloomFilter {
    /// Inserts a number and returns whether it was already there.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        if self.0.is_empty() {
            self.0 = vec![0; (BITS / 64) as usize];
        }
        let mut was_there = true;
        for bit in positions(number) {
            let word = &mut self.0[(bit / 64) as usize];
            was_there &= *word >> (bit % 64) & 1 == 1;
            *word |= 1 << (bit % 64);
        }
        was_there
    }

    /// True if a number was inserted.
    pub(crate) fn contains(&self, number: u64) -> bool {
        let at =
            |bit: u64| self.0.get((bit / 64) as usize).is_some_and(|w| w >> (bit % 64) & 1 == 1);
        positions(number).into_iter().all(at)
    }
}

/// Cells of each of the two rows of a sketch; a power of two. With a million numbers counted, one
/// count in twenty is too high.
const CELLS: u64 = 1 << 22;

/// A count-min sketch: counts that are never too low, rarely too high, and at most 65,535.
#[derive(Debug, Clone, Default)]
pub(crate) struct CountMinSketch(Vec<u16>);

impl CountMinSketch {
    /// Counts a number once more.
    pub(crate) fn add(&mut self, number: u64) {
        if self.0.is_empty() {
            self.0 = vec![0; 2 * CELLS as usize];
        }
        let more = self.estimate(number).saturating_add(1);
        // The lower cell is closer to the true count; raising the other too would only add error.
        for cell in cells(number) {
            self.0[cell] = self.0[cell].max(more);
        }
    }

    /// The count of a number.
    pub(crate) fn estimate(&self, number: u64) -> u16 {
        let count = |cell: usize| self.0.get(cell).copied().unwrap_or(0);
        let [first, second] = cells(number);
        count(first).min(count(second))
    }
}

fn cells(number: u64) -> [usize; 2] {
    let [first, second] = positions(number);
    [(first % CELLS) as usize, (CELLS + second % CELLS) as usize]
}

fn positions(number: u64) -> [u64; 2] {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [(mixed >> 32) % BITS, mixed % BITS]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_filter_has_no_false_negatives_and_few_false_positives() {
        let (mut rng, mut filter) = (Rng::new(1), BloomFilter::default());
        assert!(!filter.contains(7));
        let inserted: Vec<u64> = (0..200_000).map(|_| rng.next_u64()).collect();
        let again = inserted.iter().filter(|&&number| filter.insert(number)).count();
        assert!(again < 20, "{again}");
        assert!(inserted.iter().all(|&number| filter.contains(number) && filter.insert(number)));
        let wrong = (0..200_000).filter(|_| filter.contains(rng.next_u64())).count();
        assert!(wrong < 20, "{wrong}");
    }

    #[test]
    fn a_count_is_never_too_low_and_rarely_too_high() {
        let (mut rng, mut counts) = (Rng::new(2), CountMinSketch::default());
        assert_eq!(counts.estimate(7), 0);
        let added: Vec<(u64, u16)> =
            (0..200_000).map(|n| (rng.next_u64(), 1 + (n % 100 == 0) as u16 * 30)).collect();
        for &(number, times) in &added {
            (0..times).for_each(|_| counts.add(number));
        }
        assert!(added.iter().all(|&(number, times)| counts.estimate(number) >= times));
        let wrong =
            added.iter().filter(|&&(number, times)| counts.estimate(number) != times).count();
        assert!(wrong < 1_000, "{wrong}");
        (0..70_000).for_each(|_| counts.add(7));
        assert_eq!(counts.estimate(7), u16::MAX);
    }
}
