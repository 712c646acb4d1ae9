//! Which of very many numbers were met before, and how often, in a memory that does not grow with
//! them.
//!
//! An archive of ten thousand texts has ten million runs of words, of which few come twice. To know
//! those few, a bit for each is enough (Bloom 1970), and to count them a cell that strangers share
//! (Cormode and Muthukrishnan 2005, with the update of Estan and Varghese 2002).

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

/// Cells of each of two rows; a power of two. With a million numbers counted, one in twenty is
/// counted too high.
const CELLS: u64 = 1 << 22;

/// How often numbers were counted: never too low, seldom too high, and at most 65,535 times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Vec<u16>);

impl Counts {
    /// Counts a number once more.
    pub(crate) fn add(&mut self, number: u64) {
        if self.0.is_empty() {
            self.0 = vec![0; 2 * CELLS as usize];
        }
        let more = self.of(number).saturating_add(1);
        // The lower cell is the truer; raising the other as well would only add to its error.
        for cell in cells(number) {
            self.0[cell] = self.0[cell].max(more);
        }
    }

    /// How often a number was counted.
    pub(crate) fn of(&self, number: u64) -> u16 {
        let found = |cell: usize| self.0.get(cell).copied().unwrap_or(0);
        let [one, other] = cells(number);
        found(one).min(found(other))
    }
}

fn cells(number: u64) -> [usize; 2] {
    let [one, other] = places(number);
    [(one % CELLS) as usize, (CELLS + other % CELLS) as usize]
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

    #[test]
    fn a_number_is_counted_never_too_low_and_seldom_too_high() {
        let (mut chance, mut counts) = (Chance::new(2), Counts::default());
        assert_eq!(counts.of(7), 0);
        let met: Vec<(u64, u16)> =
            (0..200_000).map(|n| (chance.bits(), 1 + (n % 100 == 0) as u16 * 30)).collect();
        for &(number, times) in &met {
            (0..times).for_each(|_| counts.add(number));
        }
        assert!(met.iter().all(|&(number, times)| counts.of(number) >= times));
        let wrong = met.iter().filter(|&&(number, times)| counts.of(number) != times).count();
        assert!(wrong < 1_000, "{wrong}");
        (0..70_000).for_each(|_| counts.add(7));
        assert_eq!(counts.of(7), u16::MAX);
    }
}
