//! The whole state of a run in one file, so that a run that was interrupted resumes as if nothing had
//! happened.
//!
//! A line of JSON, then all values, then a hash of both. The file before it is kept as `previous` until
//! the next is complete, so a damaged file costs a minute and not the run. The order of the rows and
//! the random numbers are not saved: they follow from the run's seed and the step.

use std::fs;
use std::path::{Path, PathBuf};

use ghost_core::run::Step;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::adapter::{sync_folder, write};
use crate::error::{Error, Result};
use crate::lora::Lora;
use crate::optimizer::AdamW;
use crate::private;

const MAGIC: &[u8] = b"ghost run 1\n";
const HASH: usize = 32;

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainState {
    /// The adapter after the last step.
    pub(crate) lora: Lora,
    /// The optimiser's memory.
    pub(crate) adam: AdamW,
    /// The curve so far; its length is the number of steps done.
    pub(crate) steps: Vec<Step>,
    /// The best adapter so far by the validation rows, and its bits per byte.
    pub(crate) best: Option<(f64, Lora)>,
    /// Validations since then.
    pub(crate) validations_since_best: usize,
    /// Steps in total, where the recipe says otherwise.
    pub(crate) of: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    run: String,
    adam_steps: u64,
    steps: Vec<Step>,
    /// The bits per byte of the best validation, exactly.
    best: Option<u64>,
    looks_since: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

impl TrainState {
    /// Before the first step.
    pub(crate) fn new(lora: Lora) -> Self {
        let adam = AdamW::new(&lora);
        Self { lora, adam, steps: Vec::new(), best: None, validations_since_best: 0, of: None }
    }

    fn numbers(&self) -> impl Iterator<Item = &Lora> {
        let best = self.best.as_ref().map(|(_, lora)| lora);
        [&self.lora, &self.adam.mean, &self.adam.square].into_iter().chain(best)
    }

    /// Writes the file; the one before becomes `previous`.
    pub(crate) fn save(&self, folder: &Path, run: &str) -> Result<()> {
        let head = Head {
            run: run.to_owned(),
            adam_steps: self.adam.steps,
            steps: self.steps.clone(),
            best: self.best.as_ref().map(|(bits, _)| bits.to_bits()),
            looks_since: self.validations_since_best,
            of: self.of,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(serde_json::to_vec(&head).map_err(|e| Error::Bug(e.to_string()))?);
        bytes.push(b'\n');
        for value in self.numbers().flat_map(Lora::tensors).flatten() {
            bytes.extend(value.to_le_bytes());
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend(hash);

        let io = |source| Error::Io { path: folder.to_owned(), source };
        private::make_folder(folder).map_err(io)?;
        let [now, previous, unfinished] = places(folder);
        write(&unfinished, &bytes)?;
        if now.exists() {
            fs::rename(&now, &previous).map_err(io)?;
        }
        fs::rename(&unfinished, &now).map_err(io)?;
        sync_folder(folder);
        Ok(())
    }

    /// The newest whole state of this run in a folder, if there is one, and the files that were
    /// there but couldn't be used. `fresh` gives the shape. Another run's file is not damage: it
    /// is passed over in silence.
    pub(crate) fn find(folder: &Path, run: &str, fresh: &Lora) -> (Option<Self>, Vec<PathBuf>) {
        let [now, previous, _] = places(folder);
        let mut damaged = Vec::new();
        for path in [now, previous] {
            match fs::read(&path).map(|bytes| parse(&bytes, run, fresh)) {
                Ok(Found::Whole(state)) => return (Some(*state), damaged),
                Ok(Found::Damaged) => damaged.push(path),
                Ok(Found::Another) | Err(_) => {}
            }
        }
        (None, damaged)
    }
}

/// True where a folder has a checkpoint, damaged or not.
pub(crate) fn is_in(folder: &Path) -> bool {
    places(folder).iter().any(|place| place.exists())
}

fn places(folder: &Path) -> [PathBuf; 3] {
    ["checkpoint", "checkpoint.previous", "checkpoint.unfinished"].map(|name| folder.join(name))
}

enum Found {
    Whole(Box<TrainState>),
    Damaged,
    Another,
}

fn parse(bytes: &[u8], run: &str, fresh: &Lora) -> Found {
    let Some((whole, hash)) = bytes.split_last_chunk::<HASH>() else { return Found::Damaged };
    if Sha256::digest(whole)[..] != hash[..] {
        return Found::Damaged;
    }
    let read = || {
        let rest = whole.strip_prefix(MAGIC)?;
        let line = rest.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&rest[..line]).ok()?;
        Some((head, &rest[line + 1..]))
    };
    // The hash holds, so what doesn't read is another version's, not damage.
    let Some((head, numbers)) = read() else { return Found::Another };
    let sets = if head.best.is_some() { 4 } else { 3 };
    if head.run != run || numbers.len() != fresh.len() * 4 * sets {
        return Found::Another;
    }
    let mut values = numbers.as_chunks::<4>().0.iter().map(|v| f32::from_le_bytes(*v));
    let mut next = || {
        let mut lora = fresh.clone();
        lora.tensors_mut().flatten().zip(&mut values).for_each(|(to, from)| *to = from);
        lora
    };
    let lora = next();
    let adam = AdamW { mean: next(), square: next(), steps: head.adam_steps };
    let best = head.best.map(|bits| (f64::from_bits(bits), next()));
    let Head { steps, looks_since, of, .. } = head;
    Found::Whole(Box::new(TrainState {
        lora,
        adam,
        steps,
        best,
        validations_since_best: looks_since,
        of,
    }))
}
