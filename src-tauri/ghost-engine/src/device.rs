//! Which device computes, and the reason, in words.

use crate::cpu::Cpu;

/// Where the numbers are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// In a writer's words: "the processor (2 threads)".
    pub name: String,
    /// One sentence.
    pub reason: String,
}

/// The device that will be used.
pub fn device() -> Device {
    let threads = rayon::current_num_threads();
    let name = format!("the processor, on {threads} threads");
    let reason = match built_for() {
        Some(gpu) => {
            format!("This build knows {gpu}, which the engine does not use yet; {}", skills())
        }
        None => format!("This build knows no graphics card; {}", skills()),
    };
    Device { name, reason }
}

fn built_for() -> Option<&'static str> {
    if cfg!(feature = "cuda") {
        Some("CUDA")
    } else if cfg!(feature = "metal") {
        Some("Metal")
    } else {
        None
    }
}

/// What the processor can do of what the products are written for.
fn skills() -> String {
    match Cpu::tiers().split_last() {
        Some((_, [best, rest @ ..])) => {
            let rest = rest.iter().map(|tier| format!(" (and {tier})")).collect::<String>();
            format!("products are made with {best}{rest}.")
        }
        _ => "the processor has no vector units that are used.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_where_and_why() {
        let Device { name, reason } = device();
        assert!(name.contains("threads") && reason.ends_with('.'), "{name}: {reason}");
    }
}
