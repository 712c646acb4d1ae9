//! The sample archive, read as it lies in the repository: expected pieces, kinds and dates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Place, sample};

#[test]
fn the_sample_archive_is_read_whole() {
    let place = Place::without_base();
    let report = place.import_sample();
    assert_eq!(report["pieces"], 54, "{report}");
    assert_eq!(report["added"], 54);
    assert_eq!(report["duplicates"], 0);
    assert_eq!(report["complaints"].as_array().unwrap().len(), 0, "{report}");

    let archive = place.answer(&["archive"]);
    let pieces = archive["pieces"].as_array().unwrap();
    let mut kinds = BTreeMap::new();
    for piece in pieces {
        *kinds.entry(piece["kind"].as_str().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(kinds, BTreeMap::from([("post", 28), ("log", 26)]));
    for piece in pieces {
        assert!(piece["words"].as_u64().unwrap() > 20, "{piece}");
        assert!(!piece["title"].as_str().unwrap().is_empty(), "{piece}");
    }
}

#[test]
fn titles_and_dates_are_those_of_each_format() {
    let place = Place::without_base();
    place.import_sample();
    let archive = place.answer(&["archive"]);
    for (source, title, date) in [
        ("2024-10-20-gutters.md", "Gutters", "2024-10-20"),
        ("2025-03-16-lime.html", "Lime", "2025-03-16"),
        ("2025-07-20-power-cut.txt", "Power cut", "2025-07-20"),
    ] {
        let piece = found(&archive, source);
        assert_eq!(piece["title"].as_str().unwrap().to_lowercase(), title.to_lowercase());
        assert_eq!(piece["date"], date, "{piece}");
    }
}

#[test]
fn nothing_of_the_page_furniture_is_left() {
    let place = Place::without_base();
    place.import_sample();
    for piece in place.answer(&["archive"])["pieces"].as_array().unwrap() {
        let request = format!("{{\"piece\":{}}}", piece["piece"]);
        let whole = place.answer(&["call", "piece_read", &request]);
        let text = whole["text"].as_str().unwrap();
        for furniture in ["{%", "{{<", "{{%", "<!--", "</", "layout: post"] {
            assert!(!text.contains(furniture), "{furniture} in {text}");
        }
    }
}

#[test]
fn importing_again_adds_nothing() {
    let place = Place::without_base();
    place.import_sample();
    let again = place.import_sample();
    assert_eq!(again["added"], 0, "{again}");
    assert_eq!(again["duplicates"], 54);
}

#[test]
fn a_dry_run_tells_and_keeps_nothing() {
    let place = Place::without_base();
    let report = place.answer(&["import", "--dry-run", sample().to_str().unwrap()]);
    assert_eq!(report["pieces"], 54, "{report}");
    assert_eq!(place.answer(&["archive"])["pieces"].as_array().unwrap().len(), 0);
}

#[track_caller]
fn found<'a>(archive: &'a Value, source: &str) -> &'a Value {
    let pieces = archive["pieces"].as_array().unwrap();
    pieces.iter().find(|p| p["source"].as_str().unwrap().ends_with(source)).unwrap()
}
