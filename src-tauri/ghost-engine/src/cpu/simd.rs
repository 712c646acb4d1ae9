//! The SIMD level: the instructions that products are made of, detected once at the start.

use pulp::Arch;

/// Instructions the products are written for.
#[derive(Clone, Copy, Debug)]
pub(super) enum SimdLevel {
    /// Eight-bit products, 64 at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Arch),
    /// Eight-bit products, 32 at a time.
    #[cfg(target_arch = "x86_64")]
    AvxVnni(Arch),
    /// Eight-bit products, 32 at a time, in two or three instructions.
    #[cfg(target_arch = "x86_64")]
    Avx2(Arch),
    /// Eight-bit products, 16 at a time, and 32 where many rows are multiplied.
    #[cfg(target_arch = "aarch64")]
    NeonI8mm(Arch),
    /// Eight-bit products, 16 at a time.
    #[cfg(target_arch = "aarch64")]
    Neon(Arch),
    /// `f32` throughout, as wide as the processor has it.
    Scalar(Arch),
}

/// Prefetches the 64 bytes around `at`, which will soon be read. A hint that is valid for any address. On
/// ARM it does nothing: hardware prefetchers suffice.
#[inline(always)]
pub(super) fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    // SAFETY: a prefetch faults on no address, and every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

impl SimdLevel {
    /// The best this processor has.
    pub(super) fn found() -> Self {
        Self::all().next().unwrap_or_else(Self::scalar)
    }

    /// The levels that this processor has, the best first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::x86::V3;
            // Loops over `f32` use the same level, so that a benchmark measures the requested one.
            let narrow = V3::try_new().map(Arch::V3);
            let has = |there: bool, simd: Option<Self>| simd.filter(|_| there);
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            all.extend(has(wide, Some(Self::Avx512Vnni(Arch::new()))));
            let vnni = is_x86_feature_detected!("avxvnni");
            all.extend(has(vnni, narrow.map(Self::AvxVnni)));
            all.extend(narrow.map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("dotprod") {
            if std::arch::is_aarch64_feature_detected!("i8mm") {
                all.push(Self::NeonI8mm(Arch::new()));
            }
            all.push(Self::Neon(Arch::new()));
        }
        all.push(Self::scalar());
        all.into_iter()
    }

    /// `f32` throughout.
    pub(super) fn scalar() -> Self {
        Self::Scalar(Arch::new())
    }

    /// The name by which a level is requested.
    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(_) => "neon-i8mm",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            Self::Scalar(_) => "plain",
        }
    }

    /// The quads of a row that one instruction for many rows takes.
    #[inline(always)]
    pub(super) fn quads_at_once(self) -> usize {
        match self {
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(_) => 2,
            _ => 1,
        }
    }

    /// The instructions that loops over `f32` are compiled for.
    pub(super) fn arch(self) -> Arch {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(arch) | Self::AvxVnni(arch) | Self::Avx2(arch) => arch,
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm(arch) | Self::Neon(arch) => arch,
            Self::Scalar(arch) => arch,
        }
    }
}
