//! Learns and waits for it. Ctrl-C stops the run so that it can be gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ghost_core::id::RunId;
use ghost_desk::commands;
use ghost_desk::failure::Result;
use ghost_desk::wire::{RunStateName, RunView, StartRun};
use serde_json::json;

use super::plain;
use super::say::{Teller, err};

/// Begins or goes on with a run, and tells it to its end.
pub(crate) fn learn(tell: &Teller, ask: StartRun) -> Result<i32> {
    let run = follow(tell, ask)?;
    tell.tell(&run, plain::run);
    Ok(i32::from(matches!(run.state, RunStateName::Failed | RunStateName::Interrupted)))
}

/// The same, told to nobody at the end.
pub(crate) fn follow(tell: &Teller, ask: StartRun) -> Result<RunView> {
    stop_on_ctrl_c(tell);
    let begun: RunView = tell.ask("run_start", ask)?;
    tell.desk.follow(RunId(begun.run), &mut |event| tell.hear(&event))
}

/// The first Ctrl-C stops the run, the second only the waiting: the run's process is another.
fn stop_on_ctrl_c(tell: &Teller) {
    let desk = tell.desk.clone();
    let asked = Arc::new(AtomicBool::new(false));
    // Without a handler Ctrl-C ends us and leaves the run at work, which is no loss either.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        err("\nstopping; what is learned so far is kept\n");
        let _ = commands::call(&desk, "run_stop", json!({}), &mut |_| {});
    });
}
