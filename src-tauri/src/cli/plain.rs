//! Answers as text for people.

use std::fmt::Write as _;

use ghost_desk::wire::{
    AdapterList, AdapterStatus, ArchiveView, BaseList, BaseView, DoctorReport, DraftView, EditView,
    Evaluation, Exported, ImportReport, LevelView, MeasuresView, OptimizedPrompt, PieceSeed,
    ProfileView, ReadinessView, ReasonView, Recommendation, RemoteView, RowList, RunList,
    RunStateName, RunView, SeedsReport, SplitName, VerdictView, VoiceView,
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
        "{}{kinds}: {} new, {} changed, {} already imported, in {:.1} s.\n",
        count(report.pieces, "piece"),
        report.added,
        report.changed,
        report.duplicates,
        report.seconds
    );
    if report.pairs > 0 {
        let _ = writeln!(text, "{} found.", count(report.pairs, "revision"));
    }
    if report.cancelled {
        text.push_str("Stopped. The files read so far were imported.\n");
    }
    if report.authors.len() > 1 {
        let names: Vec<_> =
            report.authors.iter().map(|a| format!("{} ({})", a.name, a.pieces)).collect();
        let _ = writeln!(
            text,
            "Authors: {}. Run `the-ghost authors NAME` to set which one is you.",
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
            if found.known { " (already imported)" } else { "" }
        );
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "  {}: {}", warning.path, warning.reason);
    }
    if !report.notes.is_empty() {
        text.push_str("Skipped in files that were read:\n");
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
        let whose = if author.own { "you" } else { "not trained on" };
        let (pieces, pairs) = (count(author.pieces, "piece"), count(author.pairs, "change"));
        let _ = writeln!(text, "{:<30} {pieces}, {pairs}: {whose}", author.name);
    }
    if archive.authors.is_empty() {
        text.push_str("No piece names an author; all are taken to be yours.\n");
    } else if archive.ask_author {
        text.push_str("Run `the-ghost authors NAME` to set which one is you.\n");
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
            split(piece.split)
        );
    }
    let pieces = u32::try_from(archive.pieces.len()).unwrap_or(u32::MAX);
    let _ = writeln!(text, "{}, {} words.", count(pieces, "piece"), archive.words);
    text
}

fn split(split: SplitName) -> &'static str {
    match split {
        SplitName::Train => "train",
        SplitName::Validation => "validation",
        SplitName::Test => "test",
    }
}

pub(crate) fn bases(list: &BaseList) -> String {
    if list.bases.is_empty() {
        return "No base is installed yet. Run `the-ghost base use PATH` with a GGUF file or the \
                folder of a safetensors checkpoint, or `make run` to fetch the starter base.\n"
            .into();
    }
    list.bases.iter().map(base).collect()
}

pub(crate) fn base(base: &BaseView) -> String {
    let warnings: String =
        base.warnings.iter().map(|warning| format!("  Warning: {warning}\n")).collect();
    format!(
        "{} {} ({}, {}, {} million parameters, {} MB{}) {}\n{warnings}",
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

/// The summary of a draft; its text was already streamed.
pub(crate) fn written(draft: &DraftView) -> String {
    format!(
        "\n\nDraft {}: {} tokens in {:.1} s ({:.1} tokens/s), written by {}, random seed {}.\n",
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
        "base" => "the base".into(),
        "prompt" => "the base with the optimized prompt".into(),
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
    let row = edit.row.map_or_else(String::new, |row| format!(" Saved as training row {row}."));
    format!("{}{row}\n", kept(edit))
}

pub(crate) fn kept(edit: &EditView) -> String {
    format!(
        "{:.0} % of the draft's {} words kept; edit distance {:.2}.",
        edit.kept_ratio * 100.0,
        edit.draft_words,
        edit.edit_distance
    )
}

pub(crate) fn training_data(list: &RowList) -> String {
    let mut text = String::new();
    for row in &list.rows {
        let request = row.request.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            text,
            "{:>5}  {:<7} {:>4}  {:<8} {:<8} {:>6}  {}",
            row.row,
            if row.ask == "whole" { &row.origin } else { &row.ask },
            row.of,
            if row.excluded { "excluded" } else { split(row.split) },
            row.kind,
            row.words,
            short(&request, 80)
        );
    }
    let rows = u32::try_from(list.rows.len()).unwrap_or(u32::MAX);
    let _ = writeln!(text, "{}.", count(rows, "row"));
    text
}

/// The first `longest` characters of a text.
fn short(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

pub(crate) fn runs(list: &RunList) -> String {
    if list.runs.is_empty() {
        return "No runs yet. Run `the-ghost learn` to start one.\n".into();
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
        RunStateName::Evaluating => "evaluating",
        RunStateName::Stopped => "stopped (resumable)",
        RunStateName::Interrupted => "interrupted (resumable)",
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
        text += "Run `the-ghost learn` to resume.\n";
    }
    text
}

pub(crate) fn evaluation(evaluation: &Evaluation) -> String {
    format!("adapter {}: {}", evaluation.adapter, verdict(&evaluation.verdict))
}

pub(crate) fn verdict(verdict: &VerdictView) -> String {
    let mut text = format!("{}\n", verdict.decision);
    for reason in &verdict.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    text + &measures(&verdict.measures)
}

pub(crate) fn remote(found: &RemoteView) -> String {
    match (&found.model, &found.address) {
        (Some(model), Some(address)) => {
            let key = if found.has_key { "with a key" } else { "without a key" };
            format!("Evaluations compare with {model} at {address}, {key}.\n")
        }
        _ => format!(
            "No remote model is used.\n{}\nPass `--allow-upload` to enable one.\n",
            found.warning
        ),
    }
}

pub(crate) fn optimized_prompt(found: &OptimizedPrompt) -> String {
    let mut text = format!(
        "Best by likelihood: {}.\nBest by voice, used for drafts: {}.\n",
        found.by_bits, found.by_voice
    );
    for one in &found.tried {
        let _ = writeln!(text, "  {:.4} bits per byte  {}", one.figure, one.program);
    }
    let _ = writeln!(text, "  {:.4} bits per byte  a plain request", found.bare);
    for one in &found.heard {
        let _ = writeln!(text, "  voice score {:.2}  {}", one.figure, one.program);
    }
    text
}

/// "0.61 (0.48 to 0.72)".
fn level(level: &LevelView) -> String {
    format!("{:>5.2} ({:.2} to {:.2})", level.mean, level.low, level.high)
}

fn voice(voice: &VoiceView) -> String {
    let mut text = format!(
        "  Voice scores of drafts from {}: 0 = someone else or a bot, 1 = you (90 % interval)\n",
        count(voice.seeds, "test seed")
    );
    let figures = [
        ("your own pieces", &voice.own),
        ("new adapter", &voice.adapter),
        ("base with prompt", &voice.prompt),
        ("base", &voice.base),
    ];
    for (who, v) in figures {
        let _ = writeln!(text, "  {who:<24}{}", level(v));
    }
    if let Some(incumbent) = voice.incumbent {
        let _ = writeln!(text, "  {:<24}{incumbent:>5.2}", "current adapter");
    }
    let _ = writeln!(
        text,
        "  {:<24}{:>5.2}; the score tells you from the base model {:.0} % of the time",
        "unseen authors",
        voice.strangers,
        voice.base_separation * 100.0
    );
    text
}

fn measures(m: &MeasuresView) -> String {
    let mut text = String::new();
    let figures = [
        ("base", m.base),
        ("base with prompt", m.prompt),
        ("current adapter", m.incumbent),
        ("new adapter", m.adapter),
    ];
    for (who, bits) in figures {
        if let Some(bits) = bits {
            let _ = writeln!(text, "  {who:<24}{bits:.4} bits per byte");
        }
    }
    if let Some([other, own]) = m.style.as_deref() {
        let _ = writeln!(
            text,
            "  {:<24}{own:.4} bits per byte, best alternative {other:.4}",
            "function words"
        );
    }
    if let Some(edits) = &m.edits {
        let _ = writeln!(
            text,
            "  {:<24}{:.0} % of {} preferred; with the prompt {:.0} %",
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
            "passed".to_owned()
        } else {
            format!("violated by {} of {}", guard.touched, guard.of)
        };
        let _ = writeln!(text, "  {name:<24}{touched}: {}", guard.sentence);
    }
    text
}

pub(crate) fn adapters(list: &AdapterList) -> String {
    let mut text = format!("Active: {}.\n", list.ghost);
    for adapter in &list.adapters {
        let status = match adapter.status {
            AdapterStatus::Active => "active",
            AdapterStatus::Available => "available",
            AdapterStatus::Retired => "retired",
        };
        let verdict = adapter.verdict.as_ref().map_or("not evaluated", |v| v.decision.as_str());
        let _ = writeln!(
            text,
            "adapter {} ({}, {}): {status}, {verdict}, {} on {}",
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
    format!("Exported {} to {}\n", exported.files.join(", "), exported.path)
}

pub(crate) fn piece_seed(seed: &PieceSeed) -> String {
    let saves = seed
        .saves
        .map_or_else(String::new, |bits| format!(" It saves the base {bits:.3} bits per byte."));
    let leak = seed.leak.as_ref().map_or_else(String::new, |leak| format!("! {leak}\n"));
    format!("{}\n\nOrigin: {}.{saves}\n{leak}", seed.request, seed.origin)
}

pub(crate) fn seeds(report: &SeedsReport) -> String {
    let saves = report
        .saves
        .map_or_else(String::new, |bits| format!(" They save the base {bits:.3} bits per byte."));
    format!("{}{saves}\n", report.sentence)
}

pub(crate) fn profile(profile: &ProfileView) -> String {
    let mut text = format!("Your style, from {}.\n", count(profile.pieces, "piece"));
    let mut theme = "";
    for figure in &profile.figures {
        if figure.theme != theme {
            theme = &figure.theme;
            let _ = writeln!(text, "\n{theme}");
        }
        let own = format!("{:.1} ± {:.1}", figure.writer, figure.spread);
        let mark = if figure.unusual { " !" } else { "" };
        let draft =
            figure.draft.map_or_else(String::new, |draft| format!(", draft {draft:.1}{mark}"));
        let _ = writeln!(text, "  {:<42}{own:>14} {}{draft}", figure.name, figure.unit);
    }
    let openers: Vec<_> =
        profile.openers.iter().map(|o| format!("{} {:.0} %", o.word, o.writer)).collect();
    let _ = writeln!(text, "\nFrequent sentence openers: {}.", openers.join(", "));
    for sentence in &profile.sentences {
        let _ = writeln!(text, "! {sentence}");
    }
    text
}

pub(crate) fn readiness(readiness: &ReadinessView) -> String {
    let recommendation = match readiness.recommendation {
        Recommendation::Skip => "NOT YET",
        Recommendation::FixUpstream => "FIX THE SOURCES FIRST",
        Recommendation::OptimizePrompt => "OPTIMIZE THE PROMPT FIRST",
        Recommendation::FineTune => "FINE-TUNE",
    };
    let ceiling = readiness.ceiling.map_or_else(|| "not measured".into(), |c| format!("{c:.2}"));
    let mut text = format!(
        "{recommendation}\n  {}\n  material {:.2} of 1 (0.50 is enough), prompt {ceiling} (0.80 is \
         enough)\n\nReasons not to\n",
        readiness.sentence, readiness.maturity
    );
    let reason = |reason: &ReasonView| {
        let mark = reason.holds.map_or("?", |holds| if holds { "yes" } else { "no" });
        format!("  {mark:<4}{}: {}\n", reason.what, reason.figure)
    };
    text.extend(readiness.skip.iter().map(reason));
    text += "\nReasons to\n";
    text.extend(readiness.go.iter().map(reason));
    let costs = &readiness.costs;
    let _ = writeln!(
        text,
        "\nCosts at {:.0} training runs per month (prices of {}, {}; set your own in {})",
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
        format!("{} {:<8}{}\n", if f.ok { "✓" } else { "✗" }, f.about, f.sentence)
    };
    report.findings.iter().map(one).collect()
}

pub(crate) fn count(n: u32, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A duration as a sentence.
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
