//! Answers as plain text, for people.

use std::fmt::Write as _;

use ghost_desk::wire::{
    AdapterStanding, ArchiveView, BaseList, BaseView, CompiledView, DoctorReport, DraftView,
    EditView, ElsewhereView, Exported, FitView, Ghosts, ImportReport, Judged, LevelView,
    MeasuresView, PieceSeed, ProfileView, QuadrantName, ReasonView, RowList, RunList, RunStateName,
    RunView, SeedsReport, SideName, VerdictView, VoiceView,
};
use serde_json::Value;

use super::progress::duration;

pub(crate) fn json(answer: &Value) -> String {
    serde_json::to_string_pretty(answer).unwrap_or_default() + "\n"
}

pub(crate) fn import(report: &ImportReport) -> String {
    let kinds: Vec<_> = report.kinds.iter().map(|k| format!("{} {}", k.pieces, k.kind)).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let mut text = format!(
        "{}{kinds}: {} new, {} changed, {} here already, in {:.1} s.\n",
        count(report.pieces, "piece"),
        report.added,
        report.changed,
        report.duplicates,
        report.seconds
    );
    if report.pairs > 0 {
        let _ = writeln!(
            text,
            "{} of texts from one state to the next.",
            count(report.pairs, "change")
        );
    }
    if report.cancelled {
        text.push_str("Stopped; what was read stays.\n");
    }
    if report.authors.len() > 1 {
        let names: Vec<_> =
            report.authors.iter().map(|a| format!("{} ({})", a.name, a.pieces)).collect();
        let _ = writeln!(
            text,
            "Written by {}. `the-ghost authors NAME` says which one you are.",
            names.join(", ")
        );
    }
    for found in &report.found {
        let _ = writeln!(
            text,
            "  {:<10}  {:<8} {:>6}  {}{}",
            found.date.as_deref().unwrap_or(""),
            found.kind,
            found.words,
            found.title,
            if found.known { " (here already)" } else { "" }
        );
    }
    for complaint in &report.complaints {
        let _ = writeln!(text, "  {}: {}", complaint.path, complaint.reason);
    }
    if !report.notes.is_empty() {
        text.push_str("Left out of what was read:\n");
    }
    for note in &report.notes {
        let place = match &note.paths[..] {
            [path] if note.files == 1 => path.clone(),
            _ => count(note.files, "file"),
        };
        let _ = writeln!(text, "  {place}: {}", note.sentence);
    }
    text
}

pub(crate) fn authors(archive: &ArchiveView) -> String {
    let mut text = String::new();
    for author in &archive.authors {
        let whose = if author.own { "yours" } else { "not learned from" };
        let (pieces, pairs) = (count(author.pieces, "piece"), count(author.pairs, "change"));
        let _ = writeln!(text, "{:<30} {pieces}, {pairs}: {whose}", author.name);
    }
    if archive.authors.is_empty() {
        text.push_str("No piece says who wrote it; all are taken to be yours.\n");
    } else if archive.ask_author {
        text.push_str("`the-ghost authors NAME` says which one you are.\n");
    }
    text
}

pub(crate) fn archive(archive: &ArchiveView) -> String {
    let mut text = String::new();
    for piece in &archive.pieces {
        let date = piece.date.as_deref().unwrap_or("");
        let title = if piece.title.is_empty() { "(no title)" } else { &piece.title };
        let _ = writeln!(
            text,
            "{:>5}  {date:<10}  {:<8} {:>6}  {:<8} {title}",
            piece.piece,
            piece.kind,
            piece.words,
            side(piece.side)
        );
    }
    let pieces = u32::try_from(archive.pieces.len()).unwrap_or(u32::MAX);
    let _ = writeln!(text, "{}, {} words.", count(pieces, "piece"), archive.words);
    text
}

fn side(side: SideName) -> &'static str {
    match side {
        SideName::Train => "train",
        SideName::Dev => "dev",
        SideName::Holdout => "holdout",
    }
}

pub(crate) fn bases(list: &BaseList) -> String {
    if list.bases.is_empty() {
        return "There is no base on this computer yet: `the-ghost base use PATH` takes a GGUF file \
                or the folder of a safetensors checkpoint, and `make run` fetches the starter \
                base.\n"
            .into();
    }
    list.bases.iter().map(base).collect()
}

pub(crate) fn base(base: &BaseView) -> String {
    let warnings: String =
        base.warnings.iter().map(|warning| format!("  Warning: {warning}\n")).collect();
    format!(
        "{} {} ({}, {}, {} million weights, {} MB{}) {}\n{warnings}",
        if base.in_use { "*" } else { " " },
        base.name,
        base.family,
        base.quantisation,
        base.parameters / 1_000_000,
        base.bytes / 1_000_000,
        base.licence.as_ref().map_or_else(String::new, |l| format!(", {l}")),
        base.path
    )
}

/// The draft itself was told as it grew.
pub(crate) fn written(draft: &DraftView) -> String {
    format!(
        "\n\nDraft {}: {} tokens in {:.1} s ({:.1} a second), written by {}, random seed {}.\n",
        draft.draft,
        draft.tokens,
        draft.seconds,
        draft.tokens_per_second,
        ghost(&draft.written_by),
        draft.random_seed
    )
}

pub(crate) fn ghost(written_by: &str) -> String {
    match written_by {
        "base" => "the bare base".into(),
        "prompt" => "the base with the best prompt".into(),
        adapter => format!("adapter {adapter}"),
    }
}

pub(crate) fn draft(draft: &DraftView) -> String {
    format!("{}\n", draft.working_text.trim_end())
}

pub(crate) fn edit(edit: &EditView) -> String {
    format!("{}\n\n{}\n", edit.notation.trim_end(), kept(edit))
}

pub(crate) fn shipped(edit: &EditView) -> String {
    let row = edit.row.map_or_else(String::new, |row| format!(" It is row {row} now."));
    format!("{}{row}\n", kept(edit))
}

pub(crate) fn kept(edit: &EditView) -> String {
    format!(
        "{:.0} % of the draft's {} words stayed; edit distance {:.2}.",
        edit.kept_ratio * 100.0,
        edit.draft_words,
        edit.edit_distance
    )
}

pub(crate) fn rows(list: &RowList) -> String {
    let mut text = String::new();
    for row in &list.rows {
        let request = row.request.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            text,
            "{:>5}  {:<7} {:>4}  {:<8} {:<8} {:>6}  {}",
            row.row,
            if row.ask == "whole" { &row.origin } else { &row.ask },
            row.of,
            if row.excluded { "excluded" } else { side(row.side) },
            row.kind,
            row.words,
            short(&request, 80)
        );
    }
    let rows = u32::try_from(list.rows.len()).unwrap_or(u32::MAX);
    let _ = writeln!(text, "{}.", count(rows, "row"));
    text
}

/// The beginning of a text, at most so many characters.
fn short(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

pub(crate) fn runs(list: &RunList) -> String {
    if list.runs.is_empty() {
        return "Nothing was learned yet: `the-ghost learn` begins.\n".into();
    }
    list.runs.iter().map(run_line).collect()
}

fn run_line(run: &RunView) -> String {
    let step =
        run.step.as_ref().map_or_else(String::new, |s| format!(", step {} of {}", s.n, s.of));
    let verdict = run.verdict.as_ref().map_or_else(String::new, |v| format!(", {}", v.decision));
    let adapter = run.adapter.map_or_else(String::new, |a| format!(", adapter {a}"));
    format!(
        "run {} ({}, {}): {}{step}{adapter}{verdict}\n",
        run.run,
        run.recipe,
        run.started_at,
        state(run.state)
    )
}

fn state(state: RunStateName) -> &'static str {
    match state {
        RunStateName::Waiting => "waiting",
        RunStateName::Learning => "learning",
        RunStateName::Judging => "being judged",
        RunStateName::Stopped => "stopped, can be gone on with",
        RunStateName::Interrupted => "interrupted, can be gone on with",
        RunStateName::Failed => "failed",
        RunStateName::Done => "done",
    }
}

pub(crate) fn run(run: &RunView) -> String {
    let mut text = run_line(run);
    for note in &run.notes {
        let _ = writeln!(text, "  {note}");
    }
    if let Some(found) = &run.verdict {
        text += &verdict(found);
    }
    if matches!(run.state, RunStateName::Stopped | RunStateName::Interrupted) {
        text += "`the-ghost learn` goes on where it was.\n";
    }
    text
}

pub(crate) fn judged(judged: &Judged) -> String {
    format!("adapter {}: {}", judged.adapter, verdict(&judged.verdict))
}

pub(crate) fn verdict(verdict: &VerdictView) -> String {
    let mut text = format!("{}\n", verdict.decision);
    for reason in &verdict.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    text + &measures(&verdict.measures)
}

pub(crate) fn elsewhere(found: &ElsewhereView) -> String {
    match (&found.model, &found.address) {
        (Some(model), Some(address)) => {
            let key = if found.has_key { "with a key" } else { "without a key" };
            format!("Verdicts ask {model} at {address} as well, {key}.\n")
        }
        _ => format!(
            "Verdicts ask nobody elsewhere.\n{}\n`--may-send` says that it may.\n",
            found.warning
        ),
    }
}

pub(crate) fn compiled(found: &CompiledView) -> String {
    let mut text = format!(
        "The best prompt shows {}.\nThe one that writes shows {}.\n",
        found.by_bits, found.by_voice
    );
    for one in &found.tried {
        let _ = writeln!(text, "  {:.4} bits per byte  {}", one.figure, one.program);
    }
    let _ = writeln!(text, "  {:.4} bits per byte  a bare request", found.bare);
    for one in &found.heard {
        let _ = writeln!(text, "  sounds {:.2} like you  {}", one.figure, one.program);
    }
    text
}

/// "0.61 (0.48 to 0.72)".
fn level(level: &LevelView) -> String {
    format!("{:>5.2} ({:.2} to {:.2})", level.mean, level.low, level.high)
}

fn voice(voice: &VoiceView) -> String {
    let mut text = format!(
        "  How drafts from {} sound: 0 a stranger or a bot, 1 you (nine times of ten within)\n",
        count(voice.seeds, "held-out seed")
    );
    let figures = [
        ("your own pieces", &voice.own),
        ("the new adapter", &voice.adapter),
        ("the base with a prompt", &voice.prompt),
        ("the bare base", &voice.base),
    ];
    for (who, v) in figures {
        let _ = writeln!(text, "  {who:<24}{}", level(v));
    }
    if let Some(incumbent) = voice.incumbent {
        let _ = writeln!(text, "  {:<24}{incumbent:>5.2}", "the adapter that wrote");
    }
    let _ = writeln!(
        text,
        "  {:<24}{:>5.2}; you are told from the bare base {:.0} times of 100",
        "strangers",
        voice.strangers,
        voice.told_apart * 100.0
    );
    text
}

fn measures(m: &MeasuresView) -> String {
    let mut text = String::new();
    let figures = [
        ("the bare base", m.base),
        ("the base with a prompt", m.prompt),
        ("the adapter that wrote", m.incumbent),
        ("the new adapter", m.adapter),
    ];
    for (who, bits) in figures {
        if let Some(bits) = bits {
            let _ = writeln!(text, "  {who:<24}{bits:.4} bits per byte");
        }
    }
    if let Some([other, own]) = m.style.as_deref() {
        let _ = writeln!(
            text,
            "  {:<24}{own:.4} bits per byte, the best other {other:.4}",
            "small words and marks"
        );
    }
    if let Some(edits) = &m.edits {
        let _ = writeln!(
            text,
            "  {:<24}{:.0} % of {} preferred, with the prompt {:.0} %",
            "your edits",
            edits.adapter * 100.0,
            count(edits.pairs, "edit"),
            edits.prompt * 100.0
        );
    }
    text += &m.voice.as_ref().map(voice).unwrap_or_default();
    for guard in &m.guards {
        let name = guard.guard.replace('_', " ");
        let touched = if guard.touched == 0 {
            "well".to_owned()
        } else {
            format!("{} of {} touch it", guard.touched, guard.of)
        };
        let _ = writeln!(text, "  {name:<24}{touched}: {}", guard.sentence);
    }
    text
}

pub(crate) fn ghosts(ghosts: &Ghosts) -> String {
    let mut text = format!("{} writes.\n", ghosts.ghost);
    for adapter in &ghosts.adapters {
        let standing = match adapter.standing {
            AdapterStanding::Writing => "writes",
            AdapterStanding::Waiting => "could write",
            AdapterStanding::Retired => "put away",
        };
        let verdict = adapter.verdict.as_ref().map_or("not judged", |v| v.decision.as_str());
        let _ = writeln!(
            text,
            "adapter {} ({}, {}): {standing}, {verdict}, {} on {}",
            adapter.adapter,
            adapter.recipe,
            adapter.made_at,
            count(adapter.n_rows, "row"),
            adapter.base
        );
    }
    text
}

pub(crate) fn exported(exported: &Exported) -> String {
    format!("{} in {}\n", exported.files.join(", "), exported.path)
}

pub(crate) fn piece_seed(seed: &PieceSeed) -> String {
    let saves = seed.saves.map_or_else(String::new, |bits| {
        format!(" It saves the untouched base {bits:.3} bits a byte.")
    });
    let leak = seed.leak.as_ref().map_or_else(String::new, |leak| format!("! {leak}\n"));
    format!("{}\n\nMade by: {}.{saves}\n{leak}", seed.request, seed.origin)
}

pub(crate) fn seeds(report: &SeedsReport) -> String {
    let saves = report.saves.map_or_else(String::new, |bits| {
        format!(" They save the untouched base {bits:.3} bits a byte.")
    });
    format!("{}{saves}\n", report.sentence)
}

pub(crate) fn profile(profile: &ProfileView) -> String {
    let mut text = format!("How you write, from {}.\n", count(profile.pieces, "piece"));
    let mut theme = "";
    for figure in &profile.figures {
        if figure.theme != theme {
            theme = &figure.theme;
            let _ = writeln!(text, "\n{theme}");
        }
        let own = format!("{:.1} ± {:.1}", figure.writer, figure.spread);
        let mark = if figure.unusual { " !" } else { "" };
        let draft =
            figure.draft.map_or_else(String::new, |draft| format!(", the draft {draft:.1}{mark}"));
        let _ = writeln!(text, "  {:<42}{own:>14} {}{draft}", figure.name, figure.unit);
    }
    let openers: Vec<_> =
        profile.openers.iter().map(|o| format!("{} {:.0} %", o.word, o.writer)).collect();
    let _ = writeln!(text, "\nYour sentences open with: {}.", openers.join(", "));
    for sentence in &profile.sentences {
        let _ = writeln!(text, "! {sentence}");
    }
    text
}

pub(crate) fn fit(fit: &FitView) -> String {
    let quadrant = match fit.quadrant {
        QuadrantName::Skip => "SKIP",
        QuadrantName::FixUpstream => "FIX UPSTREAM",
        QuadrantName::CompileFirst => "COMPILE FIRST",
        QuadrantName::FineTune => "FINE-TUNE",
    };
    let ceiling = fit.ceiling.map_or_else(|| "not measured".into(), |c| format!("{c:.2}"));
    let mut text = format!(
        "{quadrant}\n  {}\n  material {:.2} of 1 (enough from 0.50), prompt {ceiling} (enough from \
         0.80)\n\nReasons to leave it\n",
        fit.sentence, fit.maturity
    );
    let reason = |reason: &ReasonView| {
        let mark = reason.holds.map_or("?", |holds| if holds { "yes" } else { "no" });
        format!("  {mark:<4}{}: {}\n", reason.what, reason.figure)
    };
    text.extend(fit.skip.iter().map(reason));
    text += "\nReasons to go\n";
    text.extend(fit.go.iter().map(reason));
    let costs = &fit.costs;
    let _ = writeln!(
        text,
        "\nWhat it costs, with {:.0} learnings a month (prices of {}, {}; put yours into {})",
        costs.runs_a_month,
        costs.as_of,
        if costs.own_table { "your own" } else { "examples" },
        costs.table
    );
    text.extend(costs.rungs.iter().map(|rung| format!("  {}\n", rung.sentence)));
    text
}

pub(crate) fn doctor(report: &DoctorReport) -> String {
    let one = |f: &ghost_desk::wire::Finding| {
        format!("{} {:<8}{}\n", if f.well { "✓" } else { "✗" }, f.about, f.sentence)
    };
    report.findings.iter().map(one).collect()
}

pub(crate) fn count(n: u32, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// How long something took, in a sentence of its own.
pub(crate) fn took(seconds: f64) -> String {
    format!("It took {}.", duration(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_and_two_pieces() {
        assert_eq!(count(1, "piece"), "1 piece");
        assert_eq!(count(2, "piece"), "2 pieces");
    }

    #[test]
    fn a_long_request_is_cut_between_characters() {
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äö üß", 3), "äö…");
    }
}
