//! `tour`: every step on the sample archive: import → draft → edit → row → run → verdict → a draft
//! with the new adapter. In a temporary folder that is removed afterwards.
//!
//! A script stands in for the writer, and says so: it makes a few predictable changes, so that two
//! tours give the same result.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ghost_core::words;
use ghost_desk::failure::{Code, Failure, Result};
use ghost_desk::wire::{
    DeskView, DraftView, EditView, EvaluateAdapter, Evaluation, Import, ImportReport, Nothing,
    RowList, RunStateName, RunView, SeedForm, ShipDraft, StartRun, WriteDraft,
};
use ghost_desk::{Host, home};
use serde_json::json;

use super::output::Output;
use super::streams::{object, out};
use super::{learn, plain};

/// Makes the tour repeatable.
const RANDOM_SEED: u64 = 7;
/// Width of a column when two drafts are printed next to each other, in characters.
const COLUMN: usize = 46;
/// The script's closing, in the style of the sample writer.
const CLOSING: &str = "The barrel is full. I have not yet decided what for.";

/// Runs the tour. Returns an exit status.
pub(crate) fn take(
    folder: Option<PathBuf>,
    archive: Option<PathBuf>,
    minutes: f64,
    json: bool,
) -> Result<i32> {
    let started = Instant::now();
    let archive = archive.or_else(sample).ok_or_else(|| {
        Failure::new(
            Code::NotFound,
            "Sample archive not found. Pass an archive with --archive DIR.",
        )
    })?;
    // Removed when the tour ends, unless a folder was given.
    let own = match &folder {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|e| {
            Failure::new(Code::Io, format!("Could not create a folder for the tour: {e}."))
        })?),
    };
    let folder = home(folder.or_else(|| own.as_ref().map(|own| own.path().to_owned())))?;
    let output = Output::open(&folder, Host::CommandLine, json)?;
    let guide = Guide { json };

    let desk: DeskView = output.call("desk_read", Nothing {})?;
    let base = desk.base.ok_or_else(|| {
        Failure::new(
            Code::BaseMissing,
            "The tour needs the starter base. Run `scripts/setup.sh run` to fetch it, or set \
             GHOST_BASE to a GGUF file.",
        )
    })?;
    guide.says(&format!(
        "This tour runs every step on the sample archive, with the starter base {} ({} million \
         parameters, {}).\nFolder: {}. Nothing leaves this computer.",
        base.name,
        base.parameters / 1_000_000,
        base.quantisation,
        folder.display()
    ));

    guide.step("Import", "read the archive");
    let import: ImportReport = output.call(
        "archive_import",
        Import { paths: vec![super::paths::canonical(&archive)?], dry_run: false },
    )?;
    guide.says(&plain::import(&import));

    guide.step("Draft", "the base writes without an adapter: clumsy, in no particular voice");
    let first: DraftView = output.call("draft_write", request("base"))?;
    guide.says(&plain::written(&first));

    guide.step("Edit", "a script edits the draft in place of the writer, and ships it");
    let text = Some(revised(&first.text));
    let edit: EditView = output.call("draft_ship", ShipDraft { draft: first.draft, text })?;
    guide.says(&plain::edit(&edit));

    guide.step("Row", "the edit becomes training data, like the pieces of the archive");
    let rows: RowList = output.call("row_list", Nothing {})?;
    if let Some(row) = rows.rows.iter().find(|row| Some(row.row) == edit.row) {
        guide.says(&format!("Row {}, as the base sees it:\n\n{}", row.row, row.request.trim()));
    }

    guide.step("Run", "train an adapter, in a process of its own");
    let start = StartRun {
        recipe: Some("quick".into()),
        minutes: Some(minutes),
        random_seed: Some(RANDOM_SEED),
        new: true,
        ..StartRun::default()
    };
    let run: RunView = learn::follow(&output, start)?;
    let Some(adapter) = run.adapter else {
        output.print(&run, plain::run);
        return Ok(i32::from(run.state != RunStateName::Stopped));
    };
    let steps = run.step.as_ref().map_or(0, |step| step.n);
    guide.says(&format!("Adapter {adapter}: {steps} steps on {} rows.", run.n_rows));

    guide.step("Verdict", "evaluate it on held-out pieces");
    // A run of a few minutes may end before its verdict.
    let verdict = match run.verdict.clone() {
        Some(verdict) => verdict,
        None => {
            let ask = EvaluateAdapter { adapter: Some(adapter), recipe: None, random_seed: None };
            output.call::<Evaluation>("adapter_evaluate", ask)?.verdict
        }
    };
    guide.says(&plain::verdict(&verdict));

    guide.step("Next draft", "the same seed and random seed, with the new adapter");
    let next: DraftView = output.call("draft_write", request(&adapter.to_string()))?;
    guide.says(&plain::written(&next));
    guide.says(&side_by_side(("base", &first.text), (&format!("adapter {adapter}"), &next.text)));

    let seconds = started.elapsed().as_secs_f64();
    guide.says(&plain::took(seconds));
    if json {
        object(&json!({
            "base": base.name, "import": import, "draft": first, "edit": edit, "run": run.run,
            "adapter": adapter, "verdict": verdict, "next_draft": next, "seconds": seconds,
        }));
    }
    Ok(0)
}

/// The request of both drafts.
fn request(ghost: &str) -> WriteDraft {
    WriteDraft {
        seed: SeedForm {
            topic: "the rain barrel".into(),
            angle: Some("what a barrel teaches about waiting".into()),
            words: Some(130),
            kind: Some("post".into()),
            points: Vec::new(),
        },
        ghost: Some(ghost.into()),
        random_seed: Some(RANDOM_SEED),
        best_of: None,
    }
}

/// Prints between the steps; silent with `--json`.
struct Guide {
    json: bool,
}

impl Guide {
    fn step(&self, name: &str, sentence: &str) {
        self.says(&format!("── {name}: {sentence} ──"));
    }

    fn says(&self, text: &str) {
        if !self.json {
            out(&format!("{}\n\n", text.trim_end()));
        }
    }
}

/// The sample archive: next to the program as bundled, or in the checkout that built it.
fn sample() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let above = program.ancestors().skip(1).take(4).map(Path::to_owned);
    above
        .chain([PathBuf::from(env!("CARGO_MANIFEST_DIR"))])
        .map(|folder| folder.join("assets").join("archive"))
        .find(|archive| archive.is_dir())
}

/// The stand-in's edit of a draft: empty phrases are removed, plain words replace others, every fifth
/// sentence and an unfinished last one are cut, and a closing is added.
fn revised(draft: &str) -> String {
    let mut n = 0;
    let mut paragraphs: Vec<String> = Vec::new();
    for paragraph in draft.split("\n\n") {
        let kept: Vec<String> = words::sentences(paragraph)
            .map(|(_, sentence)| sentence.trim())
            .filter(|sentence| !sentence.is_empty())
            .filter(|_| {
                n += 1;
                n % 5 != 2
            })
            .map(plainer)
            .collect();
        if !kept.is_empty() {
            paragraphs.push(kept.join(" "));
        }
    }
    if let Some(last) = paragraphs.last_mut()
        && !last.ends_with(['.', '!', '?', '"', '”'])
    {
        let end = words::sentences(last).last().map_or(0, |(start, _)| start);
        last.truncate(end);
    }
    paragraphs.retain(|paragraph| !paragraph.trim().is_empty());
    paragraphs.push(CLOSING.into());
    paragraphs.join("\n\n")
}

/// A sentence without empty phrases.
fn plainer(sentence: &str) -> String {
    const PLAINER: &[(&str, &str)] = &[
        ("In addition, ", ""),
        ("In conclusion, ", ""),
        ("Overall, ", ""),
        ("However, ", "But "),
        (" very ", " "),
        (" really ", " "),
        (" in order to ", " to "),
        (" utilize ", " use "),
        (" a variety of ", " some "),
        (" it's important to ", " you must "),
        (" it is important to ", " you must "),
    ];
    let plain = PLAINER.iter().fold(sentence.to_owned(), |s, (from, to)| s.replace(from, to));
    let mut letters = plain.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => plain,
    }
}

/// Two texts in two columns.
fn side_by_side(left: (&str, &str), right: (&str, &str)) -> String {
    let column = |(head, text): (&str, &str)| {
        let mut lines = vec![head.to_owned(), "─".repeat(COLUMN)];
        lines.extend(text.lines().flat_map(wrapped));
        lines
    };
    let (left, right) = (column(left), column(right));
    let empty = String::new();
    let line = |n: usize| {
        let (l, r) = (left.get(n).unwrap_or(&empty), right.get(n).unwrap_or(&empty));
        format!("{l:<COLUMN$}   {r}").trim_end().to_owned() + "\n"
    };
    (0..left.len().max(right.len())).map(line).collect()
}

/// A line wrapped to the column width; an empty line is kept.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMN
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_in_cuts_replaces_and_closes() {
        let draft = "It is very wet. Nobody asked. In addition, we utilize pails.\n\nThe end was";
        assert_eq!(revised(draft), format!("It is wet. We use pails.\n\n{CLOSING}"));
    }

    #[test]
    fn the_stand_in_accepts_any_draft() {
        for draft in ["", "\n\n\n\n", "…", "one", "ß. ß. ß", "\u{0}"] {
            assert!(revised(draft).ends_with(CLOSING));
        }
    }

    #[test]
    fn two_texts_are_printed_in_columns() {
        let text = side_by_side(("a", "one\n\ntwo"), ("b", "three"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[2].starts_with("one ") && lines[2].ends_with(" three"));
        assert_eq!(lines[4], "two");
    }

    #[test]
    fn a_line_is_wrapped_between_words() {
        let line = "word ".repeat(20);
        assert!(wrapped(&line).iter().all(|line| line.chars().count() <= COLUMN));
        assert_eq!(wrapped(""), [""]);
    }
}
