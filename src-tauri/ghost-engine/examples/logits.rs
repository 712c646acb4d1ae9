//! Prints what a base makes of tokens, for standing it beside another program:
//!
//!     cargo run --release -p ghost-engine --example logits -- BASE [--adapter FOLDER] [--plain] OUT TOKENS
//!
//! TOKENS are numbers with commas between them, or a text. OUT gets the logits after every token,
//! as 32-bit floats, row after row; the tokens are printed. An adapter is PEFT's or ours. With
//! `--plain` every product is in 32 bits; without, as the program computes it. `--make FOLDER`
//! first writes an adapter there as a run would, with numbers of chance in it.

use std::error::Error;
use std::path::Path;

use ghost_core::run::Recipe;
use ghost_engine::adapter::{Adapter, Card, read_peft};
use ghost_engine::chance::Chance;
use ghost_engine::cpu::Cpu;
use ghost_engine::lora::Lora;
use ghost_engine::{Base, model::Model};

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
    let cpu = if plain { Cpu::plain() } else { Cpu::default() };
    let logits = Model::new(&base, adapter.as_ref()).on(&cpu).all_logits(&tokens);
    let bytes: Vec<u8> = logits.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(out, bytes)?;
    println!("{tokens:?}");
    Ok(())
}

/// An adapter no matrix of which is zero.
fn make(base: &Base, folder: &Path) -> Result<(), Box<dyn Error>> {
    let (mut lora, mut chance) = (Lora::fresh(base, 8, 16.0, 0.0, 1), Chance::new(2));
    for tensor in lora.tensors_mut() {
        tensor.iter_mut().for_each(|value| *value = (chance.uniform() * 2.0 - 1.0) * 0.03);
    }
    let card = Card::new(base, &Recipe::quick(1000, 10, 3), String::new(), Vec::new());
    Ok(Adapter { lora, card }.save(base, folder)?)
}
