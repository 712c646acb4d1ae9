//! The command table: every command, its request, its answer and a sentence about it.
//!
//! Each command is one entry of this table; the page gets its types from `ui/src/wire.ts`, which
//! the tests write. While a command runs it may report events through `on_event`; the caller decides
//! where they go.

use serde_json::Value;

use crate::desk::Desk;
use crate::doctor::Doctor;
use crate::event::OnEvent;
use crate::failure::{Code, Failure, Result};
use crate::readiness::Readiness;
use crate::wire::*;
use crate::{profile, remote_model};

/// Declares all commands once: the arm that runs a command, its entry in [`COMMANDS`], and the
/// TypeScript signature that calls it.
macro_rules! commands {
    ($( #[doc = $doc:literal] $name:ident($request:ty) -> $answer:ty = $body:expr; )*) => {
        /// Every command: its name and its description.
        pub const COMMANDS: &[(&str, &str)] = &[$( (stringify!($name), $doc) ),*];

        /// Runs the command called `name`.
        ///
        /// # Errors
        /// `unknown_command`, `bad_input` if the request does not match, or the command's own.
        pub fn call(desk: &Desk, name: &str, request: Value, on_event: &mut OnEvent<'_>) -> Result<Value> {
            match current_name(name) {
                $( stringify!($name) => {
                    let request: $request = serde_json::from_value(request)
                        .map_err(|e| Failure::new(Code::BadInput, format!("{name}: {e}")))?;
                    let body: fn(&Desk, $request, &mut OnEvent<'_>) -> Result<$answer> = $body;
                    let answer = body(desk, request, on_event)?;
                    serde_json::to_value(answer).map_err(|e| Failure::new(Code::Bug, e.to_string()))
                } )*
                other => Err(Failure::new(
                    Code::UnknownCommand,
                    format!("Unknown command \u{201c}{other}\u{201d}."),
                )),
            }
        }

        /// The signatures, for TypeScript: name → [request, answer].
        #[cfg(test)]
        #[derive(ts_rs::TS)]
        #[ts(export, export_to = "wire.ts")]
        #[allow(dead_code, non_snake_case)]
        pub(crate) struct Commands { $( #[doc = $doc] $name: ($request, $answer), )* }
    };
}

/// Former names of commands, and their current ones. They are accepted for one release.
pub const RENAMED: &[(&str, &str)] = &[
    ("author_say", "authors_set"),
    ("fit_read", "readiness_read"),
    ("elsewhere_read", "remote_read"),
    ("elsewhere_set", "remote_set"),
    ("adapter_judge", "adapter_evaluate"),
    ("prompt_compile", "prompt_optimize"),
    ("judge_stop", "evaluation_stop"),
    ("ghost_rollback", "adapter_rollback"),
];

/// The current name of a command that may be called by a former one.
fn current_name(name: &str) -> &str {
    RENAMED.iter().find(|(former, _)| *former == name).map_or(name, |(_, current)| current)
}

commands! {
    #[doc = "The state of the desk: base, active adapter, archive, the saved seed form, the current run."]
    desk_read(Nothing) -> DeskView = |desk, _, _| desk.view();
    #[doc = "Saves the seed form."]
    form_save(SeedForm) -> Saved = |desk, form, _| desk.drafts().save_form(form);

    #[doc = "Imports files and folders into the archive."]
    archive_import(Import) -> ImportReport = |desk, ask, on_event| desk.archive().import(ask, on_event);
    #[doc = "Stops the import in progress after the current file; what was read stays."]
    import_stop(Nothing) -> Nothing = |desk, _, _| desk.archive().stop_import();
    #[doc = "Sets which names are the writer's; pieces by other authors are not trained on."]
    authors_set(SetAuthors) -> ArchiveView = |desk, ask, _| desk.archive().set_authors(ask);
    #[doc = "The archive: its pieces, the warnings of the last import, the watched folders."]
    archive_read(Nothing) -> ArchiveView = |desk, _, _| desk.archive().view();
    #[doc = "One piece with its text."]
    piece_read(PieceRef) -> PieceText = |desk, ask, _| desk.archive().piece(ask.piece);
    #[doc = "The seed of a piece."]
    piece_seed_read(PieceRef) -> PieceSeed = |desk, ask, _| desk.archive().piece_seed(&ask);
    #[doc = "Sets the seed of a piece, or forgets the one that was set."]
    piece_seed_save(SaveSeed) -> PieceSeed = |desk, ask, _| desk.archive().save_piece_seed(ask);
    #[doc = "Lets the base choose seeds for existing pieces, within a time limit."]
    seeds_choose(ChooseSeeds) -> SeedsReport = |desk, ask, on_event| desk.archive().choose_seeds(desk.bases(), &ask, on_event);
    #[doc = "Watches a folder for new and changed posts, or stops watching it."]
    folder_watch(WatchFolder) -> ArchiveView = |desk, ask, _| desk.watched().watch(ask);

    #[doc = "The installed bases."]
    base_list(Nothing) -> BaseList = |desk, _, _| desk.bases().list();
    #[doc = "Checks a base and makes it the base in use."]
    base_use(UseBase) -> BaseView = |desk, ask, _| desk.bases().use_base(&ask.file);

    #[doc = "Writes a draft from a seed; the text streams."]
    draft_write(WriteDraft) -> DraftView = |desk, ask, on_event| desk.drafts().write(ask, on_event);
    #[doc = "Stops the draft in progress; its text so far is kept."]
    draft_stop(Nothing) -> Nothing = |desk, _, _| desk.drafts().stop();
    #[doc = "One draft with the writer's text so far."]
    draft_read(DraftRef) -> DraftView = |desk, ask, _| desk.drafts().draft(ask.draft);
    #[doc = "The drafts, newest first."]
    draft_list(Nothing) -> DraftList = |desk, _, _| desk.drafts().list();
    #[doc = "Saves the writer's text so far."]
    draft_save(SaveDraft) -> Saved = |desk, ask, _| desk.drafts().save(ask);
    #[doc = "Ships the writer's text: the edit is measured and becomes a training row."]
    draft_ship(ShipDraft) -> EditView = |desk, ask, _| desk.drafts().ship(ask);
    #[doc = "The edit of a draft: as shipped, or as the given or current text would make it."]
    edit_read(ShipDraft) -> EditView = |desk, ask, _| desk.drafts().edit(ask);
    #[doc = "The writer's style in figures, and how a draft differs from it."]
    profile_read(ProfileRequest) -> ProfileView = |desk, ask, _| profile::view(desk.workspace(), &ask);
    #[doc = "The training data: every row as the base sees it."]
    row_list(Nothing) -> RowList = |desk, _, _| desk.archive().rows();
    #[doc = "Excludes a row from training and evaluation, or includes it again."]
    row_exclude(ExcludeRow) -> RowList = |desk, ask, _| desk.archive().exclude_row(ask);

    #[doc = "Trains in a process of its own; resumes an unfinished run unless `new`."]
    run_start(StartRun) -> RunView = |desk, ask, _| desk.runs().start_or_resume(ask);
    #[doc = "Stops the run in progress; it can be resumed."]
    run_stop(Nothing) -> RunView = |desk, _, _| desk.runs().stop();
    #[doc = "One run with its training curve."]
    run_read(RunRef) -> RunView = |desk, ask, _| desk.runs().run(ask.run);
    #[doc = "The runs, newest first."]
    run_list(Nothing) -> RunList = |desk, _, _| desk.runs().list();

    #[doc = "The remote model that evaluations compare with, and what is sent to it."]
    remote_read(Nothing) -> RemoteView = |desk, _, _| remote_model::view(desk.workspace());
    #[doc = "Sets or removes the remote model that evaluations compare with; it is sent pieces of the archive."]
    remote_set(RemoteForm) -> RemoteView = |desk, form, _| remote_model::set(desk.workspace(), form);
    #[doc = "Evaluates an adapter on the test pieces against the base and the optimized prompt."]
    adapter_evaluate(EvaluateAdapter) -> Evaluation = |desk, ask, on_event| desk.evaluator().evaluate_adapter(ask, on_event);
    #[doc = "Searches for the best prompt for this archive; drafts use it when asked for \"prompt\"."]
    prompt_optimize(OptimizePrompt) -> OptimizedPrompt = |desk, ask, on_event| desk.evaluator().optimize_prompt(ask, on_event);
    #[doc = "Stops the evaluation or prompt search in progress; measurements are kept."]
    evaluation_stop(Nothing) -> Nothing = |desk, _, _| desk.evaluator().stop();
    #[doc = "The adapters, and which one is active."]
    adapter_list(Nothing) -> AdapterList = |desk, _, _| desk.adapters().list();
    #[doc = "Makes an adapter the active one; 0 is the base alone."]
    adapter_promote(AdapterRef) -> AdapterList = |desk, ask, _| desk.adapters().promote(ask.adapter);
    #[doc = "Retires an adapter."]
    adapter_retire(AdapterRef) -> AdapterList = |desk, ask, _| desk.adapters().retire(ask.adapter);
    #[doc = "Makes the previously active adapter active again."]
    adapter_rollback(Nothing) -> AdapterList = |desk, _, _| desk.adapters().roll_back();
    #[doc = "Exports an adapter in a layout that other programs read."]
    adapter_export(ExportAdapter) -> Exported = |desk, ask, _| desk.adapters().export(ask);

    #[doc = "Whether fine-tuning is worthwhile: the recommendation, its reasons with figures, and the costs."]
    readiness_read(Nothing) -> ReadinessView = |desk, _, _| Readiness { workspace: desk.workspace() }.view();

    #[doc = "A health check of store, base, device and runs."]
    doctor(Nothing) -> DoctorReport = |desk, _, _| {
        Doctor { workspace: desk.workspace(), bases: desk.bases(), runs: desk.runs() }.report()
    };
}
