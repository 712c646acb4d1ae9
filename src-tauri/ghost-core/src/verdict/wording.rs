//! Figures as words, for the sentences of a verdict.

/// "7 %", "0.2 %", "under 0.1 %".
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        0.0 => "0 %".to_owned(),
        small if small < 0.05 => "under 0.1 %".to_owned(),
        small if small < 9.95 => format!("{} %", format!("{percent:.1}").trim_end_matches(".0")),
        _ => format!("{percent:.0} %"),
    }
}

/// "7 % more": `other` compared with `own`.
pub(super) fn compared(other: f64, own: f64) -> String {
    let more = if own > 0.0 { other / own - 1.0 } else { 0.0 };
    match percent(more.abs()).as_str() {
        "0 %" => "the same".to_owned(),
        amount if more < 0.0 => format!("{amount} fewer"),
        amount => format!("{amount} more"),
    }
}

/// "58 % to 63 %".
pub(super) fn range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// "1 piece", "9 pieces".
pub(super) fn pieces(n: usize) -> String {
    if n == 1 { "1 piece".to_owned() } else { format!("{n} pieces") }
}
