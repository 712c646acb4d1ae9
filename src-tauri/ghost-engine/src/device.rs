//! Which device computes, and the reason, in words.

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
    #[cfg(target_arch = "x86_64")]
    let found: Vec<&str> = [
        ("AVX-512", is_x86_feature_detected!("avx512f")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect();
    #[cfg(not(target_arch = "x86_64"))]
    let found: Vec<&str> = if cfg!(target_arch = "aarch64") { vec!["NEON"] } else { Vec::new() };
    match found.as_slice() {
        [] => "the processor has no vector units that are used.".into(),
        found => format!("the processor has {}.", found.join(", ")),
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
