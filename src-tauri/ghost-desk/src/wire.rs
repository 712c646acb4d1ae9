//! Wire types: requests and answers of the commands, for the page and for scripts.
//!
//! Separate from the domain types, so that those can change without breaking a page or a script.
//! The command line prints them as JSON, hence snake_case. `cargo test -p ghost-desk` writes them
//! to `ui/src/wire.ts`.

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
/// Declares enums of plain names in the same way.
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
    /// The split of a row or piece.
    pub enum SplitName {
        /// Trained on.
        Train,
        /// For validation during training.
        Validation,
        /// Held out for the verdict.
        Test,
    }
    /// The state of a run.
    pub enum RunStateName {
        /// Created, not started.
        Waiting,
        /// Training.
        Learning,
        /// Being evaluated.
        #[serde(alias = "judging")]
        Evaluating,
        /// Stopped by the writer; can be resumed.
        Stopped,
        /// Its process died; can be resumed.
        Interrupted,
        /// Failed.
        Failed,
        /// Finished.
        Done,
    }
    /// The current stage of a run.
    pub enum RunStage {
        /// Measuring the speed of this computer.
        Measuring,
        /// Trying learning rates.
        TryingRates,
        /// Training.
        Learning,
        /// Preference training on the writer's edits.
        #[serde(alias = "preferring")]
        Preference,
        /// Being evaluated.
        #[serde(alias = "judging")]
        Evaluating,
    }
    /// Why generation ended.
    pub enum DraftEnd {
        /// The model ended the text.
        Finished,
        /// The requested length was reached.
        Length,
        /// The writer stopped it.
        Stopped,
        /// The model produced no words for too long.
        NoWords,
        /// The program ended during the draft.
        Interrupted,
    }
    /// A recommendation on fine-tuning.
    pub enum Recommendation {
        /// Not now: too little to learn from.
        Skip,
        /// The source material is the problem.
        FixUpstream,
        /// Optimize the prompt first.
        OptimizePrompt,
        /// Fine-tune.
        FineTune,
    }
    /// The status of an adapter.
    pub enum AdapterStatus {
        /// Active.
        Active,
        /// Available.
        Available,
        /// Retired.
        Retired,
    }
}

wire! {
    /// An empty request or answer.
    pub struct Nothing {}

    // ── the desk ────────────────────────────────────────────────────────────────────────────

    /// The state that a window shows first.
    pub struct DeskView {
        /// The version of the program.
        pub version: String,
        /// The data folder.
        pub home: String,
        /// The base in use.
        pub base: Option<BaseView>,
        /// The active writer: "SmolLM2 135M, adapter 3".
        pub ghost: String,
        /// The active adapter; absent for the base alone.
        pub adapter: Option<i64>,
        /// Number of pieces in the archive.
        pub n_pieces: u32,
        /// Number of shipped drafts.
        pub n_shipped: u32,
        /// The kinds in the archive, most frequent first.
        pub kinds: Vec<String>,
        /// The draft that was open last.
        pub open_draft: Option<i64>,
        /// The saved seed form.
        pub form: Option<SeedForm>,
        /// The run that is in progress or can be resumed.
        pub run: Option<RunView>,
    }

    // ── archive ─────────────────────────────────────────────────────────────────────────────

    /// Files and folders to import.
    pub struct Import {
        /// Absolute paths.
        pub paths: Vec<String>,
        /// Report what would be imported, and import nothing.
        #[serde(default)]
        pub dry_run: bool,
    }
    /// The result of an import.
    pub struct ImportReport {
        /// Pieces read, by kind.
        pub kinds: Vec<KindCount>,
        /// Pieces read.
        pub pieces: u32,
        /// New pieces.
        pub added: u32,
        /// Pieces that replaced an older version.
        pub changed: u32,
        /// Pieces that were there already.
        pub duplicates: u32,
        /// Authors named in the files, most frequent first.
        pub authors: Vec<NameCount>,
        /// Revisions found: pairs of versions of one text.
        pub pairs: u32,
        /// Stopped before everything was read.
        pub cancelled: bool,
        /// On a dry run, the pieces that would be imported.
        pub found: Vec<ImportPreview>,
        /// Files that could not be read.
        pub warnings: Vec<WarningView>,
        /// What was skipped in files that were read.
        pub notes: Vec<NoteView>,
        /// Duration in seconds.
        pub seconds: f64,
    }
    /// The number of pieces of one kind.
    pub struct KindCount {
        /// The kind.
        pub kind: String,
        /// The number.
        pub pieces: u32,
    }
    /// The number of pieces by one author.
    pub struct NameCount {
        /// The name.
        pub name: String,
        /// The number.
        pub pieces: u32,
    }
    /// A piece that an import would add.
    pub struct ImportPreview {
        /// Its title.
        pub title: String,
        /// "post", "log", or the writer's own section.
        pub kind: String,
        /// `YYYY-MM-DD`, where known.
        pub date: Option<String>,
        /// Author, if the file names one.
        pub author: Option<String>,
        /// Words by the writer.
        pub words: u32,
        /// Source path.
        pub source: String,
        /// Already in the archive.
        pub known: bool,
    }
    /// An author in the archive.
    pub struct AuthorView {
        /// The name.
        pub name: String,
        /// Number of pieces.
        pub pieces: u32,
        /// Number of revisions.
        pub pairs: u32,
        /// Whether this is the writer; pieces by others are not trained on.
        pub own: bool,
    }
    /// Sets which names are the writer's.
    pub struct SetAuthors {
        /// All of them.
        pub names: Vec<String>,
    }
    /// A file that could not be read, and why.
    pub struct WarningView {
        /// The file.
        pub path: String,
        /// The reason, one sentence.
        pub reason: String,
    }
    /// Words that were skipped in some files, and why.
    pub struct NoteView {
        /// One sentence with the figures of all these files.
        pub sentence: String,
        /// Number of words.
        pub words: u64,
        /// Number of files.
        pub files: u32,
        /// The first few files.
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
        /// Words by the writer.
        pub words: u32,
        /// Its split.
        pub split: SplitName,
        /// Source path.
        pub source: String,
        /// Not published.
        pub unfinished: bool,
        /// Author, if the file names one.
        pub author: Option<String>,
        /// Whether it is by the writer; pieces by others are not trained on.
        pub own: bool,
    }
    /// The archive.
    pub struct ArchiveView {
        /// Newest first.
        pub pieces: Vec<PieceView>,
        /// Last import: files that could not be read.
        pub warnings: Vec<WarningView>,
        /// Last import: what was skipped in files that were read.
        pub notes: Vec<NoteView>,
        /// Folders watched for new and changed posts.
        pub watched: Vec<String>,
        /// Total words.
        pub words: u32,
        /// Authors in the archive.
        pub authors: Vec<AuthorView>,
        /// Whether the writer should choose which names are theirs.
        pub ask_author: bool,
    }
    /// A reference to one piece.
    pub struct PieceRef {
        /// Its id.
        pub piece: i64,
    }
    /// One piece with its text.
    pub struct PieceText {
        /// The piece.
        pub piece: PieceView,
        /// The text, in Markdown.
        pub text: String,
    }
    /// A folder to watch, or to stop watching.
    pub struct WatchFolder {
        /// Absolute path.
        pub path: String,
        /// Whether to watch it.
        pub on: bool,
    }

    // ── base ────────────────────────────────────────────────────────────────────────────────

    /// An installed base.
    pub struct BaseView {
        /// Its id.
        pub base: i64,
        /// Its name.
        pub name: String,
        /// Its family: "llama".
        pub family: String,
        /// Quantisation: "Q4_1".
        pub quantisation: String,
        /// Number of parameters.
        pub parameters: u64,
        /// File size.
        pub bytes: u64,
        /// Context length in tokens.
        pub context: u32,
        /// Licence, if known.
        pub licence: Option<String>,
        /// Path of the file.
        pub path: String,
        /// Whether it is in use.
        pub in_use: bool,
        /// Known problems that do not prevent its use.
        #[serde(default)]
        pub warnings: Vec<String>,
    }
    /// The installed bases.
    pub struct BaseList {
        /// All of them.
        pub bases: Vec<BaseView>,
    }
    /// A base to use.
    pub struct UseBase {
        /// A file, or the name of an installed base.
        pub file: String,
    }

    // ── drafts ──────────────────────────────────────────────────────────────────────────────

    /// The seed form.
    #[derive(Default)]
    pub struct SeedForm {
        /// The topic.
        pub topic: String,
        /// What to say about it.
        #[serde(default)]
        pub angle: Option<String>,
        /// Length in words.
        #[serde(default)]
        pub words: Option<u32>,
        /// "post", "log", or the writer's own section.
        #[serde(default)]
        pub kind: Option<String>,
        /// Points to cover.
        #[serde(default)]
        pub points: Vec<String>,
    }
    /// A request for a draft.
    pub struct WriteDraft {
        /// The seed.
        pub seed: SeedForm,
        /// "base", "prompt" (the base with the optimized prompt), or an adapter's id; the active
        /// adapter if absent.
        #[serde(default)]
        pub ghost: Option<String>,
        /// Makes the draft repeatable.
        #[serde(default)]
        pub random_seed: Option<u64>,
        /// Drafts per section of a long text, of which the best is kept; 1 if absent.
        #[serde(default)]
        pub best_of: Option<u32>,
    }
    /// A reference to one draft.
    pub struct DraftRef {
        /// Its id.
        pub draft: i64,
    }
    /// One draft.
    pub struct DraftView {
        /// Its id.
        pub draft: i64,
        /// The seed.
        pub seed: SeedForm,
        /// The generated text.
        pub text: String,
        /// The writer's text so far; the generated text until it is edited.
        pub working_text: String,
        /// The shipped text.
        pub shipped_text: Option<String>,
        /// Generated tokens.
        pub tokens: u32,
        /// Duration in seconds.
        pub seconds: f64,
        /// Speed.
        pub tokens_per_second: f64,
        /// "base", "prompt", or the id of the adapter.
        pub written_by: String,
        /// Makes the draft repeatable.
        pub random_seed: u64,
        /// Why it ended; absent while it is being written.
        pub ended: Option<DraftEnd>,
        /// Time of the request, RFC 3339.
        pub written_at: String,
    }
    /// One draft in the list.
    pub struct DraftSummary {
        /// Its id.
        pub draft: i64,
        /// The topic.
        pub topic: String,
        /// Its kind.
        pub kind: String,
        /// Words in the writer's text so far.
        pub words: u32,
        /// Whether it was shipped.
        pub shipped: bool,
        /// "base", "prompt", or the id of the adapter.
        pub written_by: String,
        /// Time of the request, RFC 3339.
        pub written_at: String,
    }
    /// The drafts, newest first.
    pub struct DraftList {
        /// All of them.
        pub drafts: Vec<DraftSummary>,
    }
    /// The writer's text so far.
    pub struct SaveDraft {
        /// The draft.
        pub draft: i64,
        /// The whole text.
        pub text: String,
    }
    /// A confirmation that something was saved.
    pub struct Saved {
        /// Time, RFC 3339.
        pub at: String,
    }
    /// A text to ship or to compare with its draft.
    pub struct ShipDraft {
        /// The draft.
        pub draft: i64,
        /// The text; the writer's text so far if absent.
        #[serde(default)]
        pub text: Option<String>,
    }
    /// A segment of an edit: either `same`, or `cut` and `added` (each may be empty).
    pub struct SegmentView {
        /// In both texts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub same: Option<String>,
        /// In the draft only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cut: Option<String>,
        /// In the writer's text only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub added: Option<String>,
    }
    /// The difference between a draft and the writer's text.
    pub struct EditView {
        /// The draft.
        pub draft: i64,
        /// The edit, once shipped.
        pub edit: Option<i64>,
        /// The row it became, once shipped.
        pub row: Option<i64>,
        /// Share of the draft's words that were kept.
        pub kept_ratio: f64,
        /// Word-level edit distance over the words of the longer text: 0 unchanged, 1 all changed.
        pub edit_distance: f64,
        /// Words in the draft.
        pub draft_words: u32,
        /// Words in the writer's text.
        pub shipped_words: u32,
        /// Segments, grouped for readability.
        pub segments: Vec<SegmentView>,
        /// The same in the notation `one [two/twi] three`.
        pub notation: String,
    }

    // ── training data ───────────────────────────────────────────────────────────────────────

    /// One training row.
    pub struct RowView {
        /// Its id.
        pub row: i64,
        /// "archive", "edit", "history" (a revision found in the archive), or "cut": the text that
        /// an edit removed.
        pub origin: String,
        /// The piece or edit it comes from.
        pub of: i64,
        /// Its split.
        pub split: SplitName,
        /// Excluded from training and evaluation by the writer.
        #[serde(default)]
        pub excluded: bool,
        /// "whole", "section" or "outline": the part of the text it asks for.
        pub ask: String,
        /// Its kind.
        pub kind: String,
        /// The request, as the base sees it.
        pub request: String,
        /// Words of the text.
        pub words: u32,
        /// The text.
        pub text: String,
        /// Byte ranges with a weight other than 1.
        pub weights: Vec<WeightView>,
    }
    /// A byte range of a row's text and its weight.
    pub struct WeightView {
        /// First byte.
        pub from: u32,
        /// One past the last byte.
        pub to: u32,
        /// 1 is the writer's unassisted text; below 0 the text is to be avoided.
        pub weight: f32,
    }
    /// A row to exclude, or to include again.
    pub struct ExcludeRow {
        /// Its id.
        pub row: i64,
        /// Whether it is excluded.
        pub excluded: bool,
    }
    /// All rows.
    pub struct RowList {
        /// Oldest first.
        pub rows: Vec<RowView>,
    }

    // ── runs ────────────────────────────────────────────────────────────────────────────────

    /// A request for a training run.
    #[derive(Default)]
    pub struct StartRun {
        /// "quick" (the default) or "nightly".
        #[serde(default)]
        pub recipe: Option<String>,
        /// Time limit in minutes.
        #[serde(default)]
        pub minutes: Option<f64>,
        /// Exact number of steps.
        #[serde(default)]
        pub steps: Option<u32>,
        /// Makes the run repeatable.
        #[serde(default)]
        pub random_seed: Option<u64>,
        /// Start a new run even if one can be resumed.
        #[serde(default)]
        pub new: bool,
        /// Repeat a finished run: its rows, recipe, random seed and steps.
        #[serde(default)]
        pub repeat: Option<i64>,
    }
    /// A reference to one run.
    pub struct RunRef {
        /// Its id.
        pub run: i64,
    }
    /// One point of the training curve.
    pub struct StepView {
        /// Step number, from 1.
        pub n: u32,
        /// Planned number of steps.
        pub of: u32,
        /// Loss in nats per trained token.
        pub loss: f32,
        /// Validation bits per byte, if measured at this step.
        pub validation_bits_per_byte: Option<f64>,
        /// Learning rate.
        pub learning_rate: f32,
        /// Tokens per second.
        pub tokens_per_second: f32,
        /// Estimated seconds left.
        pub seconds_left: f32,
        /// Peak memory in bytes.
        pub peak_bytes: u64,
    }
    /// The progress of a run.
    pub struct RunProgress {
        /// Current stage.
        pub stage: RunStage,
        /// Steps or items done in this stage.
        pub done: u32,
        /// Steps or items in total; 0 if not known yet.
        pub of: u32,
        /// Estimated seconds to the end of the run, including its verdict.
        pub seconds_left: Option<f64>,
        /// Training speed.
        pub tokens_per_second: Option<f64>,
        /// Peak memory in bytes.
        pub peak_bytes: u64,
    }
    /// One run.
    pub struct RunView {
        /// Its id.
        pub run: i64,
        /// Its state.
        pub state: RunStateName,
        /// "quick" or "nightly".
        pub recipe: String,
        /// Notes: what fits into the time, what it resumed from, why it failed.
        pub notes: Vec<String>,
        /// Training rows.
        pub n_rows: u32,
        /// Its progress, while it is active.
        pub progress: Option<RunProgress>,
        /// The last finished step.
        pub step: Option<StepView>,
        /// The training curve; empty in lists.
        pub steps: Vec<StepView>,
        /// Its adapter.
        pub adapter: Option<i64>,
        /// The verdict.
        pub verdict: Option<VerdictView>,
        /// Start time, RFC 3339.
        pub started_at: String,
        /// End time, RFC 3339.
        pub ended_at: Option<String>,
    }
    /// The runs, newest first.
    pub struct RunList {
        /// All of them.
        pub runs: Vec<RunView>,
    }

    // ── adapters and verdicts ───────────────────────────────────────────────────────────────

    /// The verdict on an adapter, with reasons.
    pub struct VerdictView {
        /// SHIP, KEEP, UNPROVEN, BLOCKED or RETIRE.
        pub decision: String,
        /// Sentences.
        pub reasons: Vec<String>,
        /// The figures.
        pub measures: MeasuresView,
    }
    /// Bits per byte on the test pieces, mean over pieces: lower is closer to the writer.
    pub struct MeasuresView {
        /// Test pieces.
        pub pieces: u32,
        /// The base alone.
        pub base: Option<f64>,
        /// The base with the optimized prompt.
        pub prompt: Option<f64>,
        /// The candidate.
        pub adapter: Option<f64>,
        /// The adapter that was active before.
        pub incumbent: Option<f64>,
        /// Share of the best alternative's bits that are saved.
        pub gain: Option<f64>,
        /// 95 % confidence interval of the gain.
        pub interval: Option<Vec<f64>>,
        /// One-sided exact sign-flip permutation test.
        pub p_value: Option<f64>,
        /// Pieces on which the candidate was better.
        pub wins: Option<u32>,
        /// Voice scores of drafts, if measured.
        #[serde(default)]
        pub voice: Option<VoiceView>,
        /// Bits per byte of function words and punctuation: the best alternative's, the candidate's.
        #[serde(default)]
        pub style: Option<Vec<f64>>,
        /// Guardrail results, violations first.
        #[serde(default)]
        pub guards: Vec<GuardView>,
        /// Preference accuracy on the writer's edits.
        #[serde(default)]
        pub edits: Option<PreferenceView>,
    }
    /// Voice scores of drafts, mean over seeds: 0 is another author or a bot, 1 is the writer.
    pub struct VoiceView {
        /// Test seeds.
        pub seeds: u32,
        /// The candidate's drafts.
        pub adapter: LevelView,
        /// The optimized prompt's drafts.
        pub prompt: LevelView,
        /// The base's drafts.
        pub base: LevelView,
        /// The writer's own test pieces.
        pub own: LevelView,
        /// Drafts of the adapter that was active before.
        pub incumbent: Option<f64>,
        /// Authors that the score was not calibrated on.
        pub strangers: f64,
        /// How often a piece by the writer scores higher than a draft of the base (AUC).
        pub base_separation: f64,
        /// The candidate's lead over the prompt.
        pub gain: LevelView,
        /// Permutation test.
        pub p_value: f64,
        /// Seeds on which the candidate scores higher.
        pub wins: u32,
        /// The reference authors at 0, by name.
        pub floor: Vec<String>,
        /// With human authors alone at 0: the candidate, the prompt.
        pub human: Option<Vec<f64>>,
        /// With the base's drafts alone at 0: the candidate, the prompt.
        pub bot: Option<Vec<f64>>,
    }
    /// A mean and its 90 % interval.
    pub struct LevelView {
        /// The mean.
        pub mean: f64,
        /// The lower end.
        pub low: f64,
        /// The upper end.
        pub high: f64,
    }
    /// The result of one guardrail.
    pub struct GuardView {
        /// "copied_run", "copied_share", "near_duplicate", "repetition", "sense", "length", "topic"
        /// or "bot_tell".
        pub guard: String,
        /// Drafts that violate it.
        pub touched: u32,
        /// Drafts checked; 1 if they were checked together.
        pub of: u32,
        /// The worst violation, in a sentence.
        pub sentence: String,
    }
    /// How often the shipped text is rated more likely than the draft.
    pub struct PreferenceView {
        /// Edits outside the training split.
        pub pairs: u32,
        /// By the candidate.
        pub adapter: f64,
        /// By the best prompt.
        pub prompt: f64,
        /// By the adapter that was active before.
        pub incumbent: Option<f64>,
    }
    /// One adapter.
    pub struct AdapterView {
        /// Its id.
        pub adapter: i64,
        /// Its status.
        pub status: AdapterStatus,
        /// Its base.
        pub base: String,
        /// The run that made it.
        pub run: Option<i64>,
        /// "quick" or "nightly".
        pub recipe: String,
        /// Training rows.
        pub n_rows: u32,
        /// Its verdict.
        pub verdict: Option<VerdictView>,
        /// Creation time, RFC 3339.
        pub made_at: String,
        /// Its folder.
        pub path: String,
    }
    /// The adapters, newest first.
    pub struct AdapterList {
        /// The active writer, in words.
        pub ghost: String,
        /// The active adapter; absent for the base alone.
        pub active: Option<i64>,
        /// The adapter that a rollback would activate; 0 is the base alone.
        pub previous: Option<i64>,
        /// All of them.
        pub adapters: Vec<AdapterView>,
    }
    /// A reference to one adapter.
    pub struct AdapterRef {
        /// Its id; 0 is the base alone.
        pub adapter: i64,
    }
    /// A remote model to compare with.
    pub struct RemoteForm {
        /// Address of its API: "https://…/v1". Empty removes it.
        pub address: String,
        /// Name of the model.
        #[serde(default)]
        pub model: String,
        /// "openai" (chat completions, the default) or "anthropic".
        #[serde(default, alias = "dialect")]
        pub api: Option<String>,
        /// API key; never shown again.
        #[serde(default)]
        pub key: Option<String>,
        /// Price per million input tokens.
        #[serde(default, alias = "reading")]
        pub input_price: Option<f64>,
        /// Price per million output tokens.
        #[serde(default, alias = "writing")]
        pub output_price: Option<f64>,
        /// The writer's consent to upload pieces of the archive.
        #[serde(default, alias = "may_send")]
        pub allow_upload: bool,
    }
    /// The remote model, if one is set.
    pub struct RemoteView {
        /// Address of its API.
        #[serde(default)]
        pub address: Option<String>,
        /// Name of the model.
        #[serde(default)]
        pub model: Option<String>,
        /// Whether a key is stored.
        pub has_key: bool,
        /// What is sent where, to be read before consenting.
        pub warning: String,
    }
    /// A request for an evaluation.
    pub struct EvaluateAdapter {
        /// The adapter's id; the newest if absent.
        #[serde(default)]
        pub adapter: Option<i64>,
        /// Sample size: "quick" or "nightly"; that of the adapter's recipe if absent.
        #[serde(default)]
        pub recipe: Option<String>,
        /// Makes the verdict repeatable; a fixed number if absent.
        #[serde(default)]
        pub random_seed: Option<u64>,
    }
    /// The verdict of an evaluation.
    pub struct Evaluation {
        /// The adapter.
        pub adapter: i64,
        /// The verdict.
        pub verdict: VerdictView,
    }
    /// A request to export an adapter.
    pub struct ExportAdapter {
        /// "peft".
        pub format: String,
        /// The adapter.
        pub adapter: i64,
        /// A new or empty folder.
        pub out: String,
    }
    /// A finished export.
    pub struct Exported {
        /// The folder.
        pub path: String,
        /// Its files.
        pub files: Vec<String>,
    }

    /// A request for a prompt search.
    pub struct OptimizePrompt {
        /// Size of the search: "quick" or "nightly" (the default).
        #[serde(default)]
        pub recipe: Option<String>,
    }
    /// The optimized prompts for this archive.
    pub struct OptimizedPrompt {
        /// The prompt with the fewest bits, in words.
        pub by_bits: String,
        /// The prompt whose drafts score closest to the writer, in words; drafts use it.
        pub by_voice: String,
        /// All prompts tried, best first, with bits per byte on the validation pieces.
        pub tried: Vec<PromptTrial>,
        /// Bits per byte of a plain request.
        pub bare: f64,
        /// Voice scores of the finalists' drafts.
        pub heard: Vec<PromptTrial>,
    }
    /// One prompt that was tried.
    pub struct PromptTrial {
        /// The prompt, in words.
        pub program: String,
        /// Its figure.
        pub figure: f64,
    }

    // ── seeds of existing pieces ────────────────────────────────────────────────────────────

    /// The seed of an existing piece.
    pub struct PieceSeed {
        /// The piece.
        pub piece: i64,
        /// The seed.
        pub seed: SeedForm,
        /// The request, as the base sees it.
        pub request: String,
        /// "extracted" from the piece, proposed by the "base", or set by the "writer".
        pub origin: String,
        /// Bits per byte that the seed saves the base on the piece; absent until it was chosen.
        pub saves: Option<f64>,
        /// Wording of the piece that the seed gives away.
        pub leak: Option<String>,
    }
    /// Sets the seed of a piece.
    pub struct SaveSeed {
        /// The piece.
        pub piece: i64,
        /// The seed; if absent, the writer's seed is removed.
        #[serde(default)]
        pub seed: Option<SeedForm>,
    }
    /// Lets the base choose seeds for pieces without one.
    #[derive(Default)]
    pub struct ChooseSeeds {
        /// Time limit in minutes; 10 if absent.
        #[serde(default)]
        pub minutes: Option<f64>,
    }
    /// The result of choosing seeds.
    pub struct SeedsReport {
        /// Seeds chosen now.
        pub chosen: u32,
        /// Pieces without a chosen seed.
        pub left: u32,
        /// Mean bits per byte that the chosen seeds save the base.
        pub saves: Option<f64>,
        /// Duration in seconds.
        pub seconds: f64,
        /// Summary, one sentence.
        pub sentence: String,
    }

    // ── profile ─────────────────────────────────────────────────────────────────────────────

    /// A request for the writer's style profile, optionally compared with a draft.
    #[derive(Default)]
    pub struct ProfileRequest {
        /// A draft: the writer's text so far, or as shipped.
        #[serde(default)]
        pub draft: Option<i64>,
        /// Compare the generated text, not the edited one.
        #[serde(default)]
        pub as_drafted: bool,
    }
    /// The writer's style profile.
    pub struct ProfileView {
        /// Pieces read.
        pub pieces: u32,
        /// Words of the draft.
        pub draft_words: Option<u32>,
        /// All figures.
        pub figures: Vec<FigureView>,
        /// The most frequent sentence openers.
        pub openers: Vec<OpenerView>,
        /// What is unusual about the draft, most unusual first.
        pub sentences: Vec<String>,
    }
    /// One figure of the profile.
    pub struct FigureView {
        /// "rhythm", "openers", "punctuation" or "certainty".
        pub theme: String,
        /// What is measured.
        pub name: String,
        /// Its unit.
        pub unit: String,
        /// Mean over the writer's pieces.
        pub writer: f64,
        /// Standard deviation over the writer's pieces.
        pub spread: f64,
        /// The draft's value.
        pub draft: Option<f64>,
        /// Distance of the draft from the mean, in standard deviations.
        pub off: Option<f64>,
        /// Whether the draft is outside the writer's range.
        pub unusual: bool,
    }
    /// A sentence opener, in percent of all sentences.
    pub struct OpenerView {
        /// The word.
        pub word: String,
        /// The writer's share.
        pub writer: f64,
        /// The draft's.
        pub draft: Option<f64>,
    }

    // ── readiness ───────────────────────────────────────────────────────────────────────────

    /// Whether fine-tuning is worthwhile: the recommendation, its reasons, the costs.
    pub struct ReadinessView {
        /// The recommendation.
        pub recommendation: Recommendation,
        /// The main reason, one sentence.
        pub sentence: String,
        /// How complete the material is, 0 to 1; 0.5 is enough.
        pub maturity: f64,
        /// How close the optimized prompt gets, 0 to 1; 0.8 is enough. Absent if not measured.
        pub ceiling: Option<f64>,
        /// The material.
        pub material: MaterialView,
        /// Five reasons not to fine-tune.
        pub skip: Vec<ReasonView>,
        /// Four reasons to fine-tune.
        pub go: Vec<ReasonView>,
        /// Costs, local and hosted.
        pub costs: CostsView,
    }
    /// The material to learn from.
    pub struct MaterialView {
        /// All pieces.
        pub pieces: u32,
        /// All words.
        pub words: u32,
        /// Pieces that can be trained on.
        pub usable_pieces: u32,
        /// Words by the writer in them.
        pub usable_words: u32,
        /// Shipped drafts.
        pub pairs: u32,
        /// Pieces held out for the verdict.
        pub test: u32,
    }
    /// One reason.
    pub struct ReasonView {
        /// "Not enough of your writing yet".
        pub what: String,
        /// Whether it applies; absent if not measured.
        pub holds: Option<bool>,
        /// The figure it is based on.
        pub figure: String,
    }
    /// Costs by place.
    pub struct CostsView {
        /// Date of the prices.
        pub as_of: String,
        /// Their currency.
        pub currency: String,
        /// Training runs per month.
        pub runs_a_month: f64,
        /// Path of the writer's own price table; built-in example prices are used without one.
        pub table: String,
        /// Whether that table exists.
        pub own_table: bool,
        /// This computer first.
        pub rungs: Vec<RungView>,
    }
    /// The costs of one place to train and write.
    pub struct RungView {
        /// "here", "hosted", "serverless" or "dedicated".
        pub place: String,
        /// One training run.
        pub one_run: Option<f64>,
        /// One month.
        pub a_month: Option<f64>,
        /// Hours of this computer per month.
        pub hours: Option<f64>,
        /// Kilowatt hours per month.
        pub energy: Option<f64>,
        /// One sentence.
        pub sentence: String,
    }

    // ── doctor ──────────────────────────────────────────────────────────────────────────────

    /// A health check.
    pub struct DoctorReport {
        /// Whether everything is in order.
        pub ok: bool,
        /// One per check.
        pub findings: Vec<Finding>,
    }
    /// One finding.
    pub struct Finding {
        /// The check: "store", "base", "device", "disk", "runs".
        pub about: String,
        /// Whether it is in order.
        pub ok: bool,
        /// One sentence.
        pub sentence: String,
    }
}
