//! The whole line, once, on the sample archive: import → draft → edit → row → run → verdict → the
//! next draft by the new adapter. In a folder of its own, which is gone afterwards.
//!
//! A script stands in for the writer, and says so: it makes the small changes that anybody could
//! foresee, always the same, so that two tours are alike.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ghost_core::words;
use ghost_desk::failure::{Code, Failure, Result};
use ghost_desk::wire::{
    DeskView, DraftView, EditView, Import, ImportReport, JudgeAdapter, Judged, Nothing, RowList,
    RunStateName, RunView, SeedForm, ShipDraft, StartRun, WriteDraft,
};
use ghost_desk::{Host, home};
use serde_json::json;

use super::say::{Teller, object, out};
use super::{learn, plain};

/// Makes the tour repeatable.
const CHANCE: u64 = 7;
/// Of each column where two drafts stand side by side, in characters.
const COLUMN: usize = 46;
/// What the script adds at the end, in the sample writer's manner.
const CLOSING: &str = "The barrel is full. I have not yet decided what for.";

/// Takes the tour. Answers with an exit status.
pub(crate) fn take(
    folder: Option<PathBuf>,
    archive: Option<PathBuf>,
    minutes: f64,
    json: bool,
) -> Result<i32> {
    let started = Instant::now();
    let archive = archive.or_else(sample).ok_or_else(|| {
        Failure::new(Code::NotFound, "The sample archive is not here; name one with --archive DIR.")
    })?;
    // Removed when the tour ends, unless a folder was named.
    let own = match &folder {
        Some(_) => None,
        None => Some(tempfile::tempdir().map_err(|e| {
            Failure::new(Code::Io, format!("No folder could be made for the tour: {e}."))
        })?),
    };
    let folder = home(folder.or_else(|| own.as_ref().map(|own| own.path().to_owned())))?;
    let tell = Teller::open(&folder, Host::CommandLine, json)?;
    let guide = Guide { json };

    let desk: DeskView = tell.ask("desk_read", Nothing {})?;
    let base = desk.base.ok_or_else(|| {
        Failure::new(
            Code::BaseMissing,
            "The tour needs the starter base: `scripts/setup.sh run` fetches it, or name a GGUF \
             file in GHOST_BASE.",
        )
    })?;
    guide.says(&format!(
        "This is the whole line, on the sample archive, with the starter base {} ({} million \
         weights, {}).\nIt happens in {}; nothing leaves this computer.",
        base.name,
        base.parameters / 1_000_000,
        base.quantisation,
        folder.display()
    ));

    guide.step("Import", "the archive is read");
    let import: ImportReport = tell
        .ask("archive_import", Import { paths: vec![super::whole(&archive)?], dry_run: false })?;
    guide.says(&plain::import(&import));

    guide.step("Draft", "the bare base writes: clumsy, and nobody's voice");
    let first: DraftView = tell.ask("draft_write", ask("base"))?;
    guide.says(&plain::written(&first));

    guide.step("Edit", "a script stands in for the writer, and ships what it made of the draft");
    let text = Some(revised(&first.text));
    let edit: EditView = tell.ask("draft_ship", ShipDraft { draft: first.draft, text })?;
    guide.says(&plain::edit(&edit));

    guide.step("Row", "the edit is a lesson now, beside those of the archive");
    let rows: RowList = tell.ask("row_list", Nothing {})?;
    if let Some(row) = rows.rows.iter().find(|row| Some(row.row) == edit.row) {
        guide.says(&format!("Row {}, as the base will see it:\n\n{}", row.row, row.request.trim()));
    }

    guide.step("Run", "the base learns, in a process of its own");
    let start = StartRun {
        recipe: Some("quick".into()),
        minutes: Some(minutes),
        random_seed: Some(CHANCE),
        new: true,
        ..StartRun::default()
    };
    let run: RunView = learn::follow(&tell, start)?;
    let Some(adapter) = run.adapter else {
        tell.tell(&run, plain::run);
        return Ok(i32::from(run.state != RunStateName::Stopped));
    };
    let steps = run.step.as_ref().map_or(0, |step| step.n);
    guide.says(&format!("Adapter {adapter}, after {steps} steps on {} rows.", run.n_rows));

    guide.step("Verdict", "on held-out pieces that it never saw");
    // A run of a few minutes may end before its verdict.
    let verdict = match run.verdict.clone() {
        Some(verdict) => verdict,
        None => {
            let ask = JudgeAdapter { adapter: Some(adapter), recipe: None, random_seed: None };
            tell.ask::<Judged>("adapter_judge", ask)?.verdict
        }
    };
    guide.says(&plain::verdict(&verdict));

    guide.step("The next draft", "asked for the same, with the same chance, by the new adapter");
    let next: DraftView = tell.ask("draft_write", ask(&adapter.to_string()))?;
    guide.says(&plain::written(&next));
    guide.says(&side_by_side(
        ("the bare base", &first.text),
        (&format!("adapter {adapter}"), &next.text),
    ));

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

/// What both drafts are asked for with.
fn ask(ghost: &str) -> WriteDraft {
    WriteDraft {
        seed: SeedForm {
            topic: "the rain barrel".into(),
            angle: Some("what a barrel teaches about waiting".into()),
            words: Some(130),
            kind: Some("post".into()),
            points: Vec::new(),
        },
        ghost: Some(ghost.into()),
        random_seed: Some(CHANCE),
        best_of: None,
    }
}

/// Speaks between the steps; silent where a script listens.
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

/// The sample archive: beside the program as it is bundled, or in the checkout it was built in.
fn sample() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let above = program.ancestors().skip(1).take(4).map(Path::to_owned);
    above
        .chain([PathBuf::from(env!("CARGO_MANIFEST_DIR"))])
        .map(|folder| folder.join("assets").join("archive"))
        .find(|archive| archive.is_dir())
}

/// What a stand-in for the writer makes of a draft: phrases that say nothing go, plain words come,
/// every fifth sentence and an unfinished one at the end are cut, and a closing is added.
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

/// One sentence without the phrases that say nothing.
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

/// One line as lines of at most a column; an empty one stays.
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
    fn the_stand_in_cuts_swaps_and_closes() {
        let draft = "It is very wet. Nobody asked. In addition, we utilize pails.\n\nThe end was";
        assert_eq!(revised(draft), format!("It is wet. We use pails.\n\n{CLOSING}"));
    }

    #[test]
    fn the_stand_in_takes_any_draft() {
        for draft in ["", "\n\n\n\n", "…", "one", "ß. ß. ß", "\u{0}"] {
            assert!(revised(draft).ends_with(CLOSING));
        }
    }

    #[test]
    fn two_texts_stand_side_by_side() {
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
