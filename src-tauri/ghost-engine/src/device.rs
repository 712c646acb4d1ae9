//! The device that computes, and why it was selected.
//!
//! A GPU is used where the build supports one and it answers; otherwise the CPU is. `GHOST_DEVICE`
//! asks for one by name. A process selects once and passes the device on as a value.

use std::fmt;
use std::str::FromStr;

use crate::backend::candle::CandleBackend;
use crate::backend::cpu::CpuBackend;
use crate::backend::fallback::Fallback;
use crate::cpu::Cpu;

/// The environment variable that names the preferred device.
const PREFERENCE: &str = "GHOST_DEVICE";

/// The backend of a device: a GPU with the CPU behind it, or the CPU alone.
pub type DeviceBackend = Fallback<CandleBackend>;

/// The preferred device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevicePreference {
    /// A GPU where there is one.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// A Mac's GPU.
    Metal,
}

impl DevicePreference {
    /// Their names, in order.
    pub const NAMES: [&str; 4] = ["auto", "cpu", "cuda", "metal"];
}

impl fmt::Display for DevicePreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for DevicePreference {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "" | "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda,
            "metal" => Self::Metal,
            _ => {
                let known = Self::NAMES.join(", ");
                return Err(format!("Unknown device \u{201c}{name}\u{201d}. Known: {known}."));
            }
        })
    }
}

/// A device as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// A name: "the CPU, 2 threads".
    pub name: String,
    /// The reason it is used, in one sentence or two.
    pub reason: String,
}

/// The selected device, and why it was selected.
pub struct Device {
    backend: DeviceBackend,
    /// `None` where there is none.
    gpu: Option<&'static Gpu>,
    reason: String,
}

impl Device {
    /// Opens the preferred device, or the CPU where it can't be opened.
    pub fn new(preference: DevicePreference) -> Self {
        let mut reasons = Vec::new();
        let is_candidate =
            |gpu: &&Gpu| preference == DevicePreference::Auto || preference == gpu.preference;
        for gpu in GPUS.iter().filter(is_candidate) {
            if !gpu.compiled {
                if preference != DevicePreference::Auto {
                    reasons.push(format!("This build does not support {}", gpu.api));
                }
                continue;
            }
            match (gpu.open)() {
                Ok(backend) => {
                    let about = backend.about();
                    let about = about.map_or_else(String::new, |about| format!(" ({about})"));
                    let reason =
                        format!("This build supports {}, and a GPU answers{about}.", gpu.api);
                    return Self { backend: Fallback::new(backend), gpu: Some(gpu), reason };
                }
                Err(reason) => reasons.push(format!(
                    "This build supports {}, but no GPU answers ({reason})",
                    gpu.api
                )),
            }
        }
        let reason = match preference {
            DevicePreference::Cpu => format!("It was requested. {}", simd_levels()),
            _ if reasons.is_empty() => format!("This build supports no GPU. {}", simd_levels()),
            _ => format!("{}. {}", reasons.join("; "), simd_levels()),
        };
        Self { reason, ..Self::cpu(CpuBackend::default()) }
    }

    /// The device that the environment asks for.
    pub fn from_env() -> Self {
        let name = std::env::var(PREFERENCE).unwrap_or_default();
        // An unknown name is reported by `doctor`, in the reason; work continues.
        match name.parse() {
            Ok(preference) => Self::new(preference),
            Err(sentence) => {
                let device = Self::new(DevicePreference::Auto);
                Self { reason: format!("{sentence} {}", device.reason), ..device }
            }
        }
    }

    /// The CPU, with the instructions named, one of [`Cpu::simd_levels`].
    pub fn with_simd(name: &str) -> Option<Self> {
        CpuBackend::with_simd(name).map(Self::cpu)
    }

    /// A CPU backend as the device.
    pub fn cpu(backend: CpuBackend) -> Self {
        Self { backend: Fallback::cpu_only(backend), gpu: None, reason: "It was requested.".into() }
    }

    /// The backend.
    pub(crate) fn backend(&self) -> &DeviceBackend {
        &self.backend
    }

    /// True where this is the preferred device.
    pub fn is_preferred(&self, preference: DevicePreference) -> bool {
        match self.gpu {
            _ if preference == DevicePreference::Auto => true,
            None => preference == DevicePreference::Cpu,
            Some(gpu) => preference == gpu.preference,
        }
    }

    /// True where a GPU was selected, even if it has failed since.
    pub fn is_gpu(&self) -> bool {
        self.gpu.is_some()
    }

    /// The device and the reason, as of now: a GPU may have failed since it was selected.
    pub fn info(&self) -> DeviceInfo {
        let cpu = || format!("the CPU, {} threads", rayon::current_num_threads());
        match (self.gpu, self.gpu_failure()) {
            (Some(gpu), None) => {
                DeviceInfo { name: gpu.name.to_owned(), reason: self.reason.clone() }
            }
            (None, _) => DeviceInfo { name: cpu(), reason: self.reason.clone() },
            (Some(_), Some(sentence)) => DeviceInfo { name: cpu(), reason: sentence },
        }
    }

    /// A sentence on a GPU that has failed since it was selected.
    pub fn gpu_failure(&self) -> Option<String> {
        let (gpu, reason) = (self.gpu?, self.backend.failure()?);
        Some(format!(
            "The GPU ({}) failed: {reason}. Continuing on the CPU; the GPU will be tried again at \
             the next start.",
            gpu.api
        ))
    }
}

/// A kind of GPU.
struct Gpu {
    preference: DevicePreference,
    api: &'static str,
    name: &'static str,
    compiled: bool,
    open: fn() -> Result<CandleBackend, String>,
}

static GPUS: [Gpu; 2] = [
    Gpu {
        preference: DevicePreference::Cuda,
        api: "CUDA",
        name: "the GPU (CUDA)",
        compiled: cfg!(feature = "cuda"),
        open: CandleBackend::cuda,
    },
    Gpu {
        preference: DevicePreference::Metal,
        api: "Metal",
        name: "the GPU (Metal)",
        compiled: cfg!(feature = "metal"),
        open: CandleBackend::metal,
    },
];

/// The instructions that products are made with.
fn simd_levels() -> String {
    match Cpu::simd_levels().split_last() {
        Some((_, [best, rest @ ..])) => {
            let rest = rest.iter().map(|level| format!(" (and {level})")).collect::<String>();
            format!("Products use {best}{rest}.")
        }
        _ => "This CPU has no vector instructions that are used.".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_device_has_a_name_and_a_reason() {
        let all = [
            DevicePreference::Auto,
            DevicePreference::Cpu,
            DevicePreference::Cuda,
            DevicePreference::Metal,
        ];
        for preference in all {
            let DeviceInfo { name, reason } = Device::new(preference).info();
            assert!(!name.is_empty() && reason.ends_with('.'), "{preference}: {name}: {reason}");
        }
    }

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    fn a_gpu_that_is_missing_leaves_the_cpu_and_a_reason() {
        let device = Device::new(DevicePreference::Cuda);
        let DeviceInfo { name, reason } = device.info();
        assert!(name.contains("the CPU"), "{name}");
        assert!(reason.contains("does not support CUDA"), "{reason}");
        assert!(Device::new(DevicePreference::Auto).info().reason.contains("supports no GPU"));
        assert!(!device.is_preferred(DevicePreference::Cuda) && !device.is_gpu());
        assert_eq!(device.gpu_failure(), None);
    }

    #[test]
    fn a_preference_is_parsed_from_its_name() {
        for name in DevicePreference::NAMES {
            assert_eq!(name.parse::<DevicePreference>().unwrap().to_string(), name);
        }
        let unknown = "tpu".parse::<DevicePreference>().unwrap_err();
        assert!(unknown.contains("auto, cpu, cuda, metal"));
    }
}
