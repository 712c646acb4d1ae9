//! The priority of a run's process: the lowest there is, so that whatever a person does at the
//! computer comes first.

use std::ffi::OsString;
use std::process::Command;

/// Set to "normal", it leaves a run the priority of whoever started it: for a computer that has
/// nothing else to do, and for tests.
const VARIABLE: &str = "GHOST_PRIORITY";

fn is_normal() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "normal")
}

/// Lowers the priority of this thread and of those that it starts from now on. A system that
/// refuses is no reason not to learn.
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

/// Nothing to do: elsewhere the process is started with its priority, where that can be.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {}

/// The command that starts a run's program.
pub(crate) fn command(program: &OsString) -> Command {
    // Apple's own tool gives a process the class of background work, which is that of backups: for
    // the processor, the disk and the fans.
    const TASKPOLICY: &str = "/usr/sbin/taskpolicy";
    if cfg!(target_os = "macos") && !is_normal() && std::path::Path::new(TASKPOLICY).exists() {
        let mut command = Command::new(TASKPOLICY);
        command.arg("-b").arg(program);
        return command;
    }
    Command::new(program)
}
