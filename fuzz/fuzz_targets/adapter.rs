//! An adapter's folder: its safetensors file or its configuration, wholly the fuzzer's or with some
//! bytes otherwise. The first byte says which.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use ghost_core::run::Recipe;
use ghost_engine::Base;
use ghost_engine::adapter::{Adapter, Card, fingerprint};
use ghost_engine::lora::Lora;
use ghost_engine::tiny;
use tempfile::TempDir;

struct Bench {
    base: Base,
    folder: TempDir,
    weights: Vec<u8>,
    config: Vec<u8>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let base = tiny::base(1);
    let folder = tempfile::tempdir().expect("a folder");
    let card = Card {
        base_fingerprint: fingerprint(&base),
        base_name: "tiny".into(),
        recipe: Recipe::quick(1000, 10, 3),
        rows: Vec::new(),
        rows_hash: String::new(),
        steps: Vec::new(),
        verdict: serde_json::Value::Null,
        app_version: String::new(),
    };
    let path = folder.path().join("a");
    let adapter = Adapter { lora: Lora::fresh(&base, 2, 4.0, 0.0, 1), card };
    adapter.save(&base, &path).expect("an adapter");
    let read = |name: &str| fs::read(path.join(name)).expect("a file");
    let (weights, config) = (read("adapter_model.safetensors"), read("adapter_config.json"));
    Bench { base, folder, weights, config }
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let bench = &*BENCH;
    let (weights, config) = match first % 4 {
        0 => (rest.to_vec(), bench.config.clone()),
        1 => (ghost_fuzz::tiny::patched(bench.weights.clone(), rest), bench.config.clone()),
        2 => (bench.weights.clone(), rest.to_vec()),
        _ => (bench.weights.clone(), ghost_fuzz::tiny::patched(bench.config.clone(), rest)),
    };
    let path = bench.folder.path().join("a");
    fs::write(path.join("adapter_model.safetensors"), weights).expect("room");
    fs::write(path.join("adapter_config.json"), config).expect("room");
    match Adapter::load(&bench.base, &path) {
        Ok(adapter) => assert_eq!(adapter.lora.tensors().count(), bench.base.layers.len() * 14),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
