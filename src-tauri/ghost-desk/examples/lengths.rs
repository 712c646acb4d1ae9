//! Draft lengths: measures whether drafts have the requested length, for seeds from 150 to 1,200 words.
//!
//! ```text
//! cargo run --release -p ghost-desk --example lengths -- HOME [--of N] [--ghost WHO] [--minutes N]
//! ```
//!
//! HOME is a data folder with a base and an archive, whose titles are the topics; `--ghost` sets who
//! writes ("base" by default). The drafts stay in HOME. After `--minutes` no further draft is started.

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use ghost_core::words;
use ghost_desk::{Desk, Host, commands};
use serde_json::{Value, json};

const SHORTEST: usize = 150;
const LONGEST: usize = 1_200;
/// Maximum |ln(words / requested)| of a draft with the right length.
const MOST_OFF: f64 = 0.15;

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned()
    };
    let number = |name: &str, otherwise: usize| {
        option(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise)
    };
    let home = args.first().filter(|home| fs::metadata(home).is_ok()).ok_or("HOME")?;
    let desk = Desk::open(Path::new(home), Host::CommandLine)?;
    let ask = |name: &str, request: Value| commands::call(&desk, name, request, &mut |_| {});
    let archive = ask("archive_read", json!({}))?;
    let pieces = archive["pieces"].as_array().ok_or("an archive")?;
    let titles: Vec<&str> = pieces.iter().filter_map(|piece| piece["title"].as_str()).collect();
    let (of, ghost) = (number("--of", 40).max(2), option("--ghost").unwrap_or("base".into()));
    let (begun, most) = (Instant::now(), number("--minutes", usize::MAX / 60) as u64 * 60);
    let (mut written, mut near) = (0, 0);
    for n in 0..of {
        if begun.elapsed().as_secs() >= most {
            println!("Time is up; drafts from {n} on are missing.");
            break;
        }
        // Short and long in turn, so that a run that ends early has measured both.
        let at = if n % 2 == 0 { n / 2 } else { of - 1 - n / 2 };
        let asked = SHORTEST + (LONGEST - SHORTEST) * at / (of - 1);
        let topic = titles.get(at * titles.len() / of).copied().filter(|title| !title.is_empty());
        let seed = json!({ "topic": topic.unwrap_or("rain"), "words": asked, "points": [] });
        let request = json!({ "seed": seed, "ghost": ghost, "random_seed": n });
        let draft = ask("draft_write", request)?;
        let text = draft["text"].as_str().unwrap_or_default();
        let got = words::count(text);
        let off = (got.max(1) as f64 / asked as f64).ln();
        let headings = text.lines().filter(|line| line.starts_with('#')).count();
        written += 1;
        near += usize::from(off.abs() <= MOST_OFF);
        println!(
            "{n:3}  asked {asked:5}  got {got:5}  off {off:+.3}  {headings} headings  {}",
            draft["ended"].as_str().unwrap_or("")
        );
    }
    println!("{near} of {written} within {MOST_OFF} of the length asked for");
    Ok(())
}
