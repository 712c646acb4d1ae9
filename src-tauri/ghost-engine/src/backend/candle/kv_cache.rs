//! Keys and values of the tokens read, on the device, with the adapter they were read with.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::lora::DeviceLora;
use super::model::DeviceModel;
use crate::backend::KvCache;

/// Positions that a page of keys and values is made for at first; it doubles when it is full.
const PAGE: usize = 1024;

/// The KV cache of a GPU.
#[derive(Default)]
pub struct DeviceKvCache {
    /// `None` before the first tokens are read.
    pub(super) pages: Option<Pages>,
}

impl KvCache for DeviceKvCache {
    fn len(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| pages.len)
    }

    fn truncate(&mut self, len: usize) {
        if let Some(pages) = &mut self.pages {
            pages.len = pages.len.min(len);
        }
    }
}

/// Pages of keys and values, and what they were computed with.
pub(super) struct Pages {
    pub(super) model: Arc<DeviceModel>,
    pub(super) lora: Option<Arc<DeviceLora>>,
    /// One a layer, each `kv_heads × capacity × head_dim`.
    layers: Vec<Option<(Tensor, Tensor)>>,
    pub(super) len: usize,
    capacity: usize,
}

impl Pages {
    pub(super) fn new(model: Arc<DeviceModel>, lora: Option<Arc<DeviceLora>>) -> Self {
        let layers = model.layers.iter().map(|_| None).collect();
        Self { model, lora, layers, len: 0, capacity: 0 }
    }

    /// Reserves memory for `n` more positions in every layer.
    pub(super) fn reserve(&mut self, n: usize) -> Result<()> {
        if self.len + n <= self.capacity {
            return Ok(());
        }
        self.capacity = (self.len + n).next_power_of_two().max(PAGE);
        for page in self.layers.iter_mut().flatten() {
            for all in [&mut page.0, &mut page.1] {
                let (heads, _, dim) = all.dims3()?;
                let more = Tensor::zeros((heads, self.capacity, dim), all.dtype(), all.device())?;
                if self.len > 0 {
                    more.slice_set(&all.narrow(1, 0, self.len)?.contiguous()?, 1, 0)?;
                }
                *all = more;
            }
        }
        Ok(())
    }

    /// Appends a layer's new keys and values; all of them.
    pub(super) fn append(&mut self, n: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let (heads, new, dim) = k.dims3()?;
        let page = match self.layers[n].take() {
            Some(page) => page,
            None => {
                let empty = || Tensor::zeros((heads, self.capacity, dim), k.dtype(), k.device());
                (empty()?, empty()?)
            }
        };
        page.0.slice_set(k, 1, self.len)?;
        page.1.slice_set(v, 1, self.len)?;
        let seen = self.len + new;
        let all = (page.0.narrow(1, 0, seen)?, page.1.narrow(1, 0, seen)?);
        self.layers[n] = Some(page);
        Ok(all)
    }
}
