//! What memory there is, and how much was taken. Linux says; elsewhere we don't know yet, and
//! say so with `None` and 0.

/// Bytes that can be had without pushing others out.
pub fn available() -> Option<u64> {
    field("/proc/meminfo", "MemAvailable:")
}

/// Most bytes this process has held; 0 where the system doesn't say.
pub fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:").unwrap_or(0)
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
