//! Tries to fool the gate: adapters that have learned nothing of the writer, judged one by one.
//!
//! ```text
//! cargo run --release -p ghost-desk --example nulls -- HOME OTHERS [--of N] [--steps N]
//! ```
//!
//! HOME is a data folder with the writer's archive and a base; OTHERS a folder of another writer's
//! pieces. By turns: noise instead of learning, another writer, the writer's own words shuffled,
//! and three of the writer's pieces learned by heart. Not one of them may be shipped. Nothing is
//! kept in HOME but what was measured.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use ghost_core::archive;
use ghost_core::chance::Chance;
use ghost_core::id::PieceId;
use ghost_core::row::{Origin, Row, Side};
use ghost_core::run::Recipe;
use ghost_core::seed::{Phrases, Seed};
use ghost_core::words::{Class, count, tokens};
use ghost_desk::{Desk, Host, commands};
use ghost_engine::Base;
use ghost_engine::train;
use serde_json::{Value, json};

const KINDS: [&str; 4] = ["noise", "another writer", "shuffled words", "by heart"];

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned()
    };
    let number = |name: &str, otherwise: usize| {
        option(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let [home, others] = &args[..2] else { panic!("HOME OTHERS") };
    let (nulls, steps) = (number("--of", 20), number("--steps", 16));
    let desk = Desk::open(Path::new(home), Host::CommandLine)?;
    let ask = |name: &str, request: Value| commands::call(&desk, name, request, &mut |_| {});
    let bases = ask("base_list", json!({}))?;
    let used = bases["bases"].as_array().into_iter().flatten().find(|base| base["in_use"] == true);
    let path = used.and_then(|base| base["path"].as_str()).ok_or("no base is in use")?;
    let base = Base::open(Path::new(path))?;

    let own = own_rows(&ask)?;
    let foreign = foreign_rows(Path::new(others));
    println!("{} own rows, {} of another writer", own.len(), foreign.len());
    let away = tempfile::tempdir()?;
    let mut shipped = 0;
    for n in number("--from", 0)..nulls {
        let kind = KINDS[n % KINDS.len()];
        let mut chance = Chance::new(n as u64 + 1);
        let rows = match kind {
            "another writer" => drawn(&foreign, 8, &mut chance),
            "shuffled words" => {
                drawn(&own, 8, &mut chance).iter().map(|row| shuffled(row, &mut chance)).collect()
            }
            _ => drawn(&own, if kind == "by heart" { 2 } else { 3 }, &mut chance),
        };
        let recipe = Recipe {
            steps: Some(if kind == "noise" { 1 } else { steps }),
            context: 512,
            batch_tokens: 512,
            learning_rate: if kind == "by heart" { 3e-3 } else { 1e-3 },
            warmup_steps: 2,
            dev_every: 0,
            epochs: 1_000,
            ..Recipe::quick(135_000_000, 60, n as u64 + 1)
        };
        let begun = Instant::now();
        let folder = away.path().join(format!("{n}"));
        let mut go_on = |_| ControlFlow::Continue(());
        let mut learned =
            train::train(&base, &rows, &[], &recipe, &folder.join("run"), &mut go_on)?.adapter;
        if kind == "noise" {
            // What one step did is drowned; every other one is an adapter that changes nothing.
            let loud = if n % (2 * KINDS.len()) == 0 { 0.0 } else { 0.01 };
            for tensor in learned.lora.tensors_mut() {
                tensor.iter_mut().for_each(|one| *one = loud * (chance.unit() as f32 - 0.5));
            }
        }
        let adapter = folder.join("adapter");
        learned.save(&base, &adapter)?;
        let taught = begun.elapsed().as_secs();
        let verdict = desk
            .judge_folder(&adapter, "quick", 1 + (n / 8) as u64, &mut |_, _| false)?
            .ok_or("stopped by nobody")?;
        shipped += usize::from(verdict.decision == ghost_core::verdict::Decision::Ship);
        let m = &verdict.measures;
        let v = m.voice.as_ref().map_or((f64::NAN, f64::NAN), |v| (v.adapter, v.prompt));
        println!(
            "{n:3} {kind:15} {:?}: {:.3} bits beside {:.3}, V {:.2} beside {:.2}; {taught} s to learn, \
             {} s to judge. {}",
            verdict.decision,
            m.adapter,
            m.floor,
            v.0,
            v.1,
            begun.elapsed().as_secs() - taught,
            verdict.reasons.last().map_or("", String::as_str)
        );
    }
    println!("{shipped} of {nulls} shipped");
    Ok(())
}

/// The rows of the archive that may be learned from.
fn own_rows(
    ask: &dyn Fn(&str, Value) -> ghost_desk::failure::Result<Value>,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let list = ask("row_list", json!({}))?;
    let rows = list["rows"].as_array().into_iter().flatten();
    let learned = rows.filter(|row| row["side"] == "train" && row["origin"] == "archive");
    Ok(learned
        .map(|row| {
            let text = row["text"].as_str().unwrap_or_default().to_owned();
            let words = count(&text) as u32;
            let request = row["request"].as_str().unwrap_or_default();
            let topic = request.lines().next().unwrap_or_default().to_owned();
            row_of(Seed { topic, words: Some(words), ..Seed::default() }, text)
        })
        .collect())
}

fn row_of(seed: Seed, text: String) -> Row {
    let origin = Origin::Archive(PieceId(0));
    Row { seed, text, weights: Vec::new(), origin, side: Side::Train }
}

/// The pieces of a folder as rows, with the seeds the product would make.
fn foreign_rows(folder: &Path) -> Vec<Row> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(path).into_iter().flatten().flatten();
            waiting.extend(inside.map(|entry| entry.path()));
        } else if let Ok(bytes) = fs::read(&path) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
            found.extend(archive::read(&name, &bytes).0);
        }
    }
    found.sort_by(|a, b| a.source.cmp(&b.source));
    let phrases = Phrases::of(found.iter().map(|piece| piece.text.as_str()));
    let seed = |piece: &archive::Piece| Seed::of_piece(piece, &phrases.topics(&piece.text));
    let long = found.iter().filter(|piece| piece.words >= 200);
    long.map(|piece| row_of(seed(piece), piece.text.clone())).collect()
}

/// Some rows, cut to what a short lesson holds.
fn drawn(rows: &[Row], n: usize, chance: &mut Chance) -> Vec<Row> {
    (0..n)
        .map(|_| {
            let row = &rows[chance.below(rows.len() as u64) as usize];
            row.parts(1_500).swap_remove(0)
        })
        .collect()
}

/// The same row with its words in any order.
fn shuffled(row: &Row, chance: &mut Chance) -> Row {
    let mut words: Vec<&str> =
        tokens(&row.text).filter(|t| t.class == Class::Word).map(|t| t.text).collect();
    for at in (1..words.len()).rev() {
        words.swap(at, chance.below(at as u64 + 1) as usize);
    }
    let mut words = words.into_iter();
    let text = tokens(&row.text)
        .map(|token| match token.class {
            Class::Word => words.next().unwrap_or(token.text),
            _ => token.text,
        })
        .collect();
    Row { text, weights: Vec::new(), ..row.clone() }
}
