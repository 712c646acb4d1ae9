//! Import times and peak memory: ten thousand posts are generated, imported, imported again
//! unchanged, and one of them is changed in a watched folder.
//!
//! ```text
//! cargo run --release -p ghost-desk --example imports [-- POSTS [WORDS]]
//! ```
//!
//! To measure an existing archive: `imports -- FOLDER`.
//!
//! The posts are random words after Zipf's law with a fixed seed, so the same call makes the same
//! archive. Memory is the peak that Linux reports for this process.

// It prints a table, as commands do.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{env, fs};

use ghost_core::rng::Rng;
use ghost_desk::event::Event;
use ghost_desk::{Desk, Host, commands};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let room = tempfile::tempdir()?;
    let number = |at: usize| arguments.get(at).and_then(|word| word.parse::<usize>().ok());
    let folder = match arguments.first().filter(|_| number(0).is_none()) {
        Some(folder) => PathBuf::from(folder),
        None => make(&room.path().join("blog"), number(0).unwrap_or(10_000), number(1))?,
    };
    let desk = Desk::open(&room.path().join("home"), Host::CommandLine)?;
    let ask = json!({ "paths": [folder] });
    println!("| what | seconds | most memory, MB |\n|---|--:|--:|");
    for what in ["first import, rows laid out", "second import, nothing changed"] {
        let started = Instant::now();
        let report = call(&desk, "archive_import", ask.clone())?;
        println!(
            "| {what}: {} pieces, {} pairs | {:.2} | {} |",
            report["added"],
            report["pairs"],
            started.elapsed().as_secs_f64(),
            most_memory()
        );
    }
    if number(0).is_some() || arguments.is_empty() {
        let (tell, told) = channel();
        desk.listen(move |event| {
            if let Event::ArchiveChanged { .. } = event {
                let _ = tell.send(());
            }
        });
        call(&desk, "folder_watch", json!({ "path": folder, "on": true }))?;
        let started = Instant::now();
        fs::write(folder.join("000007.md"), "---\ntitle: Seven\n---\nIt was changed just now.\n")?;
        told.recv_timeout(Duration::from_secs(60))?;
        println!(
            "| a changed post in a watched folder | {:.2} | {} |",
            started.elapsed().as_secs_f64(),
            most_memory()
        );
    }
    Ok(())
}

fn call(desk: &Desk, name: &str, ask: Value) -> Result<Value, Box<dyn Error>> {
    commands::call(desk, name, ask, &mut |_| {}).map_err(|failure| failure.message.into())
}

/// Writes `posts` posts of `words` words.
fn make(folder: &Path, posts: usize, words: Option<usize>) -> Result<PathBuf, Box<dyn Error>> {
    const SYLLABLES: [&str; 20] = [
        "ba", "cor", "den", "fil", "ga", "hem", "il", "jo", "kar", "lo", "mi", "nor", "or", "pel",
        "ra", "sut", "ti", "ul", "ver", "wen",
    ];
    fs::create_dir_all(folder)?;
    let mut rng = Rng::new(10);
    let word = |rank: usize| {
        let mut rank = rank + 20;
        let mut word = String::new();
        while rank > 0 {
            word.push_str(SYLLABLES[rank % 20]);
            rank /= 20;
        }
        word
    };
    // Word frequency is inverse to rank.
    let most = 40_000f64;
    for n in 0..posts {
        let mut text = format!(
            "---\ntitle: \"Post {n}\"\ndate: {}-{:02}-{:02}\n---\n",
            2000 + n / 400,
            n / 28 % 12 + 1,
            n % 28 + 1
        );
        for at in 0..words.unwrap_or(780) {
            let drawn = word(most.powf(rng.next_f64()) as usize - 1);
            let end = match at {
                _ if at % 97 == 96 => ".\n\n",
                _ if at % 13 == 12 => ". ",
                _ => " ",
            };
            text.push_str(&drawn);
            text.push_str(end);
        }
        fs::write(folder.join(format!("{n:06}.md")), text)?;
    }
    Ok(folder.to_owned())
}

/// Peak memory of this process in MB.
fn most_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map_or("-".to_owned(), |kib| (kib / 1024).to_string())
}
