//! Measures how well a voice separates a writer from authors it was not trained on, on a folder with one
//! folder per author:
//!
//! ```text
//! cargo run --release -p ghost-core --example voices -- FOLDER WRITER NEAR,NEAR [--archive N] [--bundled]
//! ```
//!
//! The writer's pieces are scored by voices that were not trained on them (tenfold, or leave-one-out with
//! `--folds 0`); every other author by voices that were not trained on that author. A folder with one
//! piece each of many authors is named in `--apart`. With `--bundled` the bundled authors that are not in
//! the folder are added as the group `bundled`.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use ghost_core::archive;
use ghost_core::voice::{MEMBERS, MaskedText, ReferenceAuthor, ReferenceAuthors, Voice};

const LENGTHS: [usize; 5] = [100, 200, 400, 600, 800];

struct Writer {
    name: String,
    folder: String,
    author: ReferenceAuthor,
    texts: Vec<MaskedText>,
    /// Whether the author has a folder of their own and is tested as a whole.
    large: bool,
}

impl Writer {
    fn of(name: String, folder: &str, pieces: &[String]) -> Writer {
        Writer {
            author: ReferenceAuthor::of(&name, pieces.iter().map(String::as_str)),
            name,
            folder: folder.to_owned(),
            texts: pieces.iter().map(|text| MaskedText::of(text)).collect(),
            large: pieces.len() > 1,
        }
    }
}

type Found = Vec<(String, usize, f64, [f64; MEMBERS.len()])>;

#[allow(clippy::print_stdout)]
fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let option = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).cloned()
    };
    let [root, name, near] = &args[..3] else { panic!("FOLDER WRITER NEAR,NEAR") };
    let apart = option("--apart").unwrap_or_else(|| "impostors,johnson-idler-others".to_owned());
    let near: Vec<&str> = near.split(',').collect();
    let (mut writers, mut own) = (Vec::new(), Vec::new());
    for folder in folders(Path::new(root)) {
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pieces = pieces(&folder);
        if apart.split(',').any(|one| one == folder_name) {
            writers.extend(pieces.iter().enumerate().map(|(n, piece)| {
                let name = format!("{folder_name} {}", n + 1);
                Writer::of(name, &folder_name, std::slice::from_ref(piece))
            }));
        } else if folder_name == *name {
            own = pieces;
        } else {
            writers.push(Writer::of(folder_name.clone(), &folder_name, &pieces));
        }
    }
    if args.iter().any(|arg| arg == "--bundled") {
        let is_new = |one: &ReferenceAuthor| {
            let known = |writer: &Writer| writer.name == one.name;
            one.name != *name && !writers.iter().any(known)
        };
        let bundled: Vec<ReferenceAuthor> =
            ReferenceAuthors::bundled().writers.into_iter().filter(is_new).collect();
        writers.extend(bundled.into_iter().map(|author| Writer {
            name: author.name.clone(),
            folder: "bundled".into(),
            texts: author.samples.clone(),
            author,
            large: false,
        }));
    }
    assert!(!own.is_empty(), "the writer has a folder");
    own.retain(|piece| MaskedText::of(piece).words() >= 100);
    if let Some(n) = option("--archive").and_then(|n| n.parse::<usize>().ok()) {
        let every = own.len().div_ceil(n).max(1);
        own = own.into_iter().step_by(every).collect();
    }
    let folds = match option("--folds").and_then(|n| n.parse().ok()) {
        Some(0) => own.len(),
        Some(n) => n,
        None => own.len().min(10),
    };
    let authors: Vec<ReferenceAuthor> = writers.iter().map(|one| one.author.clone()).collect();

    let pool = ReferenceAuthors { writers: authors.clone() };
    let mut found: Found = Vec::new();
    let mut seconds = 0.0;
    for fold in 0..folds {
        let kept: Vec<&str> =
            own.iter().enumerate().filter(|(n, _)| n % folds != fold).map(|(_, t)| &**t).collect();
        let started = Instant::now();
        let voice = Voice::learn(&kept, &pool, &[]).expect("an archive and other authors");
        seconds += started.elapsed().as_secs_f64();
        if fold == 0 {
            println!("{name}: {} pieces; at 0: {}", own.len(), voice.baseline_authors().join(", "));
            println!("not used: {:?}", voice.unused_members());
        }
        for (_, text) in own.iter().enumerate().filter(|(n, _)| n % folds == fold) {
            score_at_lengths(&voice, "own", &MaskedText::of(text), &mut found);
        }
    }
    println!("{:.2} s to learn a voice", seconds / folds as f64);

    // Other authors in blocks, so that each is scored by a voice that was not trained on them.
    let all: Vec<&str> = own.iter().map(|text| &**text).collect();
    let large: Vec<usize> = (0..writers.len()).filter(|&n| writers[n].large).collect();
    let blocks = large.len().max(2);
    for block in 0..blocks {
        let mut small = 0;
        let tested: Vec<bool> = (0..writers.len())
            .map(|n| match large.iter().position(|&one| one == n) {
                Some(place) => place == block,
                None => {
                    small += 1;
                    small % blocks == block
                }
            })
            .collect();
        let known = authors.iter().zip(&tested).filter(|(_, tested)| !**tested);
        let pool = ReferenceAuthors { writers: known.map(|(one, _)| one.clone()).collect() };
        let voice = Voice::learn(&all, &pool, &[]).expect("an archive and other authors");
        for ((one, author), _) in
            writers.iter().zip(&authors).zip(&tested).filter(|(_, tested)| **tested)
        {
            assert!(
                !pool.writers.contains(author),
                "authors are scored by voices not trained on them"
            );
            let every = one.texts.len().div_ceil(40).max(1);
            for text in one.texts.iter().step_by(every) {
                score_at_lengths(&voice, &one.folder, text, &mut found);
            }
        }
    }

    println!("words  who                     n     V    sd   AUC   by member");
    for length in LENGTHS {
        let scores = |of: &dyn Fn(&str) -> bool| -> Vec<(f64, [f64; MEMBERS.len()])> {
            let own = found.iter().filter(|(who, words, ..)| *words == length && of(who));
            own.map(|(_, _, v, members)| (*v, *members)).collect()
        };
        let own = scores(&|who| who == "own");
        let line = |who: &str, texts: &[(f64, [f64; MEMBERS.len()])]| {
            if texts.is_empty() || own.is_empty() {
                return;
            }
            let of = |all: &[(f64, [f64; MEMBERS.len()])], n: Option<usize>| -> Vec<f64> {
                all.iter().map(|(v, members)| n.map_or(*v, |n| members[n])).collect()
            };
            let v = of(texts, None);
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            let sd = (v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt();
            print!("{length:5}  {who:22} {:3} {mean:6.2} {sd:5.2}", texts.len());
            if who != "own" {
                print!(" {:5.3}  ", auc(&of(&own, None), &v));
                (0..MEMBERS.len())
                    .for_each(|n| print!(" {:.2}", auc(&of(&own, Some(n)), &of(texts, Some(n)))));
            }
            println!();
        };
        line("own", &own);
        line("NEAR", &scores(&|who| near.contains(&who)));
        line("FAR", &scores(&|who| who != "own" && !near.contains(&who)));
        if length == 400 {
            let mut groups: Vec<&str> = writers.iter().map(|one| one.folder.as_str()).collect();
            groups.dedup();
            groups.iter().for_each(|group| line(group, &scores(&|who| who == *group)));
        }
    }
}

fn score_at_lengths(voice: &Voice, who: &str, text: &MaskedText, found: &mut Found) {
    for length in LENGTHS {
        if let Some(score) = text.opening(length).and_then(|text| voice.score_masked(&text)) {
            let members = score.members.map(|(v, _)| v);
            found.push((who.to_owned(), length, score.v, members));
        }
    }
}

/// The area under the ROC curve between own and other scores; ties count half.
fn auc(own: &[f64], others: &[f64]) -> f64 {
    let beats = own.iter().flat_map(|a| others.iter().map(move |b| a.total_cmp(b) as i32 + 1));
    f64::from(beats.sum::<i32>()) / 2.0 / (own.len() * others.len()) as f64
}

/// The folders in a folder.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(root).into_iter().filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// The texts of a folder, as the app reads them, sorted by date.
fn pieces(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(entries(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
            found.extend(archive::read(&name, &bytes).0);
        }
    }
    found.sort_by(|a, b| (a.date, &a.source).cmp(&(b.date, &b.source)));
    found.into_iter().map(|piece| piece.text).collect()
}
