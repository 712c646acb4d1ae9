//! Process priority: a training run gets the lowest, so that it does not slow down other work.

use std::ffi::OsString;
use std::process::Command;

/// Environment variable. "normal" keeps the default priority: for computers with nothing else to do,
/// and for tests.
const VARIABLE: &str = "GHOST_PRIORITY";

fn is_normal() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "normal")
}

/// Lowers the priority of this thread and of the threads it starts. Ignored if the system refuses.
#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    if is_normal() {
        return;
    }
    // Niceness 19.
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    let lowest = thread_priority::ThreadPriority::Min;
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), lowest, policy) {
        log::warn!("priority: {error}");
    }
}

/// Does nothing: on other systems the priority is set when the process starts, if at all.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {}

/// The command that starts a run's process.
pub(crate) fn command(program: &OsString) -> Command {
    // `taskpolicy -b` is Apple's background class, as for backups: for CPU, disk and fans.
    const TASKPOLICY: &str = "/usr/sbin/taskpolicy";
    if cfg!(target_os = "macos") && !is_normal() && std::path::Path::new(TASKPOLICY).exists() {
        let mut command = Command::new(TASKPOLICY);
        command.arg("-b").arg(program);
        return command;
    }
    Command::new(program)
}
