//! Prints a base's logits for tokens, to compare them with another program's:
//!
//!     cargo run --release -p ghost-engine --example logits -- BASE [--adapter FOLDER] [--plain] OUT TOKENS
//!
//! TOKENS are numbers separated by commas, or a text. OUT gets the logits after every token as 32-bit
//! floats, row after row; the tokens are printed. The adapter is in PEFT's format. With `--plain` every
//! product is in 32 bits; otherwise they are as the program computes them. `--make FOLDER` first writes an
//! adapter of random values there, as a run would.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use ghost_core::rng::Rng;
use ghost_core::run::Recipe;
use ghost_engine::Base;
use ghost_engine::adapter::{Adapter, Card, read_peft};
use ghost_engine::backend::cpu::CpuBackend;
use ghost_engine::device::Device;
use ghost_engine::lora::Lora;
use ghost_engine::model::Model;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let (mut named, mut adapter, mut made, mut plain) = (Vec::new(), None, None, false);
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        match &*word {
            "--adapter" => adapter = given.next(),
            "--make" => made = given.next(),
            "--plain" => plain = true,
            _ => named.push(word),
        }
    }
    let [base, out, tokens] = &*named else {
        return Err("usage: logits BASE [--adapter FOLDER] [--plain] OUT TOKENS".into());
    };
    let base = Base::open(Path::new(base))?;
    if let Some(folder) = made {
        make(&base, Path::new(&folder))?;
    }
    let adapter = adapter.map(|folder| read_peft(&base, Path::new(&folder))).transpose()?;
    let numbers: Result<Vec<u32>, _> = tokens.split(',').map(str::parse).collect();
    let tokens = numbers.unwrap_or_else(|_| base.tokenizer.encode(tokens));
    let cpu = if plain { CpuBackend::scalar() } else { CpuBackend::default() };
    let model = Model::new(base, Arc::new(Device::cpu(cpu)));
    let logits = model.all_logits(adapter.as_ref(), &tokens);
    let bytes: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(out, bytes)?;
    println!("{tokens:?}");
    Ok(())
}

/// An adapter without zeros.
fn make(base: &Base, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (mut lora, mut rng) = (Lora::fresh(base, 8, 16.0, 0.0, 1), Rng::new(2));
    for tensor in lora.tensors_mut() {
        tensor.iter_mut().for_each(|value| *value = (rng.next_f32() * 2.0 - 1.0) * 0.03);
    }
    let card = Card::new(base, &Recipe::quick(1000, 10, 3), String::new(), Vec::new());
    Ok(Adapter { lora, card }.save(base, folder)?)
}
