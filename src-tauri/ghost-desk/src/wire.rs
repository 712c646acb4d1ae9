//! Shapes made for the screens and for scripts: what crosses the door, both ways.
//!
//! Kept apart from the domain types on purpose, so that those can change without a screen
//! noticing. Field names are the command line's JSON too, hence snake_case everywhere.
//! `cargo test -p ghost-desk` writes them to `ui/src/wire.ts`.

use serde::{Deserialize, Serialize};

/// Declares wire types: serialisable both ways, and exported to TypeScript by the tests.
macro_rules! wire {
    ($($(#[$meta:meta])* pub $kind:ident $name:ident $body:tt)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts", optional_fields = nullable))]
        pub $kind $name $body
    )*};
}
/// The same for enums of plain names.
macro_rules! wire_names {
    ($($(#[$meta:meta])* pub enum $name:ident $body:tt)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
        #[serde(rename_all = "snake_case")]
        pub enum $name $body
    )*};
}

wire_names! {
    /// What a row or piece is for.
    pub enum SideName {
        /// Learned from.
        Train,
        /// Watched while learning.
        Dev,
        /// Kept for the verdict.
        Holdout,
    }
    /// Where a run stands.
    pub enum RunStateName {
        /// Asked for, not begun.
        Waiting,
        /// At work.
        Learning,
        /// Being judged.
        Judging,
        /// Ended by the writer; can be gone on with.
        Stopped,
        /// Its process died; can be gone on with.
        Interrupted,
        /// Could not be done.
        Failed,
        /// Done, with a verdict.
        Done,
    }
    /// What a run is doing.
    pub enum RunStage {
        /// Finding out how fast this computer is.
        Measuring,
        /// Trying learning rates.
        TryingRates,
        /// Learning.
        Learning,
        /// Learning what the writer preferred to what was drafted.
        Preferring,
        /// Being judged.
        Judging,
    }
    /// Why the ghost stopped writing.
    pub enum DraftEnd {
        /// It had said what it had to say.
        Finished,
        /// It reached the length asked for.
        Length,
        /// The writer stopped it.
        Stopped,
        /// The ghost wrote no words for too long.
        NoWords,
        /// The program ended in the middle.
        Interrupted,
    }
    /// Whether to fine-tune at all.
    pub enum QuadrantName {
        /// Not now: too little to learn from.
        Skip,
        /// What goes in is the trouble.
        FixUpstream,
        /// A good prompt first.
        CompileFirst,
        /// Learn.
        FineTune,
    }
    /// What an adapter is at present.
    pub enum AdapterStanding {
        /// It writes.
        Writing,
        /// It could write.
        Waiting,
        /// Put away.
        Retired,
    }
}

wire! {
    /// Nothing is asked.
    pub struct Nothing {}

    // ── the desk ────────────────────────────────────────────────────────────────────────────

    /// Everything a window shows before anything is clicked.
    pub struct DeskView {
        /// Version of the program.
        pub version: String,
        /// The data folder.
        pub home: String,
        /// The base in use.
        pub base: Option<BaseView>,
        /// Who writes now, in words: "SmolLM2 135M, adapter 3".
        pub ghost: String,
        /// The adapter that writes; the bare base where there is none.
        pub adapter: Option<i64>,
        /// How many pieces the archive holds.
        pub n_pieces: u32,
        /// How many drafts were shipped.
        pub n_shipped: u32,
        /// The kinds of the archive, the most frequent first.
        pub kinds: Vec<String>,
        /// The draft that was open last.
        pub open_draft: Option<i64>,
        /// The seed form as it was left.
        pub form: Option<SeedForm>,
        /// The run that is at work or can be gone on with.
        pub run: Option<RunView>,
    }

    // ── archive ─────────────────────────────────────────────────────────────────────────────

    /// Files and folders to read.
    pub struct Import {
        /// Whole paths.
        pub paths: Vec<String>,
        /// Only tell what would happen.
        #[serde(default)]
        pub dry_run: bool,
    }
    /// What an import found.
    pub struct ImportReport {
        /// How many pieces were read, by kind.
        pub kinds: Vec<KindCount>,
        /// How many pieces were read.
        pub pieces: u32,
        /// How many were new.
        pub added: u32,
        /// How many took the place of an older version of themselves.
        pub changed: u32,
        /// How many were here already.
        pub duplicates: u32,
        /// Who wrote the pieces, where their files say so, the most frequent first.
        pub authors: Vec<NameCount>,
        /// How many changes of the writer's own were found, from one state of a text to the next.
        pub pairs: u32,
        /// Stopped before all was read.
        pub cancelled: bool,
        /// On a dry run, what would come in.
        pub found: Vec<FoundView>,
        /// What could not be read.
        pub complaints: Vec<ComplaintView>,
        /// What was left out of the files that were read.
        pub notes: Vec<NoteView>,
        /// How long it took.
        pub seconds: f64,
    }
    /// How many pieces of one kind.
    pub struct KindCount {
        /// The kind.
        pub kind: String,
        /// How many.
        pub pieces: u32,
    }
    /// How many pieces under one name.
    pub struct NameCount {
        /// The name.
        pub name: String,
        /// How many.
        pub pieces: u32,
    }
    /// A piece that an import would bring in.
    pub struct FoundView {
        /// Its title.
        pub title: String,
        /// "post", "log", or the writer's own section.
        pub kind: String,
        /// `YYYY-MM-DD`, where known.
        pub date: Option<String>,
        /// Who wrote it, where its file says so.
        pub author: Option<String>,
        /// The writer's own words in it.
        pub words: u32,
        /// Where it comes from.
        pub source: String,
        /// Here already.
        pub known: bool,
    }
    /// A name that texts of the archive bear.
    pub struct AuthorView {
        /// The name.
        pub name: String,
        /// How many pieces.
        pub pieces: u32,
        /// How many changes from one state of a text to the next.
        pub pairs: u32,
        /// Whether it is the writer's; what others wrote is not learned from.
        pub own: bool,
    }
    /// Says which names are the writer's.
    pub struct SayAuthor {
        /// All of them.
        pub names: Vec<String>,
    }
    /// What could not be read, and why.
    pub struct ComplaintView {
        /// Which file.
        pub path: String,
        /// One sentence.
        pub reason: String,
    }
    /// How many words of some files were left out, and what they were.
    pub struct NoteView {
        /// One sentence, with the figures of all these files together.
        pub sentence: String,
        /// How many words.
        pub words: u64,
        /// Of how many files.
        pub files: u32,
        /// The first of them.
        pub paths: Vec<String>,
    }
    /// One piece in the list.
    pub struct PieceView {
        /// Its id.
        pub piece: i64,
        /// "post", "log", or the writer's own section.
        pub kind: String,
        /// Its title.
        pub title: String,
        /// `YYYY-MM-DD`, where known.
        pub date: Option<String>,
        /// The writer's own words in it.
        pub words: u32,
        /// What it is for.
        pub side: SideName,
        /// Where it came from.
        pub source: String,
        /// Not published by its writer.
        pub unfinished: bool,
        /// Who wrote it, where its file says so.
        pub author: Option<String>,
        /// Whether it is the writer's; what others wrote is not learned from.
        pub own: bool,
    }
    /// The archive.
    pub struct ArchiveView {
        /// The newest first.
        pub pieces: Vec<PieceView>,
        /// Of the last import: what could not be read.
        pub complaints: Vec<ComplaintView>,
        /// Of the last import: what was left out of the files that were read.
        pub notes: Vec<NoteView>,
        /// Folders that are watched for new and changed posts.
        pub watched: Vec<String>,
        /// Words in all.
        pub words: u32,
        /// The names that its texts bear.
        pub authors: Vec<AuthorView>,
        /// Whether the writer should say which of them is theirs.
        pub ask_author: bool,
    }
    /// Asks for one piece.
    pub struct PieceRef {
        /// Its id.
        pub piece: i64,
    }
    /// One piece, whole.
    pub struct PieceText {
        /// Its entry in the list.
        pub piece: PieceView,
        /// Its text, as Markdown.
        pub text: String,
    }
    /// A folder to watch, or to watch no more.
    pub struct WatchFolder {
        /// Whole path.
        pub path: String,
        /// Watch it?
        pub on: bool,
    }

    // ── base ────────────────────────────────────────────────────────────────────────────────

    /// A base on this computer.
    pub struct BaseView {
        /// Its id.
        pub base: i64,
        /// Its name.
        pub name: String,
        /// Its family: "llama".
        pub family: String,
        /// How its weights are kept: "Q4_1".
        pub quantisation: String,
        /// How many weights.
        pub parameters: u64,
        /// Size of the file.
        pub bytes: u64,
        /// Longest text it can hold in mind, in tokens.
        pub context: u32,
        /// Its licence, where it says so.
        pub licence: Option<String>,
        /// Where the file is.
        pub path: String,
        /// Whether it is the one in use.
        pub in_use: bool,
        /// Sentences on what may be wrong with it, although it can be used.
        #[serde(default)]
        pub warnings: Vec<String>,
    }
    /// The bases on this computer.
    pub struct BaseList {
        /// All of them.
        pub bases: Vec<BaseView>,
    }
    /// A base to use from now on.
    pub struct UseBase {
        /// A file, or the name of a base on the list.
        pub file: String,
    }

    // ── write ───────────────────────────────────────────────────────────────────────────────

    /// The seed form.
    #[derive(Default)]
    pub struct SeedForm {
        /// What it is about.
        pub topic: String,
        /// What to say about it.
        #[serde(default)]
        pub angle: Option<String>,
        /// How long, in words.
        #[serde(default)]
        pub words: Option<u32>,
        /// "post", "log", or a section of the writer's own.
        #[serde(default)]
        pub kind: Option<String>,
        /// Things to cover.
        #[serde(default)]
        pub points: Vec<String>,
    }
    /// Asks for a draft.
    pub struct WriteDraft {
        /// What is asked for.
        pub seed: SeedForm,
        /// "base", "prompt" (the base with the best prompt), or the id of an adapter; who writes now
        /// where absent.
        #[serde(default)]
        pub ghost: Option<String>,
        /// Makes the draft repeatable.
        #[serde(default)]
        pub random_seed: Option<u64>,
        /// Drafts of each section of a long text, of which the best is kept; 1 where absent.
        #[serde(default)]
        pub best_of: Option<u32>,
    }
    /// Asks for one draft.
    pub struct DraftRef {
        /// Its id.
        pub draft: i64,
    }
    /// One draft.
    pub struct DraftView {
        /// Its id.
        pub draft: i64,
        /// What was asked for.
        pub seed: SeedForm,
        /// What the ghost wrote.
        pub text: String,
        /// The writer's text so far; the draft's own until it is touched.
        pub working_text: String,
        /// What was shipped.
        pub shipped_text: Option<String>,
        /// How many tokens the ghost wrote.
        pub tokens: u32,
        /// How long it took.
        pub seconds: f64,
        /// How fast.
        pub tokens_per_second: f64,
        /// "base", "prompt", or the id of the adapter.
        pub written_by: String,
        /// Makes the draft repeatable.
        pub random_seed: u64,
        /// Why it ended; absent while it is being written.
        pub ended: Option<DraftEnd>,
        /// When it was asked for, RFC 3339.
        pub written_at: String,
    }
    /// One draft in the list.
    pub struct DraftSummary {
        /// Its id.
        pub draft: i64,
        /// What it is about.
        pub topic: String,
        /// Its kind.
        pub kind: String,
        /// Words in the writer's text so far.
        pub words: u32,
        /// Whether it was shipped.
        pub shipped: bool,
        /// "base", "prompt", or the id of the adapter.
        pub written_by: String,
        /// When it was asked for, RFC 3339.
        pub written_at: String,
    }
    /// The drafts, the newest first.
    pub struct DraftList {
        /// All of them.
        pub drafts: Vec<DraftSummary>,
    }
    /// The writer's text so far.
    pub struct SaveDraft {
        /// Which draft.
        pub draft: i64,
        /// The whole text.
        pub text: String,
    }
    /// It is on disk.
    pub struct Saved {
        /// When, RFC 3339.
        pub at: String,
    }
    /// A text to ship or to compare with its draft.
    pub struct ShipDraft {
        /// Which draft.
        pub draft: i64,
        /// The text; the writer's text so far where absent.
        #[serde(default)]
        pub text: Option<String>,
    }
    /// A stretch of an edit: either `same`, or `cut` and `added` (each may be empty).
    pub struct SegmentView {
        /// Words in both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub same: Option<String>,
        /// Words of the draft only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cut: Option<String>,
        /// The writer's words only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub added: Option<String>,
    }
    /// The difference between a draft and the writer's text.
    pub struct EditView {
        /// Which draft.
        pub draft: i64,
        /// The edit, once shipped.
        pub edit: Option<i64>,
        /// The row it became, once shipped.
        pub row: Option<i64>,
        /// Share of the draft's words that stayed.
        pub kept_ratio: f64,
        /// Word-level distance over the longer text's words: 0 nothing changed, 1 everything.
        pub edit_distance: f64,
        /// Words in the draft.
        pub draft_words: u32,
        /// Words in the writer's text.
        pub shipped_words: u32,
        /// As a person wants to see it.
        pub segments: Vec<SegmentView>,
        /// The same in the notation `one [two/twi] three`.
        pub notation: String,
    }

    // ── rows ────────────────────────────────────────────────────────────────────────────────

    /// One lesson.
    pub struct RowView {
        /// Its id.
        pub row: i64,
        /// "archive", "edit", "history" (an edit that the archive remembers), or "cut": what an edit
        /// took out, in the draft it was taken from.
        pub origin: String,
        /// The piece or edit it comes from.
        pub of: i64,
        /// What it is for.
        pub side: SideName,
        /// The writer wants it neither learned from nor judged by.
        #[serde(default)]
        pub excluded: bool,
        /// "whole", "section" or "outline": what of the text it asks for.
        pub ask: String,
        /// Its kind.
        pub kind: String,
        /// What would have been asked, as the base sees it.
        pub request: String,
        /// Words of the text.
        pub words: u32,
        /// The text.
        pub text: String,
        /// Stretches that count otherwise than 1.
        pub weights: Vec<WeightView>,
    }
    /// A stretch of a row's text, in bytes, and how much it counts.
    pub struct WeightView {
        /// First byte.
        pub from: u32,
        /// One past the last.
        pub to: u32,
        /// 1 is the writer's unassisted word; below 0 it is not to be said.
        pub weight: f32,
    }
    /// A row the writer wants excluded, or no more.
    pub struct ExcludeRow {
        /// Its id.
        pub row: i64,
        /// Excluded?
        pub excluded: bool,
    }
    /// All rows.
    pub struct RowList {
        /// In order of age.
        pub rows: Vec<RowView>,
    }

    // ── learn ───────────────────────────────────────────────────────────────────────────────

    /// Asks for a run.
    #[derive(Default)]
    pub struct StartRun {
        /// "quick" (the default) or "nightly".
        #[serde(default)]
        pub recipe: Option<String>,
        /// Most minutes.
        #[serde(default)]
        pub minutes: Option<f64>,
        /// Just so many steps.
        #[serde(default)]
        pub steps: Option<u32>,
        /// Makes the run repeatable.
        #[serde(default)]
        pub random_seed: Option<u64>,
        /// Begin anew, though an unfinished run could be gone on with.
        #[serde(default)]
        pub new: bool,
    }
    /// Asks for one run.
    pub struct RunRef {
        /// Its id.
        pub run: i64,
    }
    /// One point on the curve.
    pub struct StepView {
        /// Counted from 1.
        pub n: u32,
        /// How many there will be.
        pub of: u32,
        /// Nats per answer token.
        pub loss: f32,
        /// Bits per byte on the dev rows, where this step looked.
        pub dev_bits_per_byte: Option<f64>,
        /// Learning rate.
        pub learning_rate: f32,
        /// Tokens read per second.
        pub tokens_per_second: f32,
        /// To the end at the present speed.
        pub seconds_left: f32,
        /// Most memory held, in bytes.
        pub peak_bytes: u64,
    }
    /// What a run at work is doing, and how long it will take.
    pub struct RunProgress {
        /// What it is doing.
        pub stage: RunStage,
        /// How much of that is done: steps, or things measured.
        pub done: u32,
        /// Of so many; 0 where that is not known yet.
        pub of: u32,
        /// Seconds to the end of the run, its verdict included.
        pub seconds_left: Option<f64>,
        /// Tokens learned from in a second.
        pub tokens_per_second: Option<f64>,
        /// Most memory held, in bytes.
        pub peak_bytes: u64,
    }
    /// One run.
    pub struct RunView {
        /// Its id.
        pub run: i64,
        /// Where it stands.
        pub state: RunStateName,
        /// "quick" or "nightly".
        pub recipe: String,
        /// What it says of itself: what it fits into the time, what it went on from, why it failed.
        pub notes: Vec<String>,
        /// Rows it learns from.
        pub n_rows: u32,
        /// What it is doing, while it is at work.
        pub progress: Option<RunProgress>,
        /// The last step done.
        pub step: Option<StepView>,
        /// Its curve; empty in lists.
        pub steps: Vec<StepView>,
        /// The adapter it made.
        pub adapter: Option<i64>,
        /// What was decided.
        pub verdict: Option<VerdictView>,
        /// When it began, RFC 3339.
        pub started_at: String,
        /// When it ended, RFC 3339.
        pub ended_at: Option<String>,
    }
    /// The runs, the newest first.
    pub struct RunList {
        /// All of them.
        pub runs: Vec<RunView>,
    }

    // ── verdicts and ghosts ─────────────────────────────────────────────────────────────────

    /// What was decided of an adapter, and why.
    pub struct VerdictView {
        /// SHIP, KEEP, UNPROVEN, BLOCKED or RETIRE.
        pub decision: String,
        /// Sentences.
        pub reasons: Vec<String>,
        /// The figures.
        pub measures: MeasuresView,
    }
    /// Held-out bits per byte, mean over pieces: lower is more like the writer.
    pub struct MeasuresView {
        /// Held-out pieces.
        pub pieces: u32,
        /// The bare base.
        pub base: Option<f64>,
        /// The same base with pieces of the archive as examples in its prompt.
        pub prompt: Option<f64>,
        /// The candidate.
        pub adapter: Option<f64>,
        /// The adapter that wrote until now.
        pub incumbent: Option<f64>,
        /// Share of the best opponent's bits saved.
        pub gain: Option<f64>,
        /// 95 % interval of the gain.
        pub interval: Option<Vec<f64>>,
        /// One-sided exact sign-flip permutation test.
        pub p_value: Option<f64>,
        /// Pieces on which the candidate was better.
        pub wins: Option<u32>,
        /// How its drafts sound, where it was measured.
        #[serde(default)]
        pub voice: Option<VoiceView>,
        /// Bits a byte of function words and punctuation alone: the best other's, the candidate's.
        #[serde(default)]
        pub style: Option<Vec<f64>>,
        /// What the guardrails found, those that were touched first.
        #[serde(default)]
        pub guards: Vec<GuardView>,
        /// What the writer's edits say.
        #[serde(default)]
        pub edits: Option<PreferenceView>,
    }
    /// How drafts sound, mean over seeds: 0 is a stranger or a bot, 1 is the writer.
    pub struct VoiceView {
        /// Seeds drafted from.
        pub seeds: u32,
        /// The candidate's drafts.
        pub adapter: LevelView,
        /// The best prompt's.
        pub prompt: LevelView,
        /// The bare base's.
        pub base: LevelView,
        /// The writer's own held-out pieces.
        pub own: LevelView,
        /// Those of the adapter that wrote until now.
        pub incumbent: Option<f64>,
        /// Strangers the measure had never met.
        pub strangers: f64,
        /// How often one of the writer's pieces sounds nearer than one of the base's drafts.
        pub told_apart: f64,
        /// How much nearer the candidate is than the prompt.
        pub gain: LevelView,
        /// Chance that luck alone does as well.
        pub p_value: f64,
        /// Seeds on which it sounds nearer.
        pub wins: u32,
        /// The strangers that are at 0, by name.
        pub floor: Vec<String>,
        /// With people alone at 0: the candidate, the prompt.
        pub human: Option<Vec<f64>>,
        /// With the base's drafts alone at 0: the candidate, the prompt.
        pub bot: Option<Vec<f64>>,
    }
    /// A mean, and where it lies nine times of ten.
    pub struct LevelView {
        /// The mean.
        pub mean: f64,
        /// The lower end.
        pub low: f64,
        /// The upper end.
        pub high: f64,
    }
    /// What one guardrail found.
    pub struct GuardView {
        /// "copied_run", "copied_share", "near_duplicate", "repetition", "sense", "length", "topic"
        /// or "bot_tell".
        pub guard: String,
        /// Drafts that touched it.
        pub touched: u32,
        /// Drafts it looked at; 1 where it looked at all together.
        pub of: u32,
        /// The worst of it, in a sentence.
        pub sentence: String,
    }
    /// How often what the writer made of a draft is found more likely than the draft.
    pub struct PreferenceView {
        /// Edits nobody learned from.
        pub pairs: u32,
        /// By the candidate.
        pub adapter: f64,
        /// By the best prompt.
        pub prompt: f64,
        /// By the adapter that wrote until now.
        pub incumbent: Option<f64>,
    }
    /// One adapter.
    pub struct AdapterView {
        /// Its id.
        pub adapter: i64,
        /// What it is at present.
        pub standing: AdapterStanding,
        /// The base it belongs to.
        pub base: String,
        /// The run that made it.
        pub run: Option<i64>,
        /// "quick" or "nightly".
        pub recipe: String,
        /// Rows it learned from.
        pub n_rows: u32,
        /// What was decided.
        pub verdict: Option<VerdictView>,
        /// When it was made, RFC 3339.
        pub made_at: String,
        /// Its folder.
        pub path: String,
    }
    /// The adapters, the newest first, and who writes.
    pub struct Ghosts {
        /// Who writes now, in words.
        pub ghost: String,
        /// The adapter that writes; the bare base where there is none.
        pub writing: Option<i64>,
        /// The adapter that wrote before it, to which one can roll back; 0 is the bare base.
        pub before: Option<i64>,
        /// All of them.
        pub adapters: Vec<AdapterView>,
    }
    /// Asks for one adapter.
    pub struct AdapterRef {
        /// Its id; 0 is the bare base.
        pub adapter: i64,
    }
    /// A model somewhere else that is to stand as one more opponent.
    pub struct ElsewhereForm {
        /// Where it is asked: "https://…/v1". Empty forgets it.
        pub address: String,
        /// Which model.
        #[serde(default)]
        pub model: String,
        /// "openai" (the default: chat completions, as many others have them) or "anthropic".
        #[serde(default)]
        pub dialect: Option<String>,
        /// The key; it is shown to nobody again.
        #[serde(default)]
        pub key: Option<String>,
        /// Price of a million tokens read.
        #[serde(default)]
        pub reading: Option<f64>,
        /// Price of a million tokens written.
        #[serde(default)]
        pub writing: Option<f64>,
        /// The writer's word that pieces of the archive may be sent there.
        #[serde(default)]
        pub may_send: bool,
    }
    /// The model elsewhere, if there is one.
    pub struct ElsewhereView {
        /// Where it is asked.
        #[serde(default)]
        pub address: Option<String>,
        /// Which model.
        #[serde(default)]
        pub model: Option<String>,
        /// Is a key kept?
        pub has_key: bool,
        /// What is sent where, to be read before it is entered.
        pub warning: String,
    }
    /// Asks for a verdict.
    pub struct JudgeAdapter {
        /// Its id; the newest where absent.
        #[serde(default)]
        pub adapter: Option<i64>,
        /// How much is measured: "quick" or "nightly"; as its own recipe has it where absent.
        #[serde(default)]
        pub recipe: Option<String>,
        /// Makes the verdict repeatable; always the same where absent.
        #[serde(default)]
        pub random_seed: Option<u64>,
    }
    /// A verdict and whose it is.
    pub struct Judged {
        /// The adapter.
        pub adapter: i64,
        /// What was decided.
        pub verdict: VerdictView,
    }
    /// Asks for a copy of an adapter.
    pub struct ExportAdapter {
        /// "peft".
        pub format: String,
        /// Which adapter.
        pub adapter: i64,
        /// A folder that does not exist yet, or is empty.
        pub out: String,
    }
    /// It was written.
    pub struct Exported {
        /// Where.
        pub path: String,
        /// The files in it.
        pub files: Vec<String>,
    }

    /// Asks for the best prompt.
    pub struct CompilePrompt {
        /// How long is searched: "quick" or "nightly" (the default).
        #[serde(default)]
        pub recipe: Option<String>,
    }
    /// The best prompts there are for this archive: a ghost without an adapter.
    pub struct CompiledView {
        /// Needs the fewest bits, in words.
        pub by_bits: String,
        /// Sounds most like the writer, in words; it writes where "prompt" is asked to.
        pub by_voice: String,
        /// All that were tried, the best first, with bits a byte on the pieces watched.
        pub tried: Vec<TriedView>,
        /// Bits a byte of a bare request on the same.
        pub bare: f64,
        /// How the drafts of the last ones sounded.
        pub heard: Vec<TriedView>,
    }
    /// One prompt that was tried.
    pub struct TriedView {
        /// What it is, in words.
        pub program: String,
        /// Its figure.
        pub figure: f64,
    }

    // ── seeds of old pieces ─────────────────────────────────────────────────────────────────

    /// What a piece would have been asked for with.
    pub struct PieceSeed {
        /// The piece.
        pub piece: i64,
        /// Its seed.
        pub seed: SeedForm,
        /// The same as the base sees it.
        pub request: String,
        /// "extracted" from the piece's own words, proposed by the "base", or the "writer"'s.
        pub origin: String,
        /// Bits a byte of the piece that it saves the untouched base; absent until it was chosen.
        pub saves: Option<f64>,
        /// What it gives away of the writer, which makes the prompt look better than it is.
        pub leak: Option<String>,
    }
    /// Puts the seed of a piece right.
    pub struct SaveSeed {
        /// The piece.
        pub piece: i64,
        /// The seed; without one, the writer's is forgotten.
        #[serde(default)]
        pub seed: Option<SeedForm>,
    }
    /// Lets the base choose seeds for pieces that have none yet.
    #[derive(Default)]
    pub struct ChooseSeeds {
        /// Most minutes; 10 where absent.
        #[serde(default)]
        pub minutes: Option<f64>,
    }
    /// What was chosen.
    pub struct SeedsReport {
        /// Seeds chosen now.
        pub chosen: u32,
        /// Pieces that still have none.
        pub left: u32,
        /// Mean bits a byte that the chosen ones save the untouched base.
        pub saves: Option<f64>,
        /// How long it took.
        pub seconds: f64,
        /// One sentence.
        pub sentence: String,
    }

    // ── profile ─────────────────────────────────────────────────────────────────────────────

    /// Asks how the writer writes, and how a draft does beside it.
    #[derive(Default)]
    pub struct ProfileAsked {
        /// A draft: the writer's text so far, or as shipped.
        #[serde(default)]
        pub draft: Option<i64>,
        /// Hold the ghost's own words against the writer, not what became of them.
        #[serde(default)]
        pub as_drafted: bool,
    }
    /// How the writer writes.
    pub struct ProfileView {
        /// Pieces that were read.
        pub pieces: u32,
        /// Words of the draft that were read.
        pub draft_words: Option<u32>,
        /// All figures.
        pub figures: Vec<FigureView>,
        /// The most frequent openers.
        pub openers: Vec<OpenerView>,
        /// What is unusual about the draft, the most unusual first.
        pub sentences: Vec<String>,
    }
    /// One figure of the writer, and of a draft.
    pub struct FigureView {
        /// "rhythm", "openers", "punctuation" or "certainty".
        pub theme: String,
        /// What is counted.
        pub name: String,
        /// What in.
        pub unit: String,
        /// Mean over the writer's pieces.
        pub writer: f64,
        /// Two thirds of them lie this near to it.
        pub spread: f64,
        /// The draft's.
        pub draft: Option<f64>,
        /// How many spreads the draft is off.
        pub off: Option<f64>,
        /// Whether that is further than the writer goes.
        pub unusual: bool,
    }
    /// A word that sentences open with, in percent of them.
    pub struct OpenerView {
        /// The word.
        pub word: String,
        /// The writer's share.
        pub writer: f64,
        /// The draft's.
        pub draft: Option<f64>,
    }

    // ── fit ─────────────────────────────────────────────────────────────────────────────────

    /// Whether to fine-tune at all: the answer, the reasons with the writer's figures, the costs.
    pub struct FitView {
        /// Which of the four.
        pub quadrant: QuadrantName,
        /// Why, in a sentence.
        pub sentence: String,
        /// How ripe the material is, 0 to 1; from 0.5 on it is enough.
        pub maturity: f64,
        /// How far the best prompt gets, 0 to 1; from 0.8 on it is enough. Not measured yet
        /// where absent.
        pub ceiling: Option<f64>,
        /// What there is to learn from.
        pub material: MaterialView,
        /// The five reasons to leave it.
        pub skip: Vec<ReasonView>,
        /// The four reasons to go.
        pub go: Vec<ReasonView>,
        /// What it costs here and elsewhere.
        pub costs: CostsView,
    }
    /// What there is to learn from.
    pub struct MaterialView {
        /// All pieces.
        pub pieces: u32,
        /// All words.
        pub words: u32,
        /// Pieces that can be learned from.
        pub usable_pieces: u32,
        /// The writer's own words in them.
        pub usable_words: u32,
        /// Drafts that were shipped.
        pub pairs: u32,
        /// Pieces held out for the verdict.
        pub holdout: u32,
    }
    /// One reason.
    pub struct ReasonView {
        /// "There is too little of you".
        pub what: String,
        /// Whether it holds; not measured yet where absent.
        pub holds: Option<bool>,
        /// The writer's own figure.
        pub figure: String,
    }
    /// The cost ladder.
    pub struct CostsView {
        /// The day of the prices.
        pub as_of: String,
        /// What they are in.
        pub currency: String,
        /// How often a voice is learned anew in a month.
        pub runs_a_month: f64,
        /// The table of the writer's own; where there is none, the shipped examples count.
        pub table: String,
        /// Whether it is there.
        pub own_table: bool,
        /// This computer first.
        pub rungs: Vec<RungView>,
    }
    /// One place to learn and write in.
    pub struct RungView {
        /// "here", "hosted", "serverless" or "dedicated".
        pub place: String,
        /// One learning.
        pub one_run: Option<f64>,
        /// A month.
        pub a_month: Option<f64>,
        /// Hours of this computer a month.
        pub hours: Option<f64>,
        /// Kilowatt hours a month.
        pub energy: Option<f64>,
        /// One sentence.
        pub sentence: String,
    }

    // ── doctor ──────────────────────────────────────────────────────────────────────────────

    /// How things stand, in sentences.
    pub struct DoctorReport {
        /// Whether all is well.
        pub well: bool,
        /// One finding each.
        pub findings: Vec<Finding>,
    }
    /// One finding.
    pub struct Finding {
        /// What was looked at: "store", "base", "device", "disk", "runs".
        pub about: String,
        /// Whether it is as it should be.
        pub well: bool,
        /// One sentence.
        pub sentence: String,
    }
}
