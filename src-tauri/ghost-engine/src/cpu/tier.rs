//! Which instructions the products are made of: found once, when the program begins.

use pulp::Arch;

/// The best instructions this processor has, of those the products are written for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tier {
    /// Eight-bit products, 64 at a time.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    Avx512Vnni(Arch),
    /// `f32` throughout, as wide as the processor has it.
    Plain(Arch),
}

impl Tier {
    /// What this processor has.
    pub(super) fn found() -> Self {
        let arch = Arch::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
        {
            return Self::Avx512Vnni(arch);
        }
        Self::Plain(arch)
    }

    /// `f32` throughout.
    pub(super) fn plain() -> Self {
        Self::Plain(Arch::new())
    }

    /// What loops over `f32` are compiled for.
    pub(super) fn arch(self) -> Arch {
        match self {
            Self::Avx512Vnni(arch) | Self::Plain(arch) => arch,
        }
    }
}
