//! `learn`: trains and waits for the result. Ctrl-C stops the run so that it can be resumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ghost_core::id::RunId;
use ghost_desk::commands;
use ghost_desk::failure::Result;
use ghost_desk::wire::{RunStateName, RunView, StartRun};
use serde_json::json;

use super::output::Output;
use super::plain;
use super::streams::err;

/// Starts or resumes a run, and reports it to its end.
pub(crate) fn learn(output: &Output, ask: StartRun) -> Result<i32> {
    let run = follow(output, ask)?;
    output.print(&run, plain::run);
    Ok(i32::from(matches!(run.state, RunStateName::Failed | RunStateName::Interrupted)))
}

/// The same, without printing the result.
pub(crate) fn follow(output: &Output, ask: StartRun) -> Result<RunView> {
    stop_on_ctrl_c(output);
    let begun: RunView = output.call("run_start", ask)?;
    output.desk.follow(RunId(begun.run), &mut |event| output.on_event(&event))
}

/// The first Ctrl-C stops the run; the second only stops waiting, as the run is another process.
fn stop_on_ctrl_c(output: &Output) {
    let desk = output.desk.clone();
    let asked = Arc::new(AtomicBool::new(false));
    // Without a handler, Ctrl-C ends this process and leaves the run active, which loses nothing.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        err("\nstopping; progress so far is saved\n");
        let _ = commands::call(&desk, "run_stop", json!({}), &mut |_| {});
    });
}
