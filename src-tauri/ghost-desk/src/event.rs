//! Everything that can happen while nobody asks: a closed list.
//!
//! Events are told, not kept: a window that opens later reads the store.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::wire::{DraftView, ImportReport, RunProgress, RunView, StepView, VerdictView};

/// Something happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export, export_to = "wire.ts"))]
#[serde(tag = "event", rename_all = "snake_case")]
// They are told one at a time and never kept in number.
#[allow(clippy::large_enum_variant)]
pub enum Event {
    /// An import is under way.
    ImportProgressed {
        /// Files read.
        done: u32,
        /// Files found so far.
        of: u32,
        /// The file at hand.
        path: String,
        /// Pieces kept so far.
        pieces: u32,
        /// Complaints so far.
        complaints: u32,
    },
    /// A watched folder changed, or an import ended elsewhere.
    ArchiveChanged {
        /// What was found.
        report: ImportReport,
    },
    /// A draft was begun.
    DraftStarted {
        /// Which.
        draft: i64,
    },
    /// A long draft's sections are being planned; nothing grows until they are.
    DraftPlanning {
        /// Which.
        draft: i64,
    },
    /// A draft grew.
    DraftGrew {
        /// Which.
        draft: i64,
        /// By what.
        text: String,
    },
    /// A draft ended. The last message of the command that writes it.
    DraftWritten {
        /// The whole of it.
        draft: DraftView,
    },
    /// A draft could not be written. The last message of the command that writes it.
    DraftFailed {
        /// Why.
        failure: Failure,
    },
    /// The graphics card failed while the ghost wrote; the processor went on. Told once.
    CardLost {
        /// What happened.
        sentence: String,
    },
    /// A run began, paused, went on or ended.
    RunChanged {
        /// How it stands; its curve is left out.
        run: RunView,
    },
    /// A run did a step.
    RunStepped {
        /// Which.
        run: i64,
        /// The step.
        step: StepView,
    },
    /// A run goes on, or only time passed.
    RunProgressed {
        /// Which.
        run: i64,
        /// What it is doing.
        progress: RunProgress,
    },
    /// A verdict is being reached.
    JudgeProgressed {
        /// The adapter.
        adapter: i64,
        /// Things measured.
        done: u32,
        /// Of so many, as far as is known.
        of: u32,
    },
    /// A verdict was reached.
    VerdictReached {
        /// The adapter.
        adapter: i64,
        /// What was decided.
        verdict: VerdictView,
    },
    /// Somebody else writes now.
    GhostChanged {
        /// Who, in words.
        ghost: String,
        /// The adapter; the bare base where there is none.
        adapter: Option<i64>,
    },
}
