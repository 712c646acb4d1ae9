//! The house rules that a machine can check. A rule that is broken says so in a sentence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

mod imports;
mod phrases;

/// Every file of the repository, as git knows it; without git, every file that is not made.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(listed) if listed.status.success() => String::from_utf8_lossy(&listed.stdout)
            .lines()
            .map(PathBuf::from)
            .filter(|file| root().join(file).is_file())
            .collect(),
        _ => {
            let mut found = Vec::new();
            walk(&root(), &mut found);
            found
        }
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let made = ["target", "gen", "dist", "node_modules", "bindings", ".git", ".base"];
        if path.is_dir() && !made.iter().any(|one| name == *one) {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(root().join(file)).unwrap()).into_owned()
}

/// The files with an ending, and their texts.
fn texts(ending: &str) -> Vec<(PathBuf, String)> {
    let all = files().into_iter().filter(|file| file.extension().is_some_and(|e| e == ending));
    all.map(|file| (file.clone(), read(&file))).collect()
}

/// The part of a Rust file that is the product, without its tests and comments.
fn product(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn none(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn only_the_window_knows_tauri_and_only_the_engine_knows_tensors() {
    let mut broken = Vec::new();
    for (file, text) in texts("toml").into_iter().filter(|(file, _)| file.ends_with("Cargo.toml")) {
        let names = |what: &str| {
            text.lines().any(|line| {
                let line = line.trim_start().trim_start_matches('"');
                line.starts_with(what)
            })
        };
        let (window, engine) =
            (file == Path::new("Cargo.toml"), file.to_string_lossy().contains("ghost-engine/"));
        if names("tauri") && !window {
            broken.push(format!("{} names tauri", file.display()));
        }
        if names("candle") && !engine {
            broken.push(format!("{} names candle", file.display()));
        }
    }
    none(broken, "the crates depend one way: window, desk, engine, core");
}

#[test]
fn the_core_has_no_files_no_clock_and_no_dice() {
    let never = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "SystemTime",
        "Instant::now",
        "rand::",
        "Timestamp::now",
        "Zoned::now",
    ];
    let mut broken = Vec::new();
    for (file, text) in texts("rs") {
        if file.starts_with("src-tauri/ghost-core/src") {
            let product = product(&text);
            let found = never.iter().filter(|what| product.contains(**what));
            broken.extend(found.map(|what| format!("{} uses {what}", file.display())));
        }
    }
    none(broken, "ghost-core is words in, words out");
}

#[test]
fn in_the_core_no_file_uses_a_noun_to_its_right() {
    let line = ["words", "archive", "seed", "draft", "edit", "row", "run", "verdict"];
    let mut broken = Vec::new();
    for (at, noun) in line.iter().enumerate() {
        let mut own: Vec<_> = texts("rs");
        own.retain(|(file, _)| {
            let at = Path::new("src-tauri/ghost-core/src").join(noun);
            file.starts_with(&at) || *file == at.with_extension("rs")
        });
        for (file, text) in own {
            for right in &line[at + 1..] {
                if product(&text).contains(&format!("crate::{right}")) {
                    broken.push(format!("{} uses {right}", file.display()));
                }
            }
        }
    }
    none(broken, "the line points one way");
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let mut cycles = Vec::new();
    for src in ["ghost-core/src", "ghost-engine/src", "ghost-desk/src", "src"] {
        let found = imports::Imports::of(&root().join("src-tauri").join(src)).cycles();
        cycles.extend(found.into_iter().map(|cycle| format!("{src}: {cycle}")));
    }
    none(cycles, "imports point one way");
}

#[test]
fn one_file_of_the_page_knows_tauri() {
    let mut broken = Vec::new();
    for ending in ["ts", "svelte"] {
        for (file, text) in texts(ending) {
            let backend = ["ui/src/backend/tauri.ts", "ui/src/backend/tauri.test.ts"];
            if text.contains("'@tauri-apps") && !backend.iter().any(|one| file == Path::new(one)) {
                broken.push(format!("{} imports @tauri-apps", file.display()));
            }
        }
    }
    none(broken, "the page knows one door");
}

#[test]
fn nothing_on_the_page_moves_for_ever() {
    // An endless animation repaints the window all the time, and takes the processor from the run
    // at work and from the keys being typed. CodeMirror's own selection blinks that way.
    let never = ["infinite", "animation-iteration-count", "<marquee", "<animate", "drawSelection"];
    let mut broken = Vec::new();
    for ending in ["svelte", "css", "ts", "html"] {
        for (file, text) in texts(ending) {
            let found = never.iter().filter(|what| text.contains(**what));
            broken.extend(found.map(|what| format!("{} says {what}", file.display())));
        }
    }
    none(broken, "the page is still unless something changed");
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    let silent = texts("rs").into_iter().filter(|(_, text)| !text.starts_with("//!"));
    none(silent.map(|(file, _)| file.display().to_string()).collect(), "a file opens with //!");
}

#[test]
fn nothing_is_left_for_later() {
    let later = ["todo!", "unimplemented!", "FIXME", "#[ignore"];
    let mut broken = Vec::new();
    for (file, text) in texts("rs") {
        if file == Path::new("tests/house.rs") {
            continue; // it names them
        }
        let found = later.iter().filter(|what| text.contains(**what));
        broken.extend(found.map(|what| format!("{} says {what}", file.display())));
    }
    none(broken, "what is not done is not there");
}

#[test]
fn no_file_names_a_machine_or_a_package_registry() {
    // Put together here, so that this file does not name them either.
    let never: Vec<String> = [
        ("/wo", "rk/"),
        ("/tmp/ba", "sh"),
        ("crates", ".io/"),
        ("registry.n", "pmjs"),
        ("npm", "js.com"),
        ("py", "pi.org"),
        ("pythonh", "osted.org"),
        ("proxy.golang", ".org"),
    ]
    .iter()
    .map(|(a, b)| format!("{a}{b}"))
    .collect();
    let mut broken = Vec::new();
    for file in files() {
        if file.ends_with("Cargo.lock") {
            continue; // cargo writes it, and names its index
        }
        let text = read(&file);
        let found = never.iter().filter(|what| text.contains(what.as_str()));
        broken.extend(found.map(|what| format!("{} names {what}", file.display())));
    }
    none(broken, "the repository speaks of the product alone");
}

#[test]
fn the_lock_of_the_page_names_no_addresses() {
    let lock = read(Path::new("ui/package-lock.json"));
    assert!(!lock.contains("\"resolved\""), "ui/package-lock.json names where packages came from");
}

#[test]
fn the_tree_in_the_readme_is_the_tree() {
    let readme = read(Path::new("README.md"));
    let tree = readme.split("```").find(|block| block.contains("Cargo.toml  ")).expect("a tree");
    let mut folder = PathBuf::new();
    let mut missing = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let nested = line.starts_with(' ');
        for name in line.trim().split("  ").next().unwrap_or_default().split_whitespace() {
            let path = if nested { folder.join(name) } else { PathBuf::from(name) };
            if !root().join(&path).exists() {
                missing
                    .push(format!("{} is in the README's tree and nowhere else", path.display()));
            }
            if !nested {
                folder = path;
            }
        }
    }
    none(missing, "the README lists what there is");
}
