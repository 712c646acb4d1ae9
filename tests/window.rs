//! Journeys in the real window: WebDriver types and clicks, XDND drops files, SIGKILL stands for a
//! power cut. Each journey uses the tiny base and its own data folder.
//!
//! They need a display and WebKitWebDriver. Without these they report that they were skipped; with
//! `GHOST_TESTS=required`, which `.ci/run` sets, they fail.

#![cfg(target_os = "linux")]

mod session;
mod xdnd;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use self::session::{Session, by, has};
use crate::support::{Place, skipped};

/// Allows one window at a time: all windows share one title and one keyboard focus.
static SCREEN: Mutex<()> = Mutex::new(());

/// Locks the screen; `None` if there is no display or no driver.
#[track_caller]
fn screen(journey: &str) -> Option<MutexGuard<'static, ()>> {
    let display = std::env::var_os("DISPLAY").is_some_and(|name| !name.is_empty());
    if display && has("WebKitWebDriver") {
        return Some(SCREEN.lock().unwrap_or_else(PoisonError::into_inner));
    }
    skipped(journey, "it needs a display and WebKitWebDriver");
    None
}

/// A JavaScript expression for the number of elements with a test id.
fn all(id: &str) -> String {
    format!("document.querySelectorAll('[data-testid={id}]').length")
}

#[test]
fn files_and_a_folder_are_dropped_on_the_window() {
    let Some(_screen) = screen("dropping files and a folder") else { return };
    let place = Place::new();
    let words = "It rained, and I put a pan under it, and the pan filled up slowly.";
    let one = place.file("drop/my sämple.md", format!("# The pan\n\n{words}"));
    let two = place.file("drop/2024-05-06-eaves.txt", format!("The eaves\n\n{words} Again."));
    place.file(
        "drop/blog/_posts/2023-01-02-moss.md",
        format!("---\ntitle: Moss\n---\n{words} Moss."),
    );
    place.file(
        "drop/blog/_posts/2023-02-03-lime.md",
        format!("---\ntitle: Lime\n---\n{words} Lime."),
    );
    place.file("drop/blog/empty.md", "");

    let window = Session::open(&place);
    window.click("nav-archive");
    window.wait(&by("drop-zone"));
    let folder = place.at("drop/blog");
    xdnd::drop_files("The Ghost", (600, 400), &[&one, &two, &folder]).unwrap();
    window.wait(&by("import-report"));
    window.wait(&format!("{} === 4", all("piece-row")));
    window.wait(&format!("{} === 1", all("import-warning")));
    assert!(window.text("import-warning").contains("empty.md"));
    window.screenshot("archive.png");

    // The command line sees what the window did, while the window is open.
    let archive = place.answer(&["archive"]);
    let titles: Vec<_> =
        archive["pieces"].as_array().unwrap().iter().map(|p| p["title"].to_string()).collect();
    for title in ["The pan", "Moss", "Lime"] {
        assert!(titles.iter().any(|one| one.contains(title)), "{title} in {titles:?}");
    }
}

#[test]
fn a_draft_streams_and_is_stopped_edited_and_shipped() {
    let Some(_screen) = screen("a draft, its edit and its training row") else { return };
    let place = Place::unhurried();
    let window = Session::open(&place);
    window.fill("seed-topic", "the rain barrel");
    window.fill("seed-angle", "what a barrel teaches about waiting");
    window.fill("seed-words", "2000");
    window.fill("seed-points", "the lid\u{E007}the tap");

    // Stops the draft as soon as it has a few words.
    window.run(
        "new MutationObserver((_, watch) => {
            const lines = [...document.querySelectorAll('.cm-content .cm-line')]
            const words = lines.filter(line => !line.querySelector('.cm-placeholder')).map(line => line.textContent).join('')
            const stop = document.querySelector('[data-testid=stop]')
            if (stop && words.trim().length > 60) { watch.disconnect(); stop.click() }
        }).observe(document.body, { childList: true, subtree: true, characterData: true })",
    );
    window.click("write");
    window.wait(&format!("{} && !{}", by("write"), by("stop")));
    let first = place.answer(&["draft", "1"]);
    assert_eq!(first["ended"], "stopped", "{first}");
    assert!(!first["text"].as_str().unwrap().is_empty(), "{first}");

    window.fill("seed-words", "30");
    window.click("write");
    window.wait(&format!("{} && !{} && {} === 2", by("write"), by("stop"), all("recent-draft")));
    let second = place.answer(&["draft", "2"]);
    assert_eq!(second["seed"]["topic"], "the rain barrel");
    assert_ne!(second["ended"], "stopped");
    window.screenshot("write.png");

    window.write("It rained all night. ");
    assert!(window.editor_text().contains("It rained all night."));
    window.click("review");
    window.wait(&format!("{}?.querySelector('ins')?.textContent.includes('rained')", by("diff")));
    assert!(window.text("kept").contains('%'));
    window.screenshot("review.png");
    window.click("ship");
    window.wait(&by("shipped"));

    let rows = place.answer(&["training-data"]);
    let row = &rows["rows"][0];
    assert_eq!(row["origin"], "edit", "{rows}");
    assert!(row["text"].as_str().unwrap().contains("It rained all night."));
}

#[test]
fn a_run_draws_its_curve_and_ends_in_a_verdict() {
    let Some(_screen) = screen("a run and its verdict") else { return };
    let place = Place::new();
    place.import_sample();
    let window = Session::open(&place);
    window.click("nav-learn");
    window.fill("learn-minutes", "0.2");
    window.click("learn-start");
    window.wait(&format!("/^[0-9]/.test({}?.textContent.trim())", by("step")));
    let first = window.text("step");
    window.wait(&format!("{}.textContent.trim() !== {first:?}", by("step")));
    window.wait(&format!("{}?.querySelector('path, polyline')", by("curve")));
    window.screenshot("learn.png");
    window.wait_for_run("verdict");
    window.screenshot("verdict.png");
    window.click("nav-adapters");
    window.wait(&format!("{} === 1", all("adapter-row")));
    assert!(!window.text("in-use").is_empty());
    window.screenshot("adapters.png");
    window.click("remote-open");
    window.wait(&by("remote-agree"));
    window.screenshot("remote.png");
    let run = &place.answer(&["runs"])["runs"][0];
    assert_eq!(run["state"], "done", "{run}");
}

#[test]
fn a_run_is_stopped_and_resumed() {
    let Some(_screen) = screen("stopping a run") else { return };
    let place = Place::new();
    place.import_sample();
    let window = Session::open(&place);
    window.click("nav-learn");
    window.fill("learn-minutes", "2");
    window.click("learn-start");
    window.wait(&format!("/^[0-9]/.test({}?.textContent.trim())", by("step")));
    window.click("learn-stop");
    window.wait(&by("learn-resume"));
    assert_eq!(place.answer(&["runs"])["runs"][0]["state"], "stopped");
    window.click("learn-resume");
    window.wait(&by("learn-stop"));
    window.click("learn-stop");
    window.wait(&by("learn-resume"));
}

#[test]
fn no_word_is_lost_when_the_window_is_killed() {
    let Some(_screen) = screen("killing the window while typing") else { return };
    let place = Place::new();
    place.answer(&["write", "--topic", "rain", "--words", "10", "--random-seed", "1"]);
    let window = Session::open(&place);
    let words: Vec<String> = (1..=12).map(|n| format!("word{n}")).collect();
    for word in &words {
        window.write(&format!("{word} "));
        sleep(Duration::from_millis(80));
    }
    // Typed text is saved within a second.
    sleep(Duration::from_millis(900));
    window.kill();

    let window = Session::open(&place);
    window.wait("document.querySelector('[data-testid=editor] .cm-line')");
    let text = window.editor_text();
    for word in &words {
        assert!(text.contains(word.as_str()), "{word} is lost: {text}");
    }
    window.screenshot("reopened.png");
}

#[test]
fn the_page_cannot_reach_the_network() {
    let Some(_screen) = screen("a page that tries to reach the network") else { return };
    let place = Place::new();
    let window = Session::open(&place);
    window.run(
        "window.reached = 'waiting'
         fetch('https://example.com/').then(() => (window.reached = 'reached'),
                                            () => (window.reached = 'refused'))",
    );
    assert_eq!(window.wait("window.reached !== 'waiting' && window.reached"), "refused");
    window.run("location.href = 'https://example.com/'");
    sleep(Duration::from_millis(300));
    assert_eq!(window.js("location.hostname"), "localhost");
    window.click("nav-archive");
    window.wait(&by("drop-zone"));
}
