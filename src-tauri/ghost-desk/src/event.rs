//! Events: a closed list of what can happen in the background or during a command.
//!
//! Events are not stored: a window that opens later reads the store.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::wire::{DraftView, ImportReport, RunProgress, RunView, StepView, VerdictView};

/// Receives events while a command runs.
pub type OnEvent<'a> = dyn FnMut(Event) + 'a;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[serde(tag = "event", rename_all = "snake_case")]
// Events are sent one at a time and never collected in number.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// An import is in progress.
    ImportProgressed {
        /// Files read.
        done: u32,
        /// Files found.
        of: u32,
        /// The current file.
        path: String,
        /// Pieces so far.
        pieces: u32,
        /// Warnings so far.
        warnings: u32,
    },
    /// A watched folder changed, or an import ended in another window.
    ArchiveChanged {
        /// The result.
        report: ImportReport,
    },
    /// A draft was started.
    DraftStarted {
        /// The draft.
        draft: i64,
    },
    /// The sections of a long draft are being planned; no text follows until they are.
    DraftPlanning {
        /// The draft.
        draft: i64,
    },
    /// A draft grew.
    DraftGrew {
        /// The draft.
        draft: i64,
        /// The added text.
        text: String,
    },
    /// A draft ended. The last event of its command.
    DraftWritten {
        /// The whole draft.
        draft: DraftView,
    },
    /// A draft failed. The last event of its command.
    DraftFailed {
        /// The reason.
        failure: Failure,
    },
    /// The GPU failed during a draft, which continued on the CPU. Sent once.
    GpuFailed {
        /// What happened, one sentence.
        sentence: String,
    },
    /// A run started, stopped, resumed or ended.
    RunChanged {
        /// The run, without its curve.
        run: RunView,
    },
    /// A run finished a step.
    RunStepped {
        /// The run.
        run: i64,
        /// The step.
        step: StepView,
    },
    /// A run progressed, or time passed.
    RunProgressed {
        /// The run.
        run: i64,
        /// Its progress.
        progress: RunProgress,
    },
    /// An evaluation is in progress.
    EvaluationProgressed {
        /// The adapter.
        adapter: i64,
        /// Items measured.
        done: u32,
        /// Items in total, as far as known.
        of: u32,
    },
    /// A verdict was reached.
    VerdictReached {
        /// The adapter.
        adapter: i64,
        /// The verdict.
        verdict: VerdictView,
    },
    /// Another adapter is active, or the base alone.
    GhostChanged {
        /// The active writer, in words.
        ghost: String,
        /// The active adapter; absent for the base alone.
        adapter: Option<i64>,
    },
}
