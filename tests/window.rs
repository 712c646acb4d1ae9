//! Journeys in the real window, as a writer would make them: WebDriver for keys and clicks, XDND
//! for files, SIGKILL for power cuts. On the tiny base, each in a place of its own.
//!
//! They need a display and WebKitWebDriver. Without them they say that they were passed over,
//! unless `GHOST_WINDOW=required`, as it is under `make test`.

#![cfg(target_os = "linux")]

mod session;
mod xdnd;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use self::session::{Session, by, has};
use crate::support::{Place, passed_over};

/// One window at a time: they have one title and one focus.
static SCREEN: Mutex<()> = Mutex::new(());

/// The screen, where there is one to use.
#[track_caller]
fn screen(journey: &str) -> Option<MutexGuard<'static, ()>> {
    let display = std::env::var_os("DISPLAY").is_some_and(|name| !name.is_empty());
    if display && has("WebKitWebDriver") {
        return Some(SCREEN.lock().unwrap_or_else(PoisonError::into_inner));
    }
    let required = std::env::var("GHOST_WINDOW").is_ok_and(|value| value == "required");
    assert!(!required, "no display or no WebKitWebDriver, and GHOST_WINDOW=required");
    passed_over(journey, "it needs a display and WebKitWebDriver");
    None
}

/// How many elements have a test id, as an expression.
fn all(id: &str) -> String {
    format!("document.querySelectorAll('[data-testid={id}]').length")
}

#[test]
fn files_and_a_folder_are_dropped_on_the_window() {
    let Some(_screen) = screen("a drop of files and a folder") else { return };
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
    window.wait(&format!("{} === 1", all("complaint")));
    assert!(window.text("complaint").contains("empty.md"));
    window.picture("archive.png");

    // The command line sees what the window did, beside it.
    let archive = place.answer(&["archive"]);
    let titles: Vec<_> =
        archive["pieces"].as_array().unwrap().iter().map(|p| p["title"].to_string()).collect();
    for title in ["The pan", "Moss", "Lime"] {
        assert!(titles.iter().any(|one| one.contains(title)), "{title} in {titles:?}");
    }
}

#[test]
fn a_draft_streams_is_stopped_is_edited_and_shipped() {
    let Some(_screen) = screen("a draft, its edit and its row") else { return };
    let place = Place::unhurried();
    let window = Session::open(&place);
    window.fill("seed-topic", "the rain barrel");
    window.fill("seed-angle", "what a barrel teaches about waiting");
    window.fill("seed-words", "2000");
    window.fill("seed-points", "the lid\u{E007}the tap");

    // Stopped as soon as a few words stand there.
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
    window.picture("write.png");

    window.write("It rained all night. ");
    assert!(window.sheet().contains("It rained all night."));
    window.click("review");
    window.wait(&format!("{}?.querySelector('ins')?.textContent.includes('rained')", by("diff")));
    assert!(window.text("kept").contains('%'));
    window.picture("review.png");
    window.click("ship");
    window.wait(&by("shipped"));

    let rows = place.answer(&["rows"]);
    let row = &rows["rows"][0];
    assert_eq!(row["origin"], "edit", "{rows}");
    assert!(row["text"].as_str().unwrap().contains("It rained all night."));
}

#[test]
fn it_learns_the_curve_moves_and_a_verdict_appears() {
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
    window.picture("learn.png");
    window.wait_for_run("verdict");
    window.picture("verdict.png");
    window.click("nav-ghosts");
    window.wait(&format!("{} === 1", all("adapter-row")));
    assert!(!window.text("ghost-name").is_empty());
    window.picture("ghosts.png");
    window.click("elsewhere-open");
    window.wait(&by("elsewhere-may"));
    window.picture("elsewhere.png");
    let run = &place.answer(&["runs"])["runs"][0];
    assert_eq!(run["state"], "done", "{run}");
}

#[test]
fn a_run_is_stopped_and_gone_on_with() {
    let Some(_screen) = screen("a run that is stopped") else { return };
    let place = Place::new();
    place.import_sample();
    let window = Session::open(&place);
    window.click("nav-learn");
    window.fill("learn-minutes", "2");
    window.click("learn-start");
    window.wait(&format!("/^[0-9]/.test({}?.textContent.trim())", by("step")));
    window.click("learn-stop");
    window.wait(&by("learn-goon"));
    assert_eq!(place.answer(&["runs"])["runs"][0]["state"], "stopped");
    window.click("learn-goon");
    window.wait(&by("learn-stop"));
    window.click("learn-stop");
    window.wait(&by("learn-goon"));
}

#[test]
fn not_a_word_is_lost_when_the_window_is_killed() {
    let Some(_screen) = screen("a kill in the middle of typing") else { return };
    let place = Place::new();
    place.answer(&["write", "--topic", "rain", "--words", "10", "--random-seed", "1"]);
    let window = Session::open(&place);
    let words: Vec<String> = (1..=12).map(|n| format!("word{n}")).collect();
    for word in &words {
        window.write(&format!("{word} "));
        sleep(Duration::from_millis(80));
    }
    // What was typed is on disk within a second.
    sleep(Duration::from_millis(900));
    window.kill();

    let window = Session::open(&place);
    window.wait("document.querySelector('[data-testid=editor] .cm-line')");
    let sheet = window.sheet();
    for word in &words {
        assert!(sheet.contains(word.as_str()), "{word} is lost: {sheet}");
    }
    window.picture("reopened.png");
}

#[test]
fn the_page_reaches_nobody() {
    let Some(_screen) = screen("a page that tries to reach out") else { return };
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
