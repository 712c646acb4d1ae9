//! Neighbours become one until no two can: the one loop under byte-pair encoding and
//! SentencePiece, which differ only in what they call a good pair.
//!
//! Takes time of n log n in the length of a stretch.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// No neighbour on that side.
const NONE: usize = usize::MAX;

/// A piece of text that may become a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The token it is; `None` for text that is none.
    pub(crate) id: Option<u32>,
    before: usize,
    after: usize,
}

/// Two neighbours that could be one. The lowest rank goes first, then the leftmost.
type Pair = Reverse<(u32, usize, Candidate)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Where the left one ended and the right one ended; if either has grown, this is old news.
    middle: usize,
    end: usize,
    id: u32,
}

/// The pieces of one stretch after another, in buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    pieces: Vec<Piece>,
    pairs: BinaryHeap<Pair>,
}

impl Merger {
    /// Adds a piece to the right end.
    pub(crate) fn push(&mut self, at: Range<usize>, id: Option<u32>) {
        let n = self.pieces.len();
        if let Some(last) = self.pieces.last_mut() {
            last.after = n;
        }
        let before = n.checked_sub(1).unwrap_or(NONE);
        self.pieces.push(Piece { from: at.start, to: at.end, id, before, after: NONE });
    }

    /// Merges what was pushed, hands it over left to right, and is empty again. `pair` gives the
    /// rank of two neighbours (lower is better) and the token they become.
    pub(crate) fn finish(
        &mut self,
        pair: impl Fn(&Piece, &Piece) -> Option<(u32, u32)>,
        mut on_piece: impl FnMut(&Piece),
    ) {
        for right in 1..self.pieces.len() {
            self.consider(right - 1, right, &pair);
        }
        while let Some(Reverse((_, left, found))) = self.pairs.pop() {
            let (l, right) = (self.pieces[left], self.pieces[left].after);
            // A piece that was swallowed ends where it begins, so it fits no candidate.
            if right == NONE || l.to != found.middle || self.pieces[right].to != found.end {
                continue;
            }
            let after = self.pieces[right].after;
            self.pieces[left] = Piece { to: found.end, id: Some(found.id), after, ..l };
            let gone = &mut self.pieces[right];
            gone.to = gone.from;
            if after != NONE {
                self.pieces[after].before = left;
                self.consider(left, after, &pair);
            }
            if l.before != NONE {
                self.consider(l.before, left, &pair);
            }
        }
        self.pieces.iter().filter(|piece| piece.to > piece.from).for_each(&mut on_piece);
        self.pieces.clear();
    }

    fn consider(
        &mut self,
        left: usize,
        right: usize,
        pair: &impl Fn(&Piece, &Piece) -> Option<(u32, u32)>,
    ) {
        let (l, r) = (&self.pieces[left], &self.pieces[right]);
        if let Some((rank, id)) = pair(l, r) {
            let found = Candidate { middle: l.to, end: r.to, id };
            self.pairs.push(Reverse((rank, left, found)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Merges letters by rules, best first: "ab" joins a and b.
    fn merged(text: &str, rules: &[&str]) -> String {
        let mut merger = Merger::default();
        (0..text.len()).for_each(|at| merger.push(at..at + 1, None));
        let mut parts = Vec::new();
        merger.finish(
            |l, r| {
                let rank = rules.iter().position(|rule| *rule == &text[l.from..r.to])?;
                Some((rank as u32, rank as u32))
            },
            |piece| parts.push(&text[piece.from..piece.to]),
        );
        parts.join("|")
    }

    #[test]
    fn the_best_pair_goes_first_and_the_leftmost_of_equals() {
        assert_eq!(merged("abcab", &["bc", "ab"]), "a|bc|ab");
        assert_eq!(merged("aaaaa", &["aa"]), "aa|aa|a");
    }

    #[test]
    fn merged_pieces_merge_again() {
        assert_eq!(merged("xthey", &["th", "he", "the", "they"]), "x|they");
    }

    #[test]
    fn a_single_piece_is_not_merged() {
        assert_eq!(merged("", &["ab"]), "");
        assert_eq!(merged("xyz", &["ab"]), "x|y|z");
    }
}
