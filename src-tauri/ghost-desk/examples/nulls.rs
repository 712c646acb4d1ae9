//! Null adapters: evaluates adapters that learned nothing of the writer, none of which may be shipped.
//!
//! ```text
//! cargo run --release -p ghost-desk --example nulls -- HOME OTHERS [--of N] [--from N] [--steps N]
//!     [--minutes N]
//! ```
//!
//! HOME is a data folder with the writer's archive and a base; OTHERS a folder of another writer's
//! pieces. In turn: noise instead of training, another writer, the writer's words in random order,
//! and three memorised pieces by the writer. First, the perplexity guardrail is applied to the
//! writer's test pieces as they are, and with their content words exchanged. Only measurements are
//! stored in HOME. After `--minutes` no further adapter is trained; `--from` continues with the next.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

use ghost_core::archive;
use ghost_core::guardrails::{Guardrail, GuardrailInput, Guardrails, Perplexity};
use ghost_core::id::PieceId;
use ghost_core::outline::RequestScope;
use ghost_core::rng::Rng;
use ghost_core::row::{Origin, Row};
use ghost_core::run::Recipe;
use ghost_core::seed::{Seed, TfIdf};
use ghost_core::split::Split;
use ghost_core::voice::is_function_word;
use ghost_core::words::{Class, count, tokens, words};
use ghost_desk::{Desk, Host, commands};
use ghost_engine::base::Base;
use ghost_engine::device::Device;
use ghost_engine::eval;
use ghost_engine::model::Model;
use ghost_engine::prompt;
use ghost_engine::train;
use serde_json::{Value, json};

const KINDS: [&str; 4] = ["noise", "another writer", "shuffled words", "memorised"];

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
    let base = Model::new(base, Arc::new(Device::from_env()));

    let own = own_rows(&ask, "train")?;
    sense(&base, &own, &own_rows(&ask, "holdout")?)?;
    let foreign = foreign_rows(Path::new(others));
    println!("{} own rows, {} of another writer", own.len(), foreign.len());
    let away = tempfile::tempdir()?;
    let (mut shipped, mut judged) = (0, 0);
    let (all, most) = (Instant::now(), number("--minutes", usize::MAX / 60) as u64 * 60);
    for n in number("--from", 0)..nulls {
        if all.elapsed().as_secs() >= most {
            println!("Time is up; adapters from {n} on are missing.");
            break;
        }
        judged += 1;
        let kind = KINDS[n % KINDS.len()];
        let mut rng = Rng::new(n as u64 + 1);
        let rows = match kind {
            "another writer" => drawn(&foreign, 8, &mut rng),
            "shuffled words" => {
                drawn(&own, 8, &mut rng).iter().map(|row| shuffled(row, &mut rng)).collect()
            }
            _ => drawn(&own, if kind == "memorised" { 2 } else { 3 }, &mut rng),
        };
        let recipe = Recipe {
            steps: Some(if kind == "noise" { 1 } else { steps }),
            context: 512,
            batch_tokens: 512,
            learning_rate: if kind == "memorised" { 3e-3 } else { 1e-3 },
            warmup_steps: 2,
            validate_every: 0,
            min_perplexity: 0.0,
            max_memorised_gap: 0.0,
            epochs: 1_000,
            ..Recipe::quick(135_000_000, 60, n as u64 + 1)
        };
        let begun = Instant::now();
        let folder = away.path().join(format!("{n}"));
        let mut go_on = |_| ControlFlow::Continue(());
        let mut learned =
            train::train(&base, &rows, &[], &recipe, &folder.join("run"), &mut go_on)?.adapter;
        if kind == "noise" {
            // The noise outweighs one training step; every other adapter changes nothing.
            let loud = if n % (2 * KINDS.len()) == 0 { 0.0 } else { 0.01 };
            for tensor in learned.lora.tensors_mut() {
                tensor.iter_mut().for_each(|one| *one = loud * (rng.next_f64() as f32 - 0.5));
            }
        }
        let adapter = folder.join("adapter");
        learned.save(&base, &adapter)?;
        let taught = begun.elapsed().as_secs();
        let verdict = desk
            .evaluate_folder(&adapter, "quick", 1 + (n / 8) as u64, &mut |_, _| false)?
            .ok_or("stopped by nobody")?;
        shipped += usize::from(verdict.decision == ghost_core::verdict::Decision::Ship);
        let m = &verdict.measures;
        let v = m.voice.as_ref().map_or((f64::NAN, f64::NAN), |v| (v.adapter, v.prompt));
        println!(
            "{n:3} {kind:15} {:?}: {:.3} bits beside {:.3}, V {:.2} beside {:.2}; {taught} s to learn, \
             {} s to judge. {}",
            verdict.decision,
            m.adapter,
            m.baseline_bits,
            v.0,
            v.1,
            begun.elapsed().as_secs() - taught,
            verdict.reasons.last().map_or("", String::as_str)
        );
    }
    println!("{shipped} of {judged} shipped");
    Ok(())
}

/// Prints how many test pieces the perplexity guardrail blocks, as they are and with their content
/// words exchanged for others of the archive.
#[allow(clippy::print_stdout)]
fn sense(base: &Model, learned: &[Row], held_out: &[Row]) -> Result<(), Box<dyn Error>> {
    const WORDS: usize = 200;
    let opening = |row: &Row| {
        let last = words(&row.text).nth(WORDS - 1);
        last.map_or(row.text.clone(), |(at, word)| row.text[..at + word.len()].to_owned())
    };
    let bits = |row: &Row, text: &str| -> Result<f64, Box<dyn Error>> {
        let prompt = prompt::for_seed(base, &row.seed)?;
        let scored = eval::token_log_probs(base, None, &prompt, text);
        let nats = -scored.iter().map(|(_, p)| f64::from(*p)).sum::<f64>();
        Ok(nats / std::f64::consts::LN_2 / scored.len().max(1) as f64)
    };
    let every = learned.len().div_ceil(16).max(1);
    let usual = learned.iter().step_by(every).map(|row| bits(row, &opening(row)));
    let usual: Vec<f64> = usual.collect::<Result<_, _>>()?;
    let pieces: Vec<&str> = learned.iter().map(|row| row.text.as_str()).collect();
    let guardrails = Guardrails::of(&pieces);
    let function = |word: &str| is_function_word(&word.to_lowercase().replace('’', "'"));
    let content: Vec<&str> = pieces
        .iter()
        .flat_map(|text| words(text).map(|(_, word)| word))
        .filter(|word| !function(word))
        .collect();
    let mut rng = Rng::new(1);
    for swapped in [false, true] {
        let (mut stopped, mut figures) = (0, Vec::new());
        for row in held_out {
            let text: String = tokens(&opening(row))
                .map(|token| match token.class {
                    Class::Word if swapped && !function(token.text) => {
                        content[rng.below(content.len())]
                    }
                    _ => token.text,
                })
                .collect();
            let draft = bits(row, &text)?;
            figures.push(format!("{draft:.2}"));
            let surprise = Perplexity { draft, own: usual.clone(), base_drafts: Vec::new() };
            let watched =
                GuardrailInput { text: &text, seed: &row.seed, perplexity: Some(&surprise) };
            let found = guardrails.check(&watched);
            stopped += usize::from(
                found.iter().any(|one| one.guard == Guardrail::Coherence && one.blocked),
            );
        }
        println!(
            "held out, {}: {stopped} of {} stopped for sense; bits a token {}",
            if swapped { "words exchanged" } else { "as they are" },
            held_out.len(),
            figures.join(" ")
        );
    }
    Ok(())
}

/// The rows of one split of the archive.
fn own_rows(
    ask: &dyn Fn(&str, Value) -> ghost_desk::failure::Result<Value>,
    side: &str,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let list = ask("row_list", json!({}))?;
    let rows = list["rows"].as_array().into_iter().flatten();
    let learned = rows.filter(|row| row["side"] == side && row["origin"] == "archive");
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
    Row { seed, scope: RequestScope::Whole, text, weights: Vec::new(), origin, split: Split::Train }
}

/// The pieces of a folder as rows, with extracted seeds.
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
    let phrases = TfIdf::of(found.iter().map(|piece| piece.text.as_str()));
    let seed = |piece: &archive::Piece| Seed::of_piece(piece, &phrases.keyphrases(&piece.text));
    let long = found.iter().filter(|piece| piece.words >= 200);
    long.map(|piece| row_of(seed(piece), piece.text.clone())).collect()
}

/// Some rows, shortened to fit a short training.
fn drawn(rows: &[Row], n: usize, rng: &mut Rng) -> Vec<Row> {
    (0..n)
        .map(|_| {
            let row = &rows[rng.below(rows.len())];
            row.chunks(1_500).swap_remove(0)
        })
        .collect()
}

/// The same row with its words in random order.
fn shuffled(row: &Row, rng: &mut Rng) -> Row {
    let mut words: Vec<&str> =
        tokens(&row.text).filter(|t| t.class == Class::Word).map(|t| t.text).collect();
    for at in (1..words.len()).rev() {
        words.swap(at, rng.below(at + 1));
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
