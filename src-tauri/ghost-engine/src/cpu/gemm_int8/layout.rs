//! The layout of a packed tile of outputs and of a panel of rows.

pub(super) use crate::quant::int8::BLOCK;

/// Outputs of a tile.
pub(super) const LANES: usize = 16;
/// Rows multiplied together.
pub(super) const ROWS: usize = 12;
/// Bytes of a tile for each group: quads in the order of `quad_index`, of [`LANES`].
pub(super) const TILE_BYTES: usize = BLOCK * LANES;
/// Quads of a panel of rows for each group, in the order of `quad_index`, of [`ROWS`].
pub(super) const PANEL_QUADS: usize = BLOCK / 4 * ROWS;
