//! The whole pipeline: archive → draft → edit → row → run → verdict → adapter → draft, on the tiny
//! base, by the command line, with training in its own process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{Place, sample, text};

#[test]
fn the_whole_pipeline() {
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

    let rows = place.answer(&["training-data"]);
    let rows = rows["rows"].as_array().unwrap();
    let of = |origin| rows.iter().filter(|row| row["origin"] == origin).count();
    assert!(of("archive") > 20, "{}", of("archive"));
    assert_eq!(of("edit"), 1);
    assert!(rows.iter().all(|row| row["split"].is_string() && row["weights"].is_array()));

    let excluded = |place: &Place| {
        let rows = place.answer(&["training-data"]);
        rows["rows"].as_array().unwrap().iter().filter(|row| row["excluded"] == true).count()
    };
    place.answer(&["training-data", "--exclude", "1"]);
    assert_eq!(excluded(&place), 1);
    place.answer(&["training-data", "--include", "1"]);
    assert_eq!(
        (excluded(&place), place.failure(&["training-data", "--exclude", "999"])),
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

    let adapters = place.answer(&["promote", &id]);
    assert_eq!(adapters["active"], adapter, "{adapters}");
    let adapters = place.answer(&["call", "adapter_rollback"]);
    assert_ne!(adapters["active"], adapter, "{adapters}");
    let adapters = place.answer(&["promote", "base"]);
    assert!(adapters["active"].is_null(), "{adapters}");

    let judged = place.answer(&["evaluate", &id]);
    assert_eq!(judged["adapter"], adapter);

    let out = place.at("exported");
    place.answer(&["export", "--format", "peft", "--adapter", &id, "--out", out.to_str().unwrap()]);
    for file in ["adapter_model.safetensors", "adapter_config.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }

    assert_eq!(place.answer(&["runs"])["runs"].as_array().unwrap().len(), 1);
    assert_eq!(place.answer(&["doctor"])["ok"], true);
}

#[test]
fn the_same_random_seed_gives_the_same_draft() {
    let place = Place::new();
    let line = ["write", "--topic", "rain", "--words", "20", "--random-seed", "11"];
    let (one, two) = (place.answer(&line), place.answer(&line));
    assert_eq!(one["text"], two["text"]);
}

#[test]
fn a_seed_can_be_written_in_one_line() {
    let place = Place::new();
    let line = "log about rain in the city, ~30 words\n- the gutters";
    let seed = &place.answer(&["write", line, "--ghost", "base"])["seed"];
    let wanted = json!({
        "topic": "rain in the city", "angle": null, "words": 30, "kind": "log", "points": ["the gutters"]
    });
    assert_eq!(seed, &wanted);
    let both = place.run(&["write", line, "--topic", "snow"]);
    assert_eq!(both.status.code(), Some(2), "not both");
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
fn a_usage_error_has_another_status_than_a_failure() {
    let place = Place::new();
    assert_eq!(place.run(&["wriet"]).status.code(), Some(2));
    assert_eq!(place.run(&["write"]).status.code(), Some(2));
    assert_eq!(place.failure(&["draft", "99"]), "not_found");
    assert_eq!(place.failure(&["call", "desk_read", "{"]), "bad_input");
    assert_eq!(place.failure(&["ship", "1", "/no/such/file"]), "io");
}

#[test]
fn a_closed_output_is_not_an_error() {
    let place = Place::new();
    place.import_sample();
    let mut child = place
        .program()
        .arg("--home")
        .arg(place.home())
        .arg("training-data")
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
fn a_small_archive_is_cross_validated() {
    let place = Place::new();
    let posts = sample().join("content").join("posts");
    let report = place.answer(&["import", posts.to_str().unwrap()]);
    assert_eq!(report["added"], 19);

    let run = place.answer(&["learn", "--steps", "4", "--random-seed", "3"]);
    assert_eq!(run["state"], "done", "{run}");
    let verdict = &run["verdict"];
    // Three are for validation and not evaluated on.
    assert_eq!(verdict["measures"]["pieces"], 16, "{verdict}");
    assert!(verdict["reasons"].to_string().contains("cross-validated"), "{verdict}");
    assert!(verdict["measures"]["incumbent"].is_null());

    let again = place.answer(&["evaluate"]);
    assert_eq!(&again["verdict"], verdict);

    // The adapter of a fold is compared with that of the same fold.
    place.answer(&["promote", &run["adapter"].to_string()]);
    let next = place.answer(&["learn", "--new", "--steps", "4", "--random-seed", "4"]);
    assert_eq!(next["verdict"]["measures"]["pieces"], 16, "{next}");
    assert!(next["verdict"]["measures"]["incumbent"].is_f64(), "{next}");
}

#[test]
fn a_repeated_run_gives_the_same_adapter_bit_for_bit() {
    let place = Place::new();
    place.import_sample();
    let first = place.answer(&["learn", "--steps", "6", "--random-seed", "3"]);
    // What is imported later must not change the result.
    place.file("later/post.md", "# Later\n\nIt rained again, and nobody had put a pan under it.");
    place.answer(&["import", place.at("later").to_str().unwrap()]);
    let second = place.answer(&["learn", "--repeat", &first["run"].to_string()]);
    assert_eq!(second["state"], "done", "{second}");
    assert_ne!(second["run"], first["run"]);
    assert!(second["notes"].to_string().contains("Repeats run 1."), "{second}");
    assert!(weights(&place, &first) == weights(&place, &second), "not the same adapter");

    assert_eq!(place.failure(&["learn", "--repeat", "99"]), "not_found");
    let both = place.run(&["learn", "--repeat", "1", "--steps", "3"]);
    assert_eq!(both.status.code(), Some(2), "a repeated run has no settings of its own");
}

/// The weights of the adapter of a run.
fn weights(place: &Place, run: &Value) -> Vec<u8> {
    let adapter = run["adapter"].to_string();
    fs::read(place.home().join("adapters").join(adapter).join("adapter_model.safetensors")).unwrap()
}

/// Steps of the runs that are killed.
const STEPS: &str = "12";

#[test]
fn a_run_that_is_killed_repeatedly_gives_the_same_adapter() {
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
        assert_eq!(killed.answer(&["doctor"])["findings"][0]["ok"], true, "the store is intact");
    }
    let run = killed.answer(&["learn"]);
    assert_eq!((&run["state"], &run["run"]), (&Value::from("done"), &Value::from(1)), "{run}");
    assert_eq!(run["step"]["n"].to_string(), STEPS);

    let first = undisturbed.answer(&["runs"])["runs"][0].clone();
    assert!(weights(&undisturbed, &first) == weights(&killed, &run), "not the same adapter");
}

/// Creates a run whose process exits at once: its inputs are fixed, and nothing is trained.
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

/// Runs training in a process, and kills it after `lines` lines of output.
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
