//! `bench`: prints each figure as it is measured.

use ghost_desk::bench::{self, Bench, BenchRow};
use ghost_desk::failure::{Code, Failure, Result};

use super::streams::{err, out};

/// Runs the benchmark, and prints a table or one object.
pub(crate) fn bench(ask: &Bench, json: bool) -> Result<i32> {
    if !json {
        out(&format!(
            "{:<34} {:<14} {:>10} {:>10} {:>9}\n",
            "base", "what", "tokens/s", "best", "peak MB"
        ));
    }
    let report = bench::bench(ask, &mut |row| {
        if json {
            err(&line(row));
        } else {
            out(&line(row));
        }
    })?;
    if json {
        let text =
            serde_json::to_string(&report).map_err(|e| Failure::new(Code::Bug, e.to_string()))?;
        out(&format!("{text}\n"));
    }
    Ok(0)
}

fn line(row: &BenchRow) -> String {
    format!(
        "{:<34} {:<14} {:>10.1} {:>10.1} {:>9.0}\n",
        row.base, row.what, row.tokens_per_second, row.best, row.peak_mb
    )
}
