//! Faults: damaged input, missing files, killed processes. Each gives a sentence and loses nothing.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ghost_desk::{Desk, Host, commands};
use ghost_engine::tiny::{self, Changes, Tiny};
use serde_json::{Value, json};

use crate::support::{PROGRAM, Place, skipped, text};

#[test]
fn a_truncated_base_is_refused() {
    let place = Place::without_base();
    let whole = place.at("whole.gguf");
    ghost_engine::tiny::write_gguf(&whole, 1).unwrap();
    let bytes = fs::read(whole).unwrap();
    for share in [0, 1, 3, 10, 50, 90, 99] {
        let file = place.file("part.gguf", &bytes[..bytes.len() * share / 100]);
        assert_eq!(place.failure(&["base", "use", file.to_str().unwrap()]), "not_a_base");
    }
}

#[test]
fn a_file_that_is_not_a_model_is_refused() {
    let place = Place::without_base();
    for bytes in [&b"Dear diary, it rained."[..], b"GGUF", b"", &[0xff; 4096]] {
        let file = place.file("model.gguf", bytes);
        assert_eq!(place.failure(&["base", "use", file.to_str().unwrap()]), "not_a_base");
    }
    let folder = place.at("user");
    fs::create_dir_all(&folder).unwrap();
    assert_eq!(place.failure(&["base", "use", folder.to_str().unwrap()]), "not_a_base");
    assert_eq!(place.failure(&["base", "use", "/no/such/base"]), "not_found");
}

#[test]
fn without_a_base_everything_but_writing_works() {
    let place = Place::without_base();
    place.import_sample();
    assert_eq!(place.failure(&["write", "--topic", "rain"]), "base_missing");
    assert_eq!(place.failure(&["learn"]), "base_missing");
    assert_eq!(place.answer(&["archive"])["pieces"].as_array().unwrap().len(), 54);
    assert_eq!(place.answer(&["doctor"])["ok"], false);
}

#[test]
fn an_empty_archive_has_nothing_to_learn_from() {
    let place = Place::new();
    let empty = place.at("empty");
    fs::create_dir(&empty).unwrap();
    let report = place.answer(&["import", empty.to_str().unwrap()]);
    assert_eq!(report["pieces"], 0);
    assert_eq!(place.failure(&["learn"]), "too_little");
    assert_eq!(place.failure(&["evaluate"]), "not_found");
}

#[test]
fn unreadable_files_are_reported_and_the_rest_is_imported() {
    let place = Place::without_base();
    place.file("mixed/good.md", "# Rain\n\nIt rained, and I put a pan under it, and it filled.");
    place.file("mixed/empty.md", "");
    place.file("mixed/broken.docx", "no zip at all");
    place.file("mixed/broken.zip", b"PK\x03\x04 and then nothing");
    place.file("mixed/front.md", "---\ntitle: [unclosed\n---\nA text under a broken heading.");
    let report = place.answer(&["import", place.at("mixed").to_str().unwrap()]);
    assert!(report["pieces"].as_u64().unwrap() >= 1, "{report}");
    for name in ["empty.md", "broken.docx", "broken.zip"] {
        assert!(warns_about(&report, name), "{name}: {report}");
    }
    assert!(place.answer(&["archive"])["pieces"].to_string().contains("Rain"));
}

#[test]
fn a_missing_path_is_reported() {
    let place = Place::without_base();
    assert_eq!(place.failure(&["import", "/no/such/archive"]), "not_found");
}

#[test]
fn a_zip_with_escaping_paths_writes_nothing_outside() {
    let place = Place::without_base();
    let post = b"# Inside\n\nIt rained, and I put a pan under it, and it filled up slowly.";
    let zip = zip(&[("../../climbed.md", post), ("/tmp/climbed.md", post), ("inside.md", post)]);
    let file = place.file("deep/er/archive.zip", zip);
    let report = place.answer(&["import", file.to_str().unwrap()]);
    assert!(report["pieces"].as_u64().unwrap() >= 1, "{report}");
    assert!(warns_about(&report, "climbed.md"), "{report}");
    let escaped = [place.at("climbed.md"), place.at("deep/climbed.md"), "/tmp/climbed.md".into()];
    assert!(!escaped.iter().any(|path| path.exists()));
}

#[test]
fn a_draft_without_words_is_stopped_with_an_explanation() {
    let weights = Some(tiny::only_white_space as fn(&str, &mut [f32]));
    let base = Tiny::default().bytes_with(&Changes { weights, ..Changes::default() });
    let place = Place::without_base();
    fs::write(place.base(), base).unwrap();
    for words in ["90", "900"] {
        let output = place.run(&["write", "--topic", "rain", "--words", words]);
        let answer = crate::support::json(&output);
        let sentence = answer["error"]["message"].as_str().unwrap();
        assert_eq!(answer["error"]["code"], "no_words", "{answer}");
        assert!(sentence.contains("instruction-tuned"), "{sentence}");
    }
    let draft = place.answer(&["draft", "1"]);
    assert_eq!((draft["ended"].as_str(), draft["text"].as_str()), (Some("no_words"), Some("")));
}

#[cfg(unix)]
#[test]
fn everything_in_the_data_folder_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    use walkdir::WalkDir;
    let place = Place::new();
    // With the loosest umask, only the program itself keeps other users out.
    let loosely = |line: &[&str]| {
        let mut shell = place.program_called("sh");
        shell.args(["-c", "umask 000; exec \"$0\" \"$@\"", PROGRAM, "--home"]);
        assert!(shell.arg(place.home()).args(line).output().unwrap().status.success(), "{line:?}");
    };
    let modes = || {
        WalkDir::new(place.home()).into_iter().flatten().map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.path().to_owned(), mode, if entry.path().is_dir() { 0o700 } else { 0o600 })
        })
    };
    loosely(&["import", crate::support::sample().to_str().unwrap()]);
    loosely(&["learn", "--steps", "2"]);
    loosely(&["write", "--topic", "rain", "--words", "20"]);
    assert!(modes().count() > 15);
    modes().for_each(|(path, mode, right)| assert_eq!(mode, right, "{}", path.display()));
    // As earlier versions left the files.
    for (path, mode, _) in modes() {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o044)).unwrap();
    }
    place.answer(&["archive"]);
    modes().for_each(|(path, mode, right)| assert_eq!(mode, right, "{}", path.display()));
}

#[test]
fn a_store_of_a_newer_version_is_not_changed() {
    let place = Place::new();
    place.import_sample();
    let store = place.home().join("desk.db");
    let mut bytes = fs::read(&store).unwrap();
    // SQLite stores `user_version` at byte 60 of its header, big-endian.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&store, &bytes).unwrap();
    for name in ["desk.db-wal", "desk.db-shm"] {
        let _ = fs::remove_file(place.home().join(name));
    }
    assert_eq!(place.failure(&["archive"]), "store_too_new");
    assert_eq!(place.failure(&["import", "."]), "store_too_new");
    assert!(fs::read(&store).unwrap() == bytes, "the store was changed");
}

#[test]
fn a_second_window_on_a_folder_is_refused_with_an_explanation() {
    let place = Place::without_base();
    let first = Desk::open(&place.home(), Host::Window).unwrap();
    // It is refused before the display is opened, so any display name works.
    let second = |place: &Place| {
        let window =
            place.program().env("DISPLAY", ":65000").arg("--home").arg(place.home()).output();
        let window = window.unwrap();
        (window.status.code(), text(&window.stderr))
    };
    let (status, sentence) = second(&place);
    assert_eq!(status, Some(1));
    assert!(sentence.contains("already open"), "{sentence}");
    // The command line works next to a window.
    place.answer(&["archive"]);
    drop(first);
    let (_, sentence) = second(&place);
    assert!(!sentence.contains("already open"), "{sentence}");
}

#[test]
fn a_run_whose_base_is_missing_resumes_when_it_is_back() {
    let place = Place::new();
    place.import_sample();
    let state = || place.answer(&["runs"])["runs"][0]["state"].clone();
    let asked = ["learn", "--steps", "2", "--random-seed", "5"];
    // A program that exits at once.
    let mut learn = place.program();
    learn.env("GHOST_EXE", "/bin/true").arg("--home").arg(place.home()).args(asked);
    learn.output().unwrap();
    assert_eq!(state(), "interrupted");
    fs::rename(place.base(), place.at("away.gguf")).unwrap();
    place.run(&["learn"]);
    assert_eq!(state(), "interrupted");
    fs::rename(place.at("away.gguf"), place.base()).unwrap();
    assert_eq!(place.answer(&["learn"])["run"], 1);
    assert_eq!(state(), "done");
    let room = place.home().join("runs/1");
    assert!(!room.join("checkpoints").exists(), "checkpoints are removed");
}

#[test]
fn a_draft_whose_process_was_killed_can_be_opened_and_shipped() {
    let place = Place::unhurried();
    let desk = Desk::open(&place.home(), Host::CommandLine).unwrap();
    let mut write = place.program();
    write.arg("--home").arg(place.home()).args(["write", "--topic", "rain", "--words", "300"]);
    let mut child = write.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut begun = [0];
    child.stdout.take().unwrap().read_exact(&mut begun).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let call = |name: &str, ask: Value| commands::call(&desk, name, ask, &mut |_| {}).unwrap();
    let draft = call("draft_read", json!({ "draft": 1 }));
    assert_eq!(draft["ended"], "interrupted", "{draft}");
    call("draft_ship", json!({ "draft": 1, "text": "It rained all day." }));
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_display_the_window_explains_why_it_does_not_open() {
    let place = Place::without_base();
    let output = place
        .program()
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .arg("--home")
        .arg(place.home())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the-ghost tour"));
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let Some(_disk) = SmallDisk::mount(&place.home()) else {
        return skipped("a full disk", "no small disk can be mounted here");
    };
    let line = ["write", "--topic", "rain", "--words", "20", "--random-seed", "1"];
    let draft = place.answer(&line);
    // Fill it to the last byte, then try to save something.
    let filler = place.home().join("filler");
    let long = "It rained all night. ".repeat(30_000);
    let text = place.file("long.md", &long);
    let _ = fs::write(&filler, vec![0; 64 << 20]);
    assert_eq!(place.failure(&["ship", "1", text.to_str().unwrap()]), "disk_full");
    // With space again, everything is intact and the same request works.
    fs::remove_file(&filler).unwrap();
    assert_eq!(place.answer(&["draft", "1"])["text"], draft["text"]);
    assert_eq!(place.answer(&["doctor"])["findings"][0]["ok"], true);
    let shipped = place.file("short.md", "It rained.");
    place.answer(&["ship", "1", shipped.to_str().unwrap()]);
}

/// A disk of a few megabytes, mounted until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "ghost-test"]).arg(at);
        let done = cfg!(target_os = "linux") && mount.output().is_ok_and(|o| o.status.success());
        done.then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn warns_about(report: &Value, name: &str) -> bool {
    report["warnings"].as_array().unwrap().iter().any(|warning| {
        warning["path"].as_str().unwrap().contains(name)
            && warning["reason"].as_str().unwrap().len() > 10
    })
}

/// A zip of stored files, built by hand: no library writes such names.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut body, mut index) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut facts = Vec::new();
        facts.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58]); // version, flags, stored, time, date
        facts.extend(crc32(bytes).to_le_bytes());
        facts.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes().repeat(2));
        facts.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        facts.extend([0, 0]);
        let at = u32::try_from(body.len()).unwrap();
        body.extend(b"PK\x03\x04");
        body.extend(&facts);
        body.extend(name.as_bytes());
        body.extend(*bytes);
        index.extend(b"PK\x01\x02\x14\x00");
        index.extend(&facts);
        index.extend([0; 10]); // comment, disk, attributes
        index.extend(at.to_le_bytes());
        index.extend(name.as_bytes());
    }
    let n = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (size, at) = (u32::try_from(index.len()).unwrap(), u32::try_from(body.len()).unwrap());
    body.extend(index);
    body.extend(b"PK\x05\x06\0\0\0\0");
    body.extend(n.repeat(2));
    body.extend(size.to_le_bytes());
    body.extend(at.to_le_bytes());
    body.extend([0, 0]);
    body
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
