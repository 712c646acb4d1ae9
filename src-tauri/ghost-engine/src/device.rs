//! Which device computes, and the reason, in words.
//!
//! A card is used where the build knows one and it answers; else the processor is. `GHOST_DEVICE`
//! asks for one by name; a process asks once, and a run's process inherits it.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::cpu::Cpu;
use crate::gpu::Gpu;
use crate::kernel::Kernel;

/// What names the device wished for, in the environment.
const WISH: &str = "GHOST_DEVICE";

/// Which device is wished for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// A card where there is one.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA card.
    Cuda,
    /// A Mac's card.
    Metal,
}

impl Wish {
    /// All of them, as they are written.
    pub const NAMES: [&str; 4] = ["auto", "cpu", "cuda", "metal"];
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "" | "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda,
            "metal" => Self::Metal,
            _ => {
                let known = Self::NAMES.join(", ");
                return Err(format!("There is no device \u{201c}{name}\u{201d}: it is {known}."));
            }
        })
    }
}

/// Where the numbers are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// In a writer's words: "the processor, on 2 threads".
    pub name: String,
    /// One sentence or two.
    pub reason: String,
}

/// A device that was opened: a home of the operations that knows why it is the one.
pub struct Opened {
    home: Home,
    reason: String,
}

enum Home {
    Card { gpu: Gpu, name: &'static str },
    Processor(Cpu),
}

impl Opened {
    /// Opens what is wished for, or the processor where that can't be.
    pub fn new(wish: Wish) -> Self {
        let mut why = Vec::new();
        for card in CARDS.iter().filter(|card| matches!(wish, Wish::Auto) || wish == card.wish) {
            if !card.compiled {
                why.push(format!("This build knows nothing of {}", card.name));
                continue;
            }
            match (card.open)() {
                Ok(gpu) => {
                    let about = gpu.about().map_or_else(String::new, |about| format!(" ({about})"));
                    let reason =
                        format!("{} was compiled in, and a card answers{about}.", card.name);
                    return Self { home: Home::Card { gpu, name: card.words }, reason };
                }
                Err(reason) => why
                    .push(format!("{} was compiled in, but no card answers ({reason})", card.name)),
            }
        }
        let reason = match wish {
            Wish::Cpu => format!("It was asked for; {}", skills()),
            _ if CARDS.iter().all(|card| !card.compiled) && wish == Wish::Auto => {
                format!("This build knows no graphics card; {}", skills())
            }
            _ => {
                why.retain(|why| wish != Wish::Auto || !why.starts_with("This build"));
                format!("{}, so the processor is used; {}", why.join("; "), skills())
            }
        };
        Self { home: Home::Processor(Cpu::default()), reason }
    }

    /// The home of the operations.
    pub fn kernel(&self) -> &dyn Kernel {
        match &self.home {
            Home::Card { gpu, .. } => gpu,
            Home::Processor(cpu) => cpu,
        }
    }

    /// Whether this is what was wished for.
    pub fn grants(&self, wish: Wish) -> bool {
        match &self.home {
            _ if wish == Wish::Auto => true,
            Home::Processor(_) => wish == Wish::Cpu,
            Home::Card { name, .. } => {
                CARDS.iter().any(|card| card.wish == wish && card.words == *name)
            }
        }
    }

    /// Which it is, and why, as things stand now: a card may have failed since.
    pub fn device(&self) -> Device {
        let processor = || format!("the processor, on {} threads", rayon::current_num_threads());
        match &self.home {
            Home::Processor(_) => Device { name: processor(), reason: self.reason.clone() },
            Home::Card { gpu, name } => match gpu.failure() {
                None => Device { name: (*name).to_owned(), reason: self.reason.clone() },
                Some(reason) => Device { name: processor(), reason: lost(name, reason) },
            },
        }
    }
}

/// A kind of card.
struct Card {
    wish: Wish,
    name: &'static str,
    words: &'static str,
    compiled: bool,
    open: fn() -> Result<Gpu, String>,
}

const CARDS: [Card; 2] = [
    Card {
        wish: Wish::Cuda,
        name: "CUDA",
        words: "the graphics card, by CUDA",
        compiled: cfg!(feature = "cuda"),
        open: Gpu::cuda,
    },
    Card {
        wish: Wish::Metal,
        name: "Metal",
        words: "the graphics card, by Metal",
        compiled: cfg!(feature = "metal"),
        open: Gpu::metal,
    },
];

fn lost(name: &str, reason: &str) -> String {
    format!(
        "It began on {name}, which failed ({reason}), so the processor goes on; the card is tried \
         again when the program next starts."
    )
}

/// The device of this process, opened when it is first asked for.
fn opened() -> &'static Opened {
    static OPENED: OnceLock<Opened> = OnceLock::new();
    OPENED.get_or_init(|| {
        let named = std::env::var(WISH).unwrap_or_default();
        // A name that is none is said by `doctor`, in the reason, and is no cause to stop.
        match named.parse() {
            Ok(wish) => Opened::new(wish),
            Err(sentence) => {
                let opened = Opened::new(Wish::Auto);
                let reason = format!("{sentence} {}", opened.reason);
                Opened { reason, ..opened }
            }
        }
    })
}

/// The device that is used.
pub fn device() -> Device {
    opened().device()
}

/// Whether a card computes.
pub(crate) fn is_card() -> bool {
    matches!(opened().home, Home::Card { .. })
}

/// The home of the operations that is used.
pub(crate) fn home() -> &'static dyn Kernel {
    opened().kernel()
}

/// What became of a card that has failed in this process, in a sentence.
pub fn lost_card() -> Option<String> {
    match &opened().home {
        Home::Card { gpu, name } => gpu.failure().map(|reason| lost(name, reason)),
        Home::Processor(_) => None,
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_says_where_and_why() {
        for wish in [Wish::Auto, Wish::Cpu, Wish::Cuda, Wish::Metal] {
            let Device { name, reason } = Opened::new(wish).device();
            assert!(!name.is_empty() && reason.ends_with('.'), "{wish}: {name}: {reason}");
        }
    }

    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    fn a_card_that_is_not_there_is_a_sentence_and_the_processor() {
        let Device { name, reason } = Opened::new(Wish::Cuda).device();
        assert!(name.contains("processor"), "{name}");
        assert!(reason.contains("knows nothing of CUDA, so the processor is used"), "{reason}");
        assert!(Opened::new(Wish::Auto).device().reason.contains("no graphics card"));
    }

    #[test]
    fn a_device_goes_by_its_name() {
        for name in Wish::NAMES {
            assert_eq!(name.parse::<Wish>().unwrap().to_string(), name);
        }
        assert!("tpu".parse::<Wish>().unwrap_err().contains("auto, cpu, cuda, metal"));
    }
}
