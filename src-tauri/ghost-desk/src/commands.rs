//! The one door: every command, its request, its answer, one sentence.
//!
//! A command is one line in this table. If it is not here it does not exist; the page learns of
//! it from `ui/src/wire.ts`, which the tests write. While a command works it may tell what
//! happens through `hear`; whoever calls decides where that goes.

use serde_json::Value;

use crate::Desk;
use crate::event::Event;
use crate::failure::{Code, Failure, Result};
use crate::wire::*;

/// Declares the whole command surface once: the arm that runs a command, its entry in
/// [`COMMANDS`], and the TypeScript signature that calls it.
macro_rules! commands {
    ($( #[doc = $doc:literal] $name:ident($request:ty) -> $answer:ty = $body:expr; )*) => {
        /// Every command: its name and its sentence.
        pub const COMMANDS: &[(&str, &str)] = &[$( (stringify!($name), $doc) ),*];

        /// Runs the command called `name`.
        ///
        /// # Errors
        /// `unknown_command`, `bad_input` when the request does not fit, or the command's own.
        pub fn call(desk: &Desk, name: &str, request: Value, hear: &mut Hear<'_>) -> Result<Value> {
            match name {
                $( stringify!($name) => {
                    let request: $request = serde_json::from_value(request)
                        .map_err(|e| Failure::new(Code::BadInput, format!("{name}: {e}")))?;
                    let body: fn(&Desk, $request, &mut Hear<'_>) -> Result<$answer> = $body;
                    let answer = body(desk, request, hear)?;
                    serde_json::to_value(answer).map_err(|e| Failure::new(Code::Bug, e.to_string()))
                } )*
                other => Err(Failure::new(
                    Code::UnknownCommand,
                    format!("There is no command called \u{201c}{other}\u{201d}."),
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

/// Where what happens while a command works is told.
pub type Hear<'a> = dyn FnMut(Event) + 'a;

commands! {
    #[doc = "How the desk stands: base, ghost, archive, the seed form as it was left, the run at work."]
    desk_read(Nothing) -> DeskView = |desk, _, _| desk.view();
    #[doc = "Keeps the seed form as it is."]
    form_save(SeedForm) -> Saved = |desk, form, _| desk.save_form(form);

    #[doc = "Reads files and folders into the archive."]
    archive_import(Import) -> ImportReport = |desk, ask, hear| desk.import(ask, hear);
    #[doc = "Stops the import at work after the file at hand; what was read stays."]
    import_stop(Nothing) -> Nothing = |desk, _, _| desk.stop_import();
    #[doc = "Says which names are the writer's; the pieces of others are not learned from."]
    author_say(SayAuthor) -> ArchiveView = |desk, ask, _| desk.say_author(ask);
    #[doc = "The archive: its pieces, the last complaints, the watched folders."]
    archive_read(Nothing) -> ArchiveView = |desk, _, _| desk.archive();
    #[doc = "One piece, whole."]
    piece_read(PieceRef) -> PieceText = |desk, ask, _| desk.piece(ask.piece);
    #[doc = "What a piece would have been asked for with."]
    piece_seed_read(PieceRef) -> PieceSeed = |desk, ask, _| desk.piece_seed(&ask);
    #[doc = "Puts the seed of a piece right, or forgets what was put right."]
    piece_seed_save(SaveSeed) -> PieceSeed = |desk, ask, _| desk.save_piece_seed(ask);
    #[doc = "Lets the untouched base choose seeds for old pieces, for so many minutes."]
    seeds_choose(ChooseSeeds) -> SeedsReport = |desk, ask, hear| desk.choose_seeds(&ask, hear);
    #[doc = "Watches a folder for new and changed posts, or stops watching it."]
    folder_watch(WatchFolder) -> ArchiveView = |desk, ask, _| desk.watch(ask);

    #[doc = "The bases on this computer."]
    base_list(Nothing) -> BaseList = |desk, _, _| desk.bases();
    #[doc = "Checks a file and uses it as the base from now on."]
    base_use(UseBase) -> BaseView = |desk, ask, _| desk.use_base(&ask.file);

    #[doc = "Writes a draft from a seed; it streams as it grows."]
    draft_write(WriteDraft) -> DraftView = |desk, ask, hear| desk.write(ask, hear);
    #[doc = "Stops the draft that is being written; what there is stays."]
    draft_stop(Nothing) -> Nothing = |desk, _, _| desk.stop_writing();
    #[doc = "One draft, with the writer's text so far."]
    draft_read(DraftRef) -> DraftView = |desk, ask, _| desk.draft(ask.draft);
    #[doc = "The drafts, the newest first."]
    draft_list(Nothing) -> DraftList = |desk, _, _| desk.drafts();
    #[doc = "Keeps the writer's text so far."]
    draft_save(SaveDraft) -> Saved = |desk, ask, _| desk.save_draft(ask);
    #[doc = "Ships the writer's text: the edit is measured and becomes a row."]
    draft_ship(ShipDraft) -> EditView = |desk, ask, _| desk.ship(ask);
    #[doc = "The edit of a draft: as shipped, or as the given or present text would make it."]
    edit_read(ShipDraft) -> EditView = |desk, ask, _| desk.edit(ask);
    #[doc = "How the writer writes, in figures, and where a draft does otherwise."]
    profile_read(ProfileAsked) -> ProfileView = |desk, ask, _| desk.profile(&ask);
    #[doc = "Every row, as the base would see it."]
    row_list(Nothing) -> RowList = |desk, _, _| desk.rows();
    #[doc = "Excludes a row from learning and judging, or takes it in again."]
    row_exclude(ExcludeRow) -> RowList = |desk, ask, _| desk.exclude_row(ask);

    #[doc = "Learns in a process of its own; goes on with an unfinished run unless `new`."]
    run_start(StartRun) -> RunView = |desk, ask, _| desk.learn(ask);
    #[doc = "Stops the run at work; it can be gone on with."]
    run_stop(Nothing) -> RunView = |desk, _, _| desk.stop_learning();
    #[doc = "One run with its curve."]
    run_read(RunRef) -> RunView = |desk, ask, _| desk.run(ask.run);
    #[doc = "The runs, the newest first."]
    run_list(Nothing) -> RunList = |desk, _, _| desk.runs();

    #[doc = "The model elsewhere that verdicts ask as well, and what is sent to it."]
    elsewhere_read(Nothing) -> ElsewhereView = |desk, _, _| desk.elsewhere();
    #[doc = "Lets verdicts ask a model elsewhere as well, or no more; it is sent pieces of the archive."]
    elsewhere_set(ElsewhereForm) -> ElsewhereView = |desk, form, _| desk.set_elsewhere(form);
    #[doc = "Judges an adapter on the held-out pieces against the bare base and the best prompt."]
    adapter_judge(JudgeAdapter) -> Judged = |desk, ask, hear| desk.judge(ask, hear);
    #[doc = "Searches for the best prompt on this archive; it writes where \"prompt\" is asked to."]
    prompt_compile(CompilePrompt) -> CompiledView = |desk, ask, hear| desk.compile(ask, hear);
    #[doc = "Stops the verdict or search at hand; what was measured is kept."]
    judge_stop(Nothing) -> Nothing = |desk, _, _| desk.stop_judging();
    #[doc = "The adapters, and who writes."]
    adapter_list(Nothing) -> Ghosts = |desk, _, _| desk.ghosts();
    #[doc = "Lets an adapter write from now on; 0 is the bare base."]
    adapter_promote(AdapterRef) -> Ghosts = |desk, ask, _| desk.promote(ask.adapter);
    #[doc = "Puts an adapter away."]
    adapter_retire(AdapterRef) -> Ghosts = |desk, ask, _| desk.retire(ask.adapter);
    #[doc = "Lets whoever wrote before write again."]
    ghost_rollback(Nothing) -> Ghosts = |desk, _, _| desk.roll_back();
    #[doc = "Copies an adapter out, in a layout that other programs read."]
    adapter_export(ExportAdapter) -> Exported = |desk, ask, _| desk.export(ask);

    #[doc = "Whether to fine-tune at all: the answer, its reasons with figures, and what it costs."]
    fit_read(Nothing) -> FitView = |desk, _, _| desk.fit();

    #[doc = "How things stand, in sentences."]
    doctor(Nothing) -> DoctorReport = |desk, _, _| desk.doctor();
}
