//! The dense `f32` matrix product (GEMM), by the `gemm` crate, and the matrix views it takes.

pub(crate) use gemm::Parallelism;

/// A borrowed dense matrix. Strides let a part or a transpose be used in place.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// From one row to the next.
    pub row_step: usize,
    /// From one column to the next.
    pub col_step: usize,
}

impl<'a> Mat<'a> {
    /// Rows one after another.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols)
    }

    /// Rows `step` apart.
    pub(crate) fn strided(data: &'a [f32], rows: usize, cols: usize, step: usize) -> Self {
        Self { data, rows, cols, row_step: step, col_step: 1 }
    }

    /// Rows and columns exchanged; nothing moves.
    pub(crate) fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_step: self.col_step,
            col_step: self.row_step,
        }
    }

    /// One past the last value it touches.
    pub(crate) fn reach(&self) -> usize {
        reach(self.rows, self.cols, self.row_step, self.col_step)
    }
}

/// A dense matrix to write to; its columns are one apart.
pub(crate) struct MatMut<'a> {
    /// The values.
    pub data: &'a mut [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// From one row to the next; at least `cols`.
    pub step: usize,
}

impl<'a> MatMut<'a> {
    /// Rows one after another.
    pub(crate) fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, step: cols }
    }

    /// Rows `step` apart.
    pub(crate) fn strided(data: &'a mut [f32], rows: usize, cols: usize, step: usize) -> Self {
        Self { data, rows, cols, step }
    }

    /// One past the last value it touches.
    pub(crate) fn reach(&self) -> usize {
        reach(self.rows, self.cols, self.step, 1)
    }
}

fn reach(rows: usize, cols: usize, row_step: usize, col_step: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    (rows - 1) * row_step + (cols - 1) * col_step + 1
}

/// `c = scale · a b`, or `c += scale · a b` with `add`. The only place that hands memory to code
/// without bounds checks.
///
/// # Panics
/// If the shapes don't match, or a slice is shorter than its shape.
pub(crate) fn gemm(parallel: Parallelism, a: Mat, b: Mat, scale: f32, add: bool, c: MatMut) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "shapes that match");
    assert!(
        a.reach() <= a.data.len() && b.reach() <= b.data.len(),
        "operands as long as their shapes"
    );
    assert!(c.reach() <= c.data.len() && c.step >= c.cols, "an output as long as its shape");
    if c.rows == 0 || c.cols == 0 || a.cols == 0 {
        return;
    }
    let step = |step: usize| step as isize;
    // SAFETY: the asserts above hold every index of every operand inside its slice; `c` is
    // borrowed mutably, so it overlaps neither operand, and its rows don't overlap each other.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            c.rows,
            c.cols,
            a.cols,
            c.data.as_mut_ptr(),
            1,
            step(c.step),
            add,
            a.data.as_ptr(),
            step(a.col_step),
            step(a.row_step),
            b.data.as_ptr(),
            step(b.col_step),
            step(b.row_step),
            1.0,
            scale,
            false,
            false,
            false,
            parallel,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "operands as long as their shapes")]
    fn a_short_slice_never_reaches_raw_memory() {
        let mut out = [0.0; 4];
        gemm(
            Parallelism::None,
            Mat::new(&[0.0; 3], 2, 2),
            Mat::new(&[0.0; 4], 2, 2),
            1.0,
            false,
            MatMut::new(&mut out, 2, 2),
        );
    }
}
