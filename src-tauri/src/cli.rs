//! The command line: its arguments, and the command of the desk that each becomes.
//!
//! No decisions are made here. With `--json` the answer is one object on standard output, and events
//! are one object a line on standard error; without it, both are text for people.

mod bench;
mod learn;
mod output;
mod paths;
mod plain;
mod progress;
mod streams;
mod tour;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use ghost_core::id::RunId;
use ghost_desk::bench::{Bench, DevicePreference};
use ghost_desk::failure::{Code, Failure, Result};
use ghost_desk::wire::{
    AdapterRef, ChooseSeeds, DraftRef, EvaluateAdapter, ExcludeRow, ExportAdapter, Import, Nothing,
    OptimizePrompt, PieceRef, PieceSeed, ProfileRequest, RemoteForm, SaveSeed, SeedForm,
    SetAuthors, ShipDraft, StartRun, UseBase, WriteDraft,
};
use ghost_desk::{Host, home};
use serde_json::Value;

use self::output::Output;
use crate::log;

/// A writing assistant that learns one writer's voice, on the writer's own computer.
///
/// Without a command, the window opens.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Use this data folder instead of the system's default
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON object; report progress as JSON lines on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Parses the command line; a usage error exits with 2.
    pub(crate) fn read() -> Self {
        Args::parse()
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import files and folders into the archive
    Import {
        /// Files, folders and zip archives
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Show what would be imported without importing it
        #[arg(long)]
        dry_run: bool,
    },
    /// List the archive
    Archive,
    /// List the authors in the archive, or set which names are yours
    Authors {
        /// Your names; pieces by others are not trained on
        names: Vec<String>,
    },
    /// Print the seed of a piece, or set it
    Seed {
        /// The piece
        piece: i64,
        /// Set the topic, in neutral words
        #[arg(long)]
        topic: Option<String>,
        /// What the piece says about the topic
        #[arg(long, requires = "topic")]
        angle: Option<String>,
        /// A point it covers; may be repeated
        #[arg(long = "point", value_name = "POINT", requires = "topic")]
        points: Vec<String>,
        /// Remove the seed you set
        #[arg(long, conflicts_with = "topic")]
        forget: bool,
    },
    /// Let the base choose seeds for existing pieces
    Seeds {
        /// Time limit in minutes
        #[arg(long, value_name = "N", default_value_t = 10.0)]
        minutes: f64,
    },
    /// List the bases, or change the one in use
    Base {
        #[command(subcommand)]
        ask: Option<BaseCommand>,
    },
    /// Write a draft from a seed
    Write(SeedArgs),
    /// Print a draft, with the writer's changes so far
    Draft {
        /// Id of the draft
        #[arg(value_name = "ID")]
        draft: i64,
    },
    /// Ship a text: the edit is measured and becomes a training row
    Ship {
        /// Id of the draft
        draft: i64,
        /// File with the text; - for standard input
        file: PathBuf,
    },
    /// Print the edit of a draft as `one [two/twi] three`
    Edit {
        /// Id of the draft
        draft: i64,
    },
    /// List the training data, with weights and splits
    #[command(alias = "rows")]
    TrainingData {
        /// Exclude this row from training and evaluation
        #[arg(long, value_name = "ROW")]
        exclude: Option<i64>,
        /// Include this row again
        #[arg(long, value_name = "ROW", conflicts_with = "exclude")]
        include: Option<i64>,
    },
    /// Show your style in figures, and how a draft differs from it
    Profile {
        /// Id of the draft
        #[arg(long, value_name = "ID")]
        draft: Option<i64>,
        /// Use the generated text, not your edited one
        #[arg(long, requires = "draft")]
        as_drafted: bool,
    },
    /// Train an adapter; resumes an unfinished run unless --new
    Learn {
        /// quick or nightly
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
        /// Time limit in minutes
        #[arg(long, value_name = "N", conflicts_with = "steps")]
        minutes: Option<f64>,
        /// Exact number of steps
        #[arg(long, value_name = "N")]
        steps: Option<u32>,
        /// Make the run repeatable
        #[arg(long, value_name = "N")]
        random_seed: Option<u64>,
        /// Start a new run even if one can be resumed
        #[arg(long)]
        new: bool,
        /// Repeat a finished run exactly: the same data, recipe, random seed and steps
        #[arg(
            long,
            value_name = "RUN",
            conflicts_with_all = ["recipe", "minutes", "steps", "random_seed", "new"]
        )]
        repeat: Option<i64>,
    },
    /// List the runs
    Runs,
    /// Evaluate an adapter, by default the newest; resumes where it was stopped
    #[command(alias = "judge")]
    Evaluate {
        /// Id of the adapter
        adapter: Option<i64>,
        /// Sample size: quick or nightly; by default that of the adapter's recipe
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
        /// Make the verdict repeatable; a fixed number by default
        #[arg(long, value_name = "N")]
        random_seed: Option<u64>,
    },
    /// Search for the best prompt for this archive; `write --ghost prompt` uses it
    #[command(alias = "compile")]
    OptimizePrompt {
        /// Size of the search: quick or nightly
        #[arg(long, value_name = "RECIPE")]
        recipe: Option<String>,
    },
    /// Show or set a remote model that evaluations compare with. It is off until you set it here;
    /// it is sent pieces of your archive
    #[command(alias = "elsewhere")]
    Remote {
        /// Address of its API: https://…/v1
        #[arg(long, value_name = "URL", requires = "model")]
        address: Option<String>,
        /// Name of the model
        #[arg(long)]
        model: Option<String>,
        /// API: openai (chat completions) or anthropic
        #[arg(long, alias = "dialect", value_name = "API")]
        api: Option<String>,
        /// Environment variable that holds the API key
        #[arg(long, value_name = "VARIABLE")]
        key_from: Option<String>,
        /// Price per million input tokens
        #[arg(long, alias = "reading", value_name = "AMOUNT")]
        input_price: Option<f64>,
        /// Price per million output tokens
        #[arg(long, alias = "writing", value_name = "AMOUNT")]
        output_price: Option<f64>,
        /// Agree that seeds and pieces of the archive are uploaded to it
        #[arg(long, alias = "may-send")]
        allow_upload: bool,
        /// Remove the remote model
        #[arg(long, conflicts_with = "address")]
        forget: bool,
    },
    /// List the adapters, and which one is active
    #[command(alias = "ghosts")]
    Adapters,
    /// Make an adapter the active one; "base" is the base alone
    Promote {
        /// Id of the adapter, or "base"
        #[arg(value_parser = adapter_or_base)]
        adapter: i64,
    },
    /// Retire an adapter
    Retire {
        /// Id of the adapter
        adapter: i64,
    },
    /// Export an adapter in a layout that other programs read
    Export {
        /// Format: peft
        #[arg(long, default_value = "peft", value_name = "FORMAT")]
        format: String,
        /// Id of the adapter
        #[arg(long, alias = "ghost", value_name = "ID")]
        adapter: i64,
        /// A new or empty folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Check whether fine-tuning is worthwhile, with figures and costs
    #[command(alias = "fit")]
    Readiness,
    /// Check the store, the base, the device and the runs
    Doctor,
    /// Run every step on the sample archive, in a temporary folder
    Tour {
        /// Use another archive
        #[arg(long, value_name = "DIR")]
        archive: Option<PathBuf>,
        /// Training time in minutes
        #[arg(long, value_name = "N", default_value_t = 4.0)]
        minutes: f64,
    },
    /// Measure prompt processing, decoding and training on this computer
    Bench {
        /// A base file; may be repeated. By default the starter base
        #[arg(long = "base", value_name = "FILE")]
        bases: Vec<PathBuf>,
        /// Only this measurement; may be repeated
        #[arg(long, value_parser = Bench::NAMES)]
        what: Vec<String>,
        /// Decode with this adapter, a folder in PEFT's layout. By default a random one of rank 16
        #[arg(long, value_name = "DIR")]
        adapter: Option<PathBuf>,
        /// Tokens of the prompt and of the training sequence
        #[arg(long, value_name = "N", default_value_t = 512)]
        tokens: usize,
        /// Repetitions; the first does not count
        #[arg(long, value_name = "N", default_value_t = 6)]
        times: usize,
        /// Train with activation checkpointing: less memory, more time
        #[arg(long)]
        recompute: bool,
        /// Device: auto, cpu, cuda or metal
        #[arg(long, value_name = "DEVICE", default_value = "auto")]
        device: DevicePreference,
        /// SIMD level to use, one of those that doctor lists
        #[arg(long, value_name = "NAME")]
        tier: Option<String>,
    },
    /// Call a command of the desk; `call list` lists them
    Call {
        /// Name of the command
        command: String,
        /// Its request
        #[arg(default_value = "{}", value_name = "JSON")]
        request: String,
    },
    /// Run training in this process; started by the desk
    #[command(hide = true)]
    Work {
        /// The run
        run: i64,
    },
}

/// The commands about bases.
#[derive(Debug, Subcommand)]
pub(crate) enum BaseCommand {
    /// List the installed bases
    List,
    /// Check a base and make it the one in use
    Use {
        /// A GGUF file, the folder of a safetensors checkpoint, or the name of an installed base
        file: PathBuf,
    },
}

/// The arguments of a draft.
#[derive(Debug, clap::Args)]
pub(crate) struct SeedArgs {
    /// The whole seed in a line: "post about rain in the city, ~600 words"
    #[arg(required_unless_present = "topic", conflicts_with = "topic")]
    line: Option<String>,
    /// The topic
    #[arg(long)]
    topic: Option<String>,
    /// What to say about it
    #[arg(long)]
    angle: Option<String>,
    /// Length in words
    #[arg(long, value_name = "N")]
    words: Option<u32>,
    /// post, log, or your own section
    #[arg(long)]
    kind: Option<String>,
    /// A point to cover; may be repeated
    #[arg(long = "point", value_name = "POINT")]
    points: Vec<String>,
    /// Who writes: an adapter's id, "prompt" (the base with the optimized prompt) or "base"; by
    /// default the active adapter
    #[arg(long, value_name = "ADAPTER|prompt|base")]
    ghost: Option<String>,
    /// Make the draft repeatable
    #[arg(long, value_name = "N")]
    random_seed: Option<u64>,
    /// Write N drafts of each section of a long text and keep the best
    #[arg(long, value_name = "N")]
    best_of: Option<u32>,
}

fn adapter_or_base(named: &str) -> std::result::Result<i64, String> {
    match named {
        "base" => Ok(0),
        _ => named.parse().map_err(|_| "an adapter's id, or \"base\"".into()),
    }
}

/// Runs a command. Returns an exit status.
pub(crate) fn run(command: Command, folder: Option<PathBuf>, json: bool) -> i32 {
    if let Command::Work { run } = command {
        return match home(folder) {
            Ok(folder) => {
                log::start(&folder);
                ghost_desk::run_worker(&folder, RunId(run))
            }
            Err(failure) => output::failure(&failure, json),
        };
    }
    let done = match command {
        Command::Tour { archive, minutes } => tour::take(folder, archive, minutes, json),
        Command::Bench { bases, what, adapter, tokens, times, recompute, device, tier } => {
            let bench_args = Bench { bases, what, adapter, tokens, times, recompute, device, tier };
            bench::bench(&bench_args, json)
        }
        command => home(folder).and_then(|folder| {
            log::start(&folder);
            answer(command, &Output::open(&folder, Host::CommandLine, json)?)
        }),
    };
    done.unwrap_or_else(|failure| output::failure(&failure, json))
}

/// Maps each command line to its desk command, request and text format.
fn answer(command: Command, output: &Output) -> Result<i32> {
    match command {
        Command::Import { paths, dry_run } => {
            let paths = paths.iter().map(|path| paths::canonical(path)).collect::<Result<_>>()?;
            output.call_and_print("archive_import", Import { paths, dry_run }, plain::import)
        }
        Command::Authors { names } if names.is_empty() => {
            output.call_and_print("archive_read", Nothing {}, plain::authors)
        }
        Command::Authors { names } => {
            output.call_and_print("authors_set", SetAuthors { names }, plain::authors)
        }
        Command::Seed { piece, topic: None, forget: false, .. } => {
            output.call_and_print("piece_seed_read", PieceRef { piece }, plain::piece_seed)
        }
        Command::Seed { piece, topic, angle, points, .. } => {
            let now: PieceSeed = output.call("piece_seed_read", PieceRef { piece })?;
            let seed = topic.map(|topic| SeedForm { topic, angle, points, ..now.seed });
            output.call_and_print("piece_seed_save", SaveSeed { piece, seed }, plain::piece_seed)
        }
        Command::Seeds { minutes } => output.call_and_print(
            "seeds_choose",
            ChooseSeeds { minutes: Some(minutes) },
            plain::seeds,
        ),
        Command::Archive => output.call_and_print("archive_read", Nothing {}, plain::archive),
        Command::Base { ask: None | Some(BaseCommand::List) } => {
            output.call_and_print("base_list", Nothing {}, plain::bases)
        }
        Command::Base { ask: Some(BaseCommand::Use { file }) } => {
            // A path is made absolute; a name on the list stays.
            let file =
                if file.exists() { paths::canonical(&file)? } else { file.display().to_string() };
            output.call_and_print("base_use", UseBase { file }, plain::base)
        }
        Command::Write(seed) => {
            output.call_and_print("draft_write", WriteDraft::from(seed), plain::written)
        }
        Command::Draft { draft } => {
            output.call_and_print("draft_read", DraftRef { draft }, plain::draft)
        }
        Command::Ship { draft, file } => {
            let text = Some(paths::read_text(&file)?);
            output.call_and_print("draft_ship", ShipDraft { draft, text }, plain::shipped)
        }
        Command::Edit { draft } => {
            output.call_and_print("edit_read", ShipDraft { draft, text: None }, plain::edit)
        }
        Command::TrainingData { exclude, include } => match exclude.or(include) {
            Some(row) => {
                let ask = ExcludeRow { row, excluded: exclude.is_some() };
                output.call_and_print("row_exclude", ask, plain::training_data)
            }
            None => output.call_and_print("row_list", Nothing {}, plain::training_data),
        },
        Command::Profile { draft, as_drafted } => output.call_and_print(
            "profile_read",
            ProfileRequest { draft, as_drafted },
            plain::profile,
        ),
        Command::Learn { recipe, minutes, steps, random_seed, new, repeat } => {
            learn::learn(output, StartRun { recipe, minutes, steps, random_seed, new, repeat })
        }
        Command::Runs => output.call_and_print("run_list", Nothing {}, plain::runs),
        Command::OptimizePrompt { recipe } => output.call_and_print(
            "prompt_optimize",
            OptimizePrompt { recipe },
            plain::optimized_prompt,
        ),
        Command::Evaluate { adapter, recipe, random_seed } => {
            let ask = EvaluateAdapter { adapter, recipe, random_seed };
            output.call_and_print("adapter_evaluate", ask, plain::evaluation)
        }
        Command::Remote { address: None, forget: false, .. } => {
            output.call_and_print("remote_read", Nothing {}, plain::remote)
        }
        Command::Remote {
            address,
            model,
            api,
            key_from,
            input_price,
            output_price,
            allow_upload,
            ..
        } => {
            let key = key_from.map(|name| {
                std::env::var(&name).map_err(|_| {
                    Failure::new(
                        Code::BadInput,
                        format!("The environment variable {name} is not set."),
                    )
                })
            });
            let form = RemoteForm {
                address: address.unwrap_or_default(),
                model: model.unwrap_or_default(),
                api,
                key: key.transpose()?,
                input_price,
                output_price,
                allow_upload,
            };
            output.call_and_print("remote_set", form, plain::remote)
        }
        Command::Adapters => output.call_and_print("adapter_list", Nothing {}, plain::adapters),
        Command::Promote { adapter } => {
            output.call_and_print("adapter_promote", AdapterRef { adapter }, plain::adapters)
        }
        Command::Retire { adapter } => {
            output.call_and_print("adapter_retire", AdapterRef { adapter }, plain::adapters)
        }
        Command::Export { format, adapter, out } => {
            let out = paths::absolute(&out)?;
            let ask = ExportAdapter { format, adapter, out };
            output.call_and_print("adapter_export", ask, plain::exported)
        }
        Command::Readiness => output.call_and_print("readiness_read", Nothing {}, plain::readiness),
        Command::Doctor => output.call_and_print("doctor", Nothing {}, plain::doctor),
        Command::Call { command, .. } if command == "list" => output.list(),
        Command::Call { command, request } => {
            let request: Value = serde_json::from_str(&request).map_err(|e| {
                Failure::new(Code::BadInput, format!("The request is not valid JSON: {e}."))
            })?;
            output.call_and_print(&command, request, plain::json)
        }
        Command::Tour { .. } | Command::Work { .. } | Command::Bench { .. } => Ok(0), // handled before the desk opens
    }
}

impl From<SeedArgs> for WriteDraft {
    fn from(seed: SeedArgs) -> Self {
        let SeedArgs { line, topic, angle, words, kind, points, ghost, random_seed, best_of } =
            seed;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_seed_is_built_from_the_arguments() {
        let line = "the-ghost write --topic rain --words 90 --kind log --point a --point b \
                    --ghost base --random-seed 7";
        let Some(Command::Write(seed)) =
            Args::try_parse_from(line.split_whitespace()).unwrap().command
        else {
            panic!("not parsed as a draft")
        };
        let ask = WriteDraft::from(seed);
        assert_eq!(ask.seed.topic, "rain");
        assert_eq!(ask.seed.points, ["a", "b"]);
        assert_eq!(ask.ghost.as_deref(), Some("base"));
        assert_eq!(ask.random_seed, Some(7));
    }

    #[test]
    fn former_names_are_hidden_aliases() {
        let parsed = |line: &str| Args::try_parse_from(line.split_whitespace()).unwrap().command;
        assert!(matches!(parsed("the-ghost rows --exclude 3"), Some(Command::TrainingData { .. })));
        assert!(matches!(parsed("the-ghost judge 2"), Some(Command::Evaluate { .. })));
        assert!(matches!(parsed("the-ghost compile"), Some(Command::OptimizePrompt { .. })));
        assert!(matches!(parsed("the-ghost ghosts"), Some(Command::Adapters)));
        assert!(matches!(parsed("the-ghost fit"), Some(Command::Readiness)));
        assert!(matches!(
            parsed("the-ghost export --ghost 2 --out x"),
            Some(Command::Export { adapter: 2, .. })
        ));
        let remote = "the-ghost elsewhere --address https://x/v1 --model m --dialect openai \
                      --reading 2 --writing 10 --may-send";
        assert!(matches!(
            parsed(remote),
            Some(Command::Remote { allow_upload: true, output_price: Some(10.0), .. })
        ));
        let help = Args::command().render_long_help().to_string();
        for former in ["rows", "judge", "compile", "ghosts", "fit", "elsewhere"] {
            let listed = help.lines().any(|line| line.split_whitespace().next() == Some(former));
            assert!(!listed, "{former} is listed in the help");
        }
    }

    #[test]
    fn the_base_can_be_promoted_by_name() {
        assert_eq!(adapter_or_base("base"), Ok(0));
        assert_eq!(adapter_or_base("12"), Ok(12));
        assert!(adapter_or_base("best").is_err());
    }

    #[test]
    fn minutes_and_steps_exclude_each_other() {
        let line = ["the-ghost", "learn", "--minutes", "2", "--steps", "3"];
        assert!(Args::try_parse_from(line).is_err());
    }
}
