//! The command line, the second host of the door: what may be asked, and which command it becomes.
//!
//! Nothing is decided here. With `--json` the answer goes to standard output as one object and
//! what happens meanwhile to standard error, an object a line; without, both are for people.

mod bench;
mod learn;
mod plain;
mod progress;
mod say;
mod tour;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use ghost_core::id::RunId;
use ghost_desk::bench::{Bench, DevicePreference};
use ghost_desk::failure::{Code, Failure, Result};
use ghost_desk::wire::{
    AdapterRef, ChooseSeeds, CompilePrompt, DraftRef, ElsewhereForm, ExcludeRow, ExportAdapter,
    Import, JudgeAdapter, Nothing, PieceRef, PieceSeed, ProfileAsked, SaveSeed, SayAuthor,
    SeedForm, ShipDraft, StartRun, UseBase, WriteDraft,
};
use ghost_desk::{Host, home};
use serde_json::Value;

use self::say::Teller;
use crate::log;

/// A writing assistant that learns one writer's voice, on the writer's own computer.
///
/// Without a command, the window opens.
#[derive(Debug, Parser)]
#[command(name = "the-ghost", version, max_term_width = 100)]
pub(crate) struct Asked {
    /// The data folder, instead of the platform's own place
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Answer with one JSON object; tell progress as lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Ask>,
}

impl Asked {
    /// Reads the command line; a misuse ends the program with 2.
    pub(crate) fn read() -> Self {
        Asked::parse()
    }
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Ask {
    /// Read files and folders into the archive
    Import {
        /// Files, folders and zips
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Only tell what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// List the archive
    Archive,
    /// List who wrote the pieces, or say which names are yours
    Authors {
        /// Your names; what others wrote is not learned from
        names: Vec<String>,
    },
    /// Print what a piece would have been asked for with, or put it right
    Seed {
        /// The piece
        piece: i64,
        /// What it is about, in neutral words; with it the seed is yours
        #[arg(long)]
        topic: Option<String>,
        /// What it says about it
        #[arg(long, requires = "topic")]
        angle: Option<String>,
        /// Something it covers; may be given several times
        #[arg(long = "point", value_name = "POINT", requires = "topic")]
        points: Vec<String>,
        /// Forget what was put right
        #[arg(long, conflicts_with = "topic")]
        forget: bool,
    },
    /// Let the base choose seeds for old pieces
    Seeds {
        /// Most minutes
        #[arg(long, value_name = "N", default_value_t = 10.0)]
        minutes: f64,
    },
    /// List the bases, or use another one
    Base {
        #[command(subcommand)]
        ask: Option<BaseAsk>,
    },
    /// Write a draft from a seed
    Write(Seed),
    /// Print a draft, with the writer's changes so far
    Draft {
        /// Its id
        #[arg(value_name = "ID")]
        draft: i64,
    },
    /// Ship a text: the edit is measured and becomes a row
    Ship {
        /// The draft it came from
        draft: i64,
        /// The text; - for standard input
        file: PathBuf,
    },
    /// Print the edit of a draft as `one [two/twi] three`
    Edit {
        /// The draft
        draft: i64,
    },
    /// List what there is to learn from, with weights and sides
    Rows {
        /// Learn from this row no more, nor judge by it
        #[arg(long, value_name = "ROW")]
        exclude: Option<i64>,
        /// Take this row in again
        #[arg(long, value_name = "ROW", conflicts_with = "exclude")]
        include: Option<i64>,
    },
    /// Say how you write, in figures, and where a draft does otherwise
    Profile {
        /// The draft
        #[arg(long, value_name = "ID")]
        draft: Option<i64>,
        /// Its words as the ghost wrote them, not as you left them
        #[arg(long, requires = "draft")]
        as_drafted: bool,
    },
    /// Learn; goes on with an unfinished run unless --new
    Learn {
        /// quick (a coffee) or nightly
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
        /// Most minutes
        #[arg(long, value_name = "N", conflicts_with = "steps")]
        minutes: Option<f64>,
        /// Just so many steps
        #[arg(long, value_name = "N")]
        steps: Option<u32>,
        /// Makes the run repeatable
        #[arg(long, value_name = "N")]
        random_seed: Option<u64>,
        /// Begin anew, though an unfinished run could be gone on with
        #[arg(long)]
        new: bool,
    },
    /// List the runs
    Runs,
    /// Judge an adapter, the newest where none is named; goes on where it was stopped
    Judge {
        /// Its id
        adapter: Option<i64>,
        /// How much is measured: quick or nightly; otherwise as its own recipe has it
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
        /// Makes the verdict repeatable; always the same where not given
        #[arg(long, value_name = "N")]
        random_seed: Option<u64>,
    },
    /// Search for the best prompt on this archive; `write --ghost prompt` writes with it
    Compile {
        /// How long is searched: quick or nightly
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
    },
    /// Let verdicts ask a model elsewhere as well: one more opponent, off until entered here. It is
    /// sent pieces of the archive
    Elsewhere {
        /// Where it is asked: https://…/v1
        #[arg(long, value_name = "URL", requires = "model")]
        address: Option<String>,
        /// Which model
        #[arg(long)]
        model: Option<String>,
        /// openai (chat completions, as many have them) or anthropic
        #[arg(long)]
        dialect: Option<String>,
        /// The environment variable that holds the key
        #[arg(long, value_name = "VARIABLE")]
        key_from: Option<String>,
        /// Price of a million tokens read
        #[arg(long, value_name = "AMOUNT")]
        reading: Option<f64>,
        /// Price of a million tokens written
        #[arg(long, value_name = "AMOUNT")]
        writing: Option<f64>,
        /// Seeds and pieces of the archive may be sent there
        #[arg(long)]
        may_send: bool,
        /// Forget it
        #[arg(long, conflicts_with = "address")]
        forget: bool,
    },
    /// List the adapters, and who writes
    Ghosts,
    /// Let an adapter write from now on; "base" is the bare base
    Promote {
        /// Its id, or "base"
        #[arg(value_parser = adapter_or_base)]
        adapter: i64,
    },
    /// Put an adapter away
    Retire {
        /// Its id
        adapter: i64,
    },
    /// Copy an adapter out, in a layout that other programs read
    Export {
        /// The layout
        #[arg(long, default_value = "peft", value_name = "FORMAT")]
        format: String,
        /// The adapter's id
        #[arg(long, value_name = "ADAPTER")]
        ghost: i64,
        /// A folder that does not exist yet, or is empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Say whether to fine-tune at all, with the figures it rests on and what it would cost
    Fit,
    /// Say how things stand
    Doctor,
    /// Take the whole line on the sample archive, in a folder of its own
    Tour {
        /// Another archive
        #[arg(long, value_name = "DIR")]
        archive: Option<PathBuf>,
        /// Minutes to learn for
        #[arg(long, value_name = "N", default_value_t = 4.0)]
        minutes: f64,
    },
    /// Time reading, writing and learning on this computer
    Bench {
        /// A base file; may be given several times. Otherwise the starter base
        #[arg(long = "base", value_name = "FILE")]
        bases: Vec<PathBuf>,
        /// Only one of these; may be given several times
        #[arg(long, value_parser = Bench::NAMES)]
        what: Vec<String>,
        /// Write with this adapter, a folder in PEFT's layout. Otherwise one of rank 16 is made up
        #[arg(long, value_name = "DIR")]
        adapter: Option<PathBuf>,
        /// Tokens of the prompt, and of the sequence learned from
        #[arg(long, value_name = "N", default_value_t = 512)]
        tokens: usize,
        /// How often each is done; the first time doesn't count
        #[arg(long, value_name = "N", default_value_t = 6)]
        times: usize,
        /// Learn in less memory, computing each block again on the way back
        #[arg(long)]
        recompute: bool,
        /// What computes: auto, cpu, cuda or metal
        #[arg(long, value_name = "DEVICE", default_value = "auto")]
        device: DevicePreference,
        /// Use these instructions of the processor alone, of those doctor names
        #[arg(long, value_name = "NAME")]
        tier: Option<String>,
    },
    /// Call a command of the door; `call list` names them
    Call {
        /// Its name
        command: String,
        /// Its request
        #[arg(default_value = "{}", value_name = "JSON")]
        request: String,
    },
    /// Do a run in this process; the desk starts it
    #[command(hide = true)]
    Work {
        /// The run
        run: i64,
    },
}

/// What can be asked about bases.
#[derive(Debug, Subcommand)]
pub(crate) enum BaseAsk {
    /// List the bases on this computer
    List,
    /// Check a base and use it from now on
    Use {
        /// A GGUF file, the folder of a safetensors checkpoint, or the name of a base on the list
        file: PathBuf,
    },
}

/// What a draft is asked for with.
#[derive(Debug, clap::Args)]
pub(crate) struct Seed {
    /// All of it in a line: "post about rain in the city, ~600 words"
    #[arg(required_unless_present = "topic", conflicts_with = "topic")]
    line: Option<String>,
    /// What it is about
    #[arg(long)]
    topic: Option<String>,
    /// What to say about it
    #[arg(long)]
    angle: Option<String>,
    /// How long, in words
    #[arg(long, value_name = "N")]
    words: Option<u32>,
    /// post, log, or a section of the writer's own
    #[arg(long)]
    kind: Option<String>,
    /// Something to cover; may be given several times
    #[arg(long = "point", value_name = "POINT")]
    points: Vec<String>,
    /// Who writes: an adapter's id, "prompt" (the base with the best prompt) or "base"; otherwise
    /// whoever writes now
    #[arg(long, value_name = "ADAPTER|prompt|base")]
    ghost: Option<String>,
    /// Makes the draft repeatable
    #[arg(long, value_name = "N")]
    random_seed: Option<u64>,
    /// Of a long text, keep the best of so many drafts of each section
    #[arg(long, value_name = "N")]
    best_of: Option<u32>,
}

fn adapter_or_base(named: &str) -> std::result::Result<i64, String> {
    match named {
        "base" => Ok(0),
        _ => named.parse().map_err(|_| "an adapter's id, or \"base\"".into()),
    }
}

/// Does what was asked. Answers with an exit status.
pub(crate) fn run(ask: Ask, folder: Option<PathBuf>, json: bool) -> i32 {
    if let Ask::Work { run } = ask {
        return match home(folder) {
            Ok(folder) => {
                log::keep(&folder);
                ghost_desk::work(&folder, RunId(run))
            }
            Err(failure) => say::failure(&failure, json),
        };
    }
    let done = match ask {
        Ask::Tour { archive, minutes } => tour::take(folder, archive, minutes, json),
        Ask::Bench { bases, what, adapter, tokens, times, recompute, device, tier } => {
            let ask = Bench { bases, what, adapter, tokens, times, recompute, device, tier };
            bench::bench(&ask, json)
        }
        ask => home(folder).and_then(|folder| {
            log::keep(&folder);
            answer(ask, &Teller::open(&folder, Host::CommandLine, json)?)
        }),
    };
    done.unwrap_or_else(|failure| say::failure(&failure, json))
}

/// One line for each thing that can be asked: the command, its request, how its answer looks.
fn answer(ask: Ask, tell: &Teller) -> Result<i32> {
    match ask {
        Ask::Import { paths, dry_run } => {
            let paths = paths.iter().map(|path| whole(path)).collect::<Result<_>>()?;
            tell.answer("archive_import", Import { paths, dry_run }, plain::import)
        }
        Ask::Authors { names } if names.is_empty() => {
            tell.answer("archive_read", Nothing {}, plain::authors)
        }
        Ask::Authors { names } => tell.answer("author_say", SayAuthor { names }, plain::authors),
        Ask::Seed { piece, topic: None, forget: false, .. } => {
            tell.answer("piece_seed_read", PieceRef { piece }, plain::piece_seed)
        }
        Ask::Seed { piece, topic, angle, points, .. } => {
            let now: PieceSeed = tell.ask("piece_seed_read", PieceRef { piece })?;
            let seed = topic.map(|topic| SeedForm { topic, angle, points, ..now.seed });
            tell.answer("piece_seed_save", SaveSeed { piece, seed }, plain::piece_seed)
        }
        Ask::Seeds { minutes } => {
            tell.answer("seeds_choose", ChooseSeeds { minutes: Some(minutes) }, plain::seeds)
        }
        Ask::Archive => tell.answer("archive_read", Nothing {}, plain::archive),
        Ask::Base { ask: None | Some(BaseAsk::List) } => {
            tell.answer("base_list", Nothing {}, plain::bases)
        }
        Ask::Base { ask: Some(BaseAsk::Use { file }) } => {
            // A name on the list is no path; a path is made whole.
            let file = if file.exists() { whole(&file)? } else { file.display().to_string() };
            tell.answer("base_use", UseBase { file }, plain::base)
        }
        Ask::Write(seed) => tell.answer("draft_write", WriteDraft::from(seed), plain::written),
        Ask::Draft { draft } => tell.answer("draft_read", DraftRef { draft }, plain::draft),
        Ask::Ship { draft, file } => {
            let text = Some(read(&file)?);
            tell.answer("draft_ship", ShipDraft { draft, text }, plain::shipped)
        }
        Ask::Edit { draft } => {
            tell.answer("edit_read", ShipDraft { draft, text: None }, plain::edit)
        }
        Ask::Rows { exclude, include } => match exclude.or(include) {
            Some(row) => {
                let ask = ExcludeRow { row, excluded: exclude.is_some() };
                tell.answer("row_exclude", ask, plain::rows)
            }
            None => tell.answer("row_list", Nothing {}, plain::rows),
        },
        Ask::Profile { draft, as_drafted } => {
            tell.answer("profile_read", ProfileAsked { draft, as_drafted }, plain::profile)
        }
        Ask::Learn { recipe, minutes, steps, random_seed, new } => {
            learn::learn(tell, StartRun { recipe, minutes, steps, random_seed, new })
        }
        Ask::Runs => tell.answer("run_list", Nothing {}, plain::runs),
        Ask::Compile { recipe } => {
            tell.answer("prompt_compile", CompilePrompt { recipe }, plain::compiled)
        }
        Ask::Judge { adapter, recipe, random_seed } => {
            let ask = JudgeAdapter { adapter, recipe, random_seed };
            tell.answer("adapter_judge", ask, plain::judged)
        }
        Ask::Elsewhere { address: None, forget: false, .. } => {
            tell.answer("elsewhere_read", Nothing {}, plain::elsewhere)
        }
        Ask::Elsewhere {
            address, model, dialect, key_from, reading, writing, may_send, ..
        } => {
            let key = key_from.map(|name| {
                std::env::var(&name).map_err(|_| {
                    Failure::new(Code::BadInput, format!("The variable {name} is not set."))
                })
            });
            let form = ElsewhereForm {
                address: address.unwrap_or_default(),
                model: model.unwrap_or_default(),
                dialect,
                key: key.transpose()?,
                reading,
                writing,
                may_send,
            };
            tell.answer("elsewhere_set", form, plain::elsewhere)
        }
        Ask::Ghosts => tell.answer("adapter_list", Nothing {}, plain::ghosts),
        Ask::Promote { adapter } => {
            tell.answer("adapter_promote", AdapterRef { adapter }, plain::ghosts)
        }
        Ask::Retire { adapter } => {
            tell.answer("adapter_retire", AdapterRef { adapter }, plain::ghosts)
        }
        Ask::Export { format, ghost, out } => {
            let out = absolute(&out)?;
            let ask = ExportAdapter { format, adapter: ghost, out };
            tell.answer("adapter_export", ask, plain::exported)
        }
        Ask::Fit => tell.answer("fit_read", Nothing {}, plain::fit),
        Ask::Doctor => tell.answer("doctor", Nothing {}, plain::doctor),
        Ask::Call { command, .. } if command == "list" => tell.list(),
        Ask::Call { command, request } => {
            let request: Value = serde_json::from_str(&request).map_err(|e| {
                Failure::new(Code::BadInput, format!("The request is not JSON: {e}."))
            })?;
            tell.answer(&command, request, plain::json)
        }
        Ask::Tour { .. } | Ask::Work { .. } | Ask::Bench { .. } => Ok(0), // taken care of before the desk is opened
    }
}

impl From<Seed> for WriteDraft {
    fn from(seed: Seed) -> Self {
        let Seed { line, topic, angle, words, kind, points, ghost, random_seed, best_of } = seed;
        let said = ghost_core::seed::Seed::from_line(line.as_deref().unwrap_or_default());
        let kind = kind.or_else(|| line.map(|_| said.kind.to_string()));
        let seed = SeedForm {
            topic: topic.unwrap_or(said.topic),
            angle: angle.or(said.angle),
            words: words.or(said.words),
            kind,
            points: [said.points, points].concat(),
        };
        WriteDraft { seed, ghost, random_seed, best_of }
    }
}

/// The desk may live in another process; a path goes to it whole.
fn whole(path: &Path) -> Result<String> {
    let path = fs::canonicalize(path).map_err(|_| {
        Failure::new(Code::NotFound, format!("There is nothing at {}.", path.display()))
    })?;
    Ok(path.display().to_string())
}

fn absolute(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .map_err(|e| Failure::new(Code::Io, format!("{}: {e}.", path.display())))?;
    Ok(path.display().to_string())
}

/// A text to ship, read as an import reads a file.
fn read(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let done = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(file).map(|read| bytes = read)
    };
    done.map_err(|e| {
        Failure::new(Code::Io, format!("{} could not be read: {e}.", file.display()))
    })?;
    // Good UTF-8 is text, whatever characters a draft has in it.
    let utf8 = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
    let text = utf8.map(|text| ghost_core::normalize::text(text).into_owned());
    text.or_else(|| ghost_core::archive::decode_text(&bytes)).ok_or_else(|| {
        Failure::new(
            Code::BadInput,
            format!("{} is not text; save it as plain text or Markdown.", file.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Asked::command().debug_assert();
    }

    #[test]
    fn a_seed_is_asked_for_in_words() {
        let line = "the-ghost write --topic rain --words 90 --kind log --point a --point b \
                    --ghost base --random-seed 7";
        let Some(Ask::Write(seed)) =
            Asked::try_parse_from(line.split_whitespace()).unwrap().command
        else {
            panic!("a draft is asked for")
        };
        let ask = WriteDraft::from(seed);
        assert_eq!(ask.seed.topic, "rain");
        assert_eq!(ask.seed.points, ["a", "b"]);
        assert_eq!(ask.ghost.as_deref(), Some("base"));
        assert_eq!(ask.random_seed, Some(7));
    }

    #[test]
    fn the_base_can_be_promoted_by_name() {
        assert_eq!(adapter_or_base("base"), Ok(0));
        assert_eq!(adapter_or_base("12"), Ok(12));
        assert!(adapter_or_base("best").is_err());
    }

    #[test]
    fn minutes_and_steps_are_not_both_given() {
        let line = ["the-ghost", "learn", "--minutes", "2", "--steps", "3"];
        assert!(Asked::try_parse_from(line).is_err());
    }
}
