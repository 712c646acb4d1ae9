//! The product, once, whole: archive → draft → edit → row → run → verdict → adapter → draft, on
//! the tiny base, by the command line, with the run in its own process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{Place, sample, text};

#[test]
fn the_whole_line() {
    let place = Place::new();
    place.import_sample();

    let draft = place.answer(&[
        "write",
        "--topic",
        "the rain barrel",
        "--words",
        "30",
        "--kind",
        "post",
        "--ghost",
        "base",
        "--random-seed",
        "7",
    ]);
    assert_eq!(draft["written_by"], "base");
    assert!(draft["tokens"].as_u64().unwrap() > 0);
    assert!(draft["tokens_per_second"].as_f64().unwrap() > 0.0);
    let written = draft["text"].as_str().unwrap();

    let shipped = format!("{written} The barrel is full. I have not decided what for.");
    let file = place.file("shipped.md", &shipped);
    let edit = place.answer(&["ship", "1", file.to_str().unwrap()]);
    assert!(edit["edit"].is_i64() && edit["row"].is_i64(), "{edit}");
    assert!(edit["edit_distance"].as_f64().unwrap() > 0.0);
    assert!(edit["kept_ratio"].as_f64().unwrap() > 0.5);

    let notation = place.answer(&["edit", "1"])["notation"].as_str().unwrap().to_owned();
    assert!(notation.contains("The barrel is full."), "{notation}");

    let rows = place.answer(&["rows"]);
    let rows = rows["rows"].as_array().unwrap();
    let of = |origin| rows.iter().filter(|row| row["origin"] == origin).count();
    assert!(of("archive") > 20, "{}", of("archive"));
    assert_eq!(of("edit"), 1);
    assert!(rows.iter().all(|row| row["side"].is_string() && row["weights"].is_array()));

    let excluded = |place: &Place| {
        let rows = place.answer(&["rows"]);
        rows["rows"].as_array().unwrap().iter().filter(|row| row["excluded"] == true).count()
    };
    place.answer(&["rows", "--exclude", "1"]);
    assert_eq!(excluded(&place), 1);
    place.answer(&["rows", "--include", "1"]);
    assert_eq!(
        (excluded(&place), place.failure(&["rows", "--exclude", "999"])),
        (0, "not_found".into())
    );

    let run = place.answer(&["learn", "--steps", "6", "--random-seed", "3"]);
    assert_eq!(run["state"], "done", "{run}");
    let steps = run["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["n"], 6, "{run}");
    let adapter = run["adapter"].as_i64().unwrap();
    let verdict = &run["verdict"];
    let decisions = ["SHIP", "KEEP", "UNPROVEN", "BLOCKED", "RETIRE"];
    assert!(decisions.contains(&verdict["decision"].as_str().unwrap()), "{verdict}");
    assert!(!verdict["reasons"].as_array().unwrap().is_empty());
    assert!(verdict["measures"]["base"].as_f64().unwrap() > 0.0, "{verdict}");
    assert!(verdict["measures"]["adapter"].as_f64().unwrap() > 0.0, "{verdict}");

    let id = adapter.to_string();
    let next = place.answer(&[
        "write",
        "--topic",
        "the rain barrel",
        "--words",
        "30",
        "--ghost",
        &id,
        "--random-seed",
        "7",
    ]);
    assert_eq!(next["written_by"], id.as_str());

    let ghosts = place.answer(&["promote", &id]);
    assert_eq!(ghosts["writing"], adapter, "{ghosts}");
    let ghosts = place.answer(&["call", "ghost_rollback"]);
    assert_ne!(ghosts["writing"], adapter, "{ghosts}");
    let ghosts = place.answer(&["promote", "base"]);
    assert!(ghosts["writing"].is_null(), "{ghosts}");

    let judged = place.answer(&["judge", &id]);
    assert_eq!(judged["adapter"], adapter);

    let out = place.at("exported");
    place.answer(&["export", "--format", "peft", "--ghost", &id, "--out", out.to_str().unwrap()]);
    for file in ["adapter_model.safetensors", "adapter_config.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }

    assert_eq!(place.answer(&["runs"])["runs"].as_array().unwrap().len(), 1);
    assert_eq!(place.answer(&["doctor"])["well"], true);
}

#[test]
fn the_same_chance_writes_the_same_draft() {
    let place = Place::new();
    let line = ["write", "--topic", "rain", "--words", "20", "--random-seed", "11"];
    let (one, two) = (place.answer(&line), place.answer(&line));
    assert_eq!(one["text"], two["text"]);
}

#[test]
fn a_line_is_seed_enough() {
    let place = Place::new();
    let line = "log about rain in the city, ~30 words\n- the gutters";
    let seed = &place.answer(&["write", line, "--ghost", "base"])["seed"];
    let wanted = json!({
        "topic": "rain in the city", "angle": null, "words": 30, "kind": "log", "points": ["the gutters"]
    });
    assert_eq!(seed, &wanted);
    let both = place.run(&["write", line, "--topic", "snow"]);
    assert_eq!(both.status.code(), Some(2), "one or the other");
}

#[test]
fn without_json_a_draft_is_plain_text() {
    let place = Place::new();
    let output = place
        .program()
        .arg("--home")
        .arg(place.home())
        .args(["write", "--topic", "rain", "--words", "20", "--random-seed", "11"])
        .output()
        .unwrap();
    assert!(output.status.success());
    // A draft is stored in one form, without control characters.
    let shown = ghost_core::normalize::owned(text(&output.stdout));
    let draft = place.answer(&["draft", "1"]);
    assert!(shown.contains(draft["text"].as_str().unwrap().trim()), "{shown}");
    assert!(shown.contains("Draft 1:"), "{shown}");
}

#[test]
fn a_misuse_is_another_thing_than_a_failure() {
    let place = Place::new();
    assert_eq!(place.run(&["wriet"]).status.code(), Some(2));
    assert_eq!(place.run(&["write"]).status.code(), Some(2));
    assert_eq!(place.failure(&["draft", "99"]), "not_found");
    assert_eq!(place.failure(&["call", "desk_read", "{"]), "bad_input");
    assert_eq!(place.failure(&["ship", "1", "/no/such/file"]), "io");
}

#[test]
fn nobody_reading_the_answer_is_no_error() {
    let place = Place::new();
    place.import_sample();
    let mut child = place
        .program()
        .arg("--home")
        .arg(place.home())
        .arg("rows")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_small_archive_is_held_out_in_turn() {
    let place = Place::new();
    let posts = sample().join("content").join("posts");
    let report = place.answer(&["import", posts.to_str().unwrap()]);
    assert_eq!(report["added"], 19);

    let run = place.answer(&["learn", "--steps", "4", "--random-seed", "3"]);
    assert_eq!(run["state"], "done", "{run}");
    let verdict = &run["verdict"];
    // Three are watched, and judge nothing.
    assert_eq!(verdict["measures"]["pieces"], 16, "{verdict}");
    assert!(verdict["reasons"].to_string().contains("held out in turn"), "{verdict}");
    assert!(verdict["measures"]["incumbent"].is_null());

    let again = place.answer(&["judge"]);
    assert_eq!(&again["verdict"], verdict);

    // The adapter of a fold is held against that of the same fold.
    place.answer(&["promote", &run["adapter"].to_string()]);
    let next = place.answer(&["learn", "--new", "--steps", "4", "--random-seed", "4"]);
    assert_eq!(next["verdict"]["measures"]["pieces"], 16, "{next}");
    assert!(next["verdict"]["measures"]["incumbent"].is_f64(), "{next}");
}

/// Steps of the runs that are killed.
const STEPS: &str = "12";

#[test]
fn a_run_that_is_killed_again_and_again_ends_the_same() {
    let undisturbed = Place::new();
    undisturbed.import_sample();
    let run = undisturbed.answer(&["learn", "--steps", STEPS, "--random-seed", "5"]);
    assert_eq!(run["state"], "done", "{run}");

    let killed = Place::new();
    killed.import_sample();
    begin(&killed);
    // Each time a little later, from before the first step to the verdict.
    for lines in [0, 1, 2, 4, 6, 8, 11, 13] {
        kill_after(&killed, lines);
        assert_eq!(killed.answer(&["doctor"])["findings"][0]["well"], true, "the store is whole");
    }
    let run = killed.answer(&["learn"]);
    assert_eq!((&run["state"], &run["run"]), (&Value::from("done"), &Value::from(1)), "{run}");
    assert_eq!(run["step"]["n"].to_string(), STEPS);

    let weights = |place: &Place, run: &Value| {
        let adapter = run["adapter"].to_string();
        fs::read(place.home().join("adapters").join(adapter).join("adapter_model.safetensors"))
            .unwrap()
    };
    let first = undisturbed.answer(&["runs"])["runs"][0].clone();
    assert!(weights(&undisturbed, &first) == weights(&killed, &run), "not the same adapter");
}

/// Asks for a run whose process does nothing: what is to be learned is fixed, nothing is begun.
fn begin(place: &Place) {
    place
        .program()
        .env("GHOST_EXE", "/bin/true")
        .arg("--home")
        .arg(place.home())
        .args(["--json", "learn", "--steps", STEPS, "--random-seed", "5"])
        .output()
        .unwrap();
}

/// Does the run in a process of its own, and kills it once it has told so many things.
fn kill_after(place: &Place, lines: usize) {
    let mut child: Child = place
        .program()
        .args(["work", "1", "--home"])
        .arg(place.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap()).lines();
    let _ = told.take(lines).count();
    child.kill().unwrap();
    child.wait().unwrap();
}
