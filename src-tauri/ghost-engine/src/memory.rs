//! Free memory, and the memory that this process takes.

use sysinfo::{MemoryRefreshKind, System};

/// Bytes that this process can have without taking them from others; `None` where
/// the system doesn't say.
pub fn available() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let whole = (system.available_memory() > 0).then(|| system.available_memory());
    let share = system.cgroup_limits().map(|limits| limits.free_memory);
    whole.into_iter().chain(share).min()
}

/// The maximum of bytes this process has held; 0 where the system doesn't say (all but Linux).
pub fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:").unwrap_or(0)
}

/// Bytes this process holds now, pages of files among them; 0 where the system doesn't say.
pub fn held() -> u64 {
    field("/proc/self/status", "VmRSS:").unwrap_or(0)
}

/// Bytes this process holds now that no file could give back; 0 where the system doesn't say.
pub fn own() -> u64 {
    field("/proc/self/status", "RssAnon:").unwrap_or(0)
}

/// Forgets the peak, so that the next one is of what comes after; does nothing where the system
/// doesn't allow it.
pub fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
