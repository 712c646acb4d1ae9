//! A run's whole state in one file, so that a run cut off anywhere goes on as
//! if nothing had happened.
//!
//! A line of JSON, then every number, then a hash of both. The file before
//! stays as `previous` until the next is whole: a damaged one costs a minute,
//! not the run. The order of the rows and the state of chance need no saving,
//! for both follow from the run's seed and the step it is at.

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

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Standing {
    /// The adapter after the last step.
    pub(crate) lora: Lora,
    /// The optimiser's memory.
    pub(crate) adam: AdamW,
    /// The curve so far; its length is the number of steps done.
    pub(crate) steps: Vec<Step>,
    /// The best adapter so far by the dev rows, and its bits per byte.
    pub(crate) best: Option<(f64, Lora)>,
    /// Looks at dev since then.
    pub(crate) looks_since: usize,
    /// Steps there are to be, where that is not what the recipe says.
    pub(crate) of: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    run: String,
    adam_steps: u64,
    steps: Vec<Step>,
    /// The bits of the best look, exactly.
    best: Option<u64>,
    looks_since: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
}

impl Standing {
    /// Nothing done yet.
    pub(crate) fn begin(lora: Lora) -> Self {
        let adam = AdamW::new(&lora);
        Self { lora, adam, steps: Vec::new(), best: None, looks_since: 0, of: None }
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
            looks_since: self.looks_since,
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
                Ok(Found::Whole(standing)) => return (Some(*standing), damaged),
                Ok(Found::Damaged) => damaged.push(path),
                Ok(Found::Another) | Err(_) => {}
            }
        }
        (None, damaged)
    }
}

/// Whether a run was kept in a folder, whole or not.
pub(crate) fn is_in(folder: &Path) -> bool {
    places(folder).iter().any(|place| place.exists())
}

fn places(folder: &Path) -> [PathBuf; 3] {
    ["checkpoint", "checkpoint.previous", "checkpoint.unfinished"].map(|name| folder.join(name))
}

enum Found {
    Whole(Box<Standing>),
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
    Found::Whole(Box::new(Standing { lora, adam, steps, best, looks_since, of }))
}
