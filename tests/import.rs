//! Import of the sample archive and of other formats: expected pieces, kinds and dates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, SystemTime};

use ghost_desk::event::Event;
use ghost_desk::{Desk, Host, commands};
use serde_json::Value;

use crate::support::{PROGRAM, Place, sample, skipped, text};

#[test]
fn progress_and_unreadable_files_are_printed_on_separate_lines() {
    let place = Place::without_base();
    place.file("in/good.md", "It rained, and I put a pan under it, and it filled.");
    place.file("in/broken.docx", "no zip at all");
    let mut shell = place.program_called("sh");
    shell.args(["-c", "\"$0\" \"$@\" 2>&1", PROGRAM, "--home"]).arg(place.home());
    let told = text(&shell.arg("import").arg(place.at("in")).output().unwrap().stdout);
    let of_progress: Vec<&str> = told.lines().filter(|line| line.contains("reading")).collect();
    assert_eq!(of_progress.last(), Some(&"reading 2 of 2"), "{told}");
    assert!(of_progress.iter().all(|line| line.starts_with("reading ")), "{told}");
    assert!(told.lines().any(|line| line.ends_with("cut short.")), "{told}");
}

#[test]
fn skipped_words_are_summed_up_and_remembered_for_unchanged_files() {
    let place = Place::without_base();
    // Half a million symbols and a few words: not prose, but words that are skipped.
    let signs = format!("Rain {} and snow", "#".repeat(540_000));
    // A file written a moment ago is always read again.
    let written = SystemTime::now() - Duration::from_secs(3600);
    let age = |path: &Path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(written).unwrap();
    };
    (1..=3).for_each(|n| age(&place.file(&format!("site/{n}.md"), &signs)));
    let (site, one) = (place.at("site"), place.at("site/1.md"));
    let first = place.answer(&["import", site.to_str().unwrap()]);
    assert_eq!(first["warnings"].as_array().map(Vec::len), Some(0), "{first}");
    let notes = first["notes"].as_array().unwrap();
    assert_eq!((notes.len(), notes[0]["files"].as_u64()), (1, Some(3)), "{first}");
    assert!(notes[0]["sentence"].as_str().unwrap().contains("Left out"), "{first}");
    // A text of the same size and time, which would be imported if it were read.
    fs::write(&one, "It rained. ".repeat(signs.len()).get(..signs.len()).unwrap()).unwrap();
    age(&one);
    let again = place.answer(&["import", site.to_str().unwrap()]);
    assert_eq!((&again["notes"], &again["pieces"]), (&first["notes"], &first["pieces"]));
    assert_eq!(place.answer(&["archive"])["notes"], first["notes"]);
}

#[test]
fn the_whole_sample_archive_is_imported() {
    let place = Place::without_base();
    let report = place.import_sample();
    assert_eq!(report["pieces"], 54, "{report}");
    assert_eq!(report["added"], 54);
    assert_eq!(report["duplicates"], 0);
    assert_eq!(report["warnings"].as_array().unwrap().len(), 0, "{report}");

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
fn titles_and_dates_are_found_in_each_format() {
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
fn page_boilerplate_is_removed() {
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
fn a_second_import_adds_nothing() {
    let place = Place::without_base();
    place.import_sample();
    let again = place.import_sample();
    assert_eq!(again["added"], 0, "{again}");
    assert_eq!(again["duplicates"], 54);
}

#[test]
fn a_dry_run_reports_and_stores_nothing() {
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

/// A post of 60 words that no other post has.
fn post(n: usize) -> String {
    let words: Vec<_> = (0..60).map(|word| format!("word{}", n * 60 + word)).collect();
    format!("---\ntitle: Post {n}\ndate: 2024-01-01\n---\n{} end{n}\n", words.join(" "))
}

#[test]
fn a_csv_index_names_the_pages_of_a_folder() {
    let place = Place::without_base();
    place.file(
        "export/posts.csv",
        "post_id,post_date,is_published,type,title\n12.up,2019-07-26T20:48:19Z,TRUE,newsletter,Up the hill\n",
    );
    place.file("export/posts/12.up.html", "<p>I went up the hill and came down again.</p>");
    place.answer(&["import", place.at("export").to_str().unwrap()]);
    let piece = found(&place.answer(&["archive"]), "12.up.html").clone();
    assert_eq!((&piece["title"], &piece["date"]), (&"Up the hill".into(), &"2019-07-26".into()));
}

#[test]
fn snapshots_of_a_text_become_edits_and_rows() {
    let place = Place::without_base();
    let binder = "<?xml version=\"1.0\"?><ScrivenerProject><Binder><BinderItem UUID=\"A-1\" \
        Type=\"Text\"><Title>Up</Title></BinderItem></Binder></ScrivenerProject>";
    place.file("n.scriv/n.scrivx", binder);
    place.file("n.scriv/Files/Data/A-1/content.rtf", "{\\rtf1 I went up the hill.}");
    place.file("n.scriv/Snapshots/A-1.snapshots/2024-01-15-10-00.rtf", "{\\rtf1 I go up a hill.}");
    let folder = place.at("n.scriv");
    let dry = place.answer(&["import", "--dry-run", folder.to_str().unwrap()]);
    assert_eq!((&dry["pieces"], &dry["pairs"]), (&1.into(), &1.into()), "{dry}");
    assert_eq!(dry["found"][0]["title"], "Up");
    place.answer(&["import", folder.to_str().unwrap()]);
    let rows = place.answer(&["training-data"]);
    let origins: Vec<_> =
        rows["rows"].as_array().unwrap().iter().map(|r| r["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["archive", "history"]);
    let history = &rows["rows"][1];
    assert_eq!(history["text"], "I went up the hill.");
    assert!(history["weights"].as_array().unwrap().iter().any(|w| w["weight"] == 2.0));
    let again = place.answer(&["import", folder.to_str().unwrap()]);
    assert_eq!(again["pairs"], 1, "{again}");
    assert_eq!(place.answer(&["training-data"])["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn a_published_draft_is_trained_on_as_an_edit_and_not_evaluated_on() {
    let place = Place::new();
    let shipped = post(99).replace("---\n", "");
    let file = place.file("shipped.md", shipped.split_once("\n").unwrap().1);
    place.answer(&["write", "--topic", "rain", "--words", "20", "--random-seed", "7"]);
    place.answer(&["ship", "1", file.to_str().unwrap()]);
    for n in 0..30 {
        let dated = |n: usize| post(n).replace("2024-01-01", &format!("2024-01-{:02}", n + 1));
        place.file(&format!("blog/{n:02}.md"), dated(n));
    }
    // The newest of all, and so the first candidate for the test split.
    place.file("blog/new.md", post(99).replace("2024-01-01", "2024-06-01"));
    place.answer(&["import", place.at("blog").to_str().unwrap()]);
    let piece = found(&place.answer(&["archive"]), "new.md").clone();
    assert_eq!(piece["split"], "train", "{piece}");
    let rows = place.answer(&["training-data"]);
    let of_text = |row: &&Value| row["text"].as_str().unwrap().contains("end99");
    let origins: Vec<_> = rows["rows"].as_array().unwrap().iter().filter(of_text).collect();
    assert!(origins.iter().all(|row| row["origin"] != "archive"), "{origins:?}");
    assert!(!origins.is_empty());
}

#[test]
fn a_published_post_is_no_longer_unfinished() {
    let place = Place::without_base();
    let draft = post(1).replace("date: 2024-01-01\n", "draft: true\n");
    place.file("blog/up.md", &draft);
    let blog = place.at("blog");
    let import = || place.answer(&["import", blog.to_str().unwrap()]);
    import();
    let piece = || place.answer(&["archive"])["pieces"].as_array().unwrap().clone();
    assert_eq!((&piece()[0]["unfinished"], &piece()[0]["date"]), (&true.into(), &Value::Null));
    place.file("blog/up.md", post(1));
    assert_eq!(import()["changed"], 1);
    let now = piece();
    assert_eq!((&now[0]["unfinished"], &now[0]["date"]), (&false.into(), &"2024-01-01".into()));
    assert_eq!(now.len(), 1);
    assert_eq!(import()["changed"], 0, "reported once");
}

#[test]
fn an_excluded_piece_stays_excluded_when_it_changes() {
    let place = Place::without_base();
    for n in 0..3 {
        place.file(&format!("blog/{n}.md"), post(n));
    }
    let blog = place.at("blog");
    place.answer(&["import", blog.to_str().unwrap()]);
    let rows = place.answer(&["training-data"]);
    let row = rows["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["text"].as_str().unwrap().contains("end1"));
    place.answer(&["training-data", "--exclude", &row.unwrap()["row"].to_string()]);
    place.file("blog/1.md", post(1).replace("end1", "end1, mended"));
    assert_eq!(place.answer(&["import", blog.to_str().unwrap()])["changed"], 1);
    let rows = place.answer(&["training-data"]);
    let rows = rows["rows"].as_array().unwrap();
    let mended = rows.iter().find(|row| row["text"].as_str().unwrap().contains("mended")).unwrap();
    assert_eq!(mended["excluded"], true);
    assert_eq!(rows.iter().filter(|row| row["excluded"] == true).count(), 1);
}

#[test]
fn pieces_by_others_are_not_trained_on() {
    let place = Place::without_base();
    let by = |name: &str, n: usize| post(n).replace("title:", &format!("author: {name}\ntitle:"));
    for n in 0..5 {
        place.file(&format!("blog/{n}.md"), by(if n < 3 { "Jo" } else { "Kim" }, n));
    }
    let report = place.answer(&["import", place.at("blog").to_str().unwrap()]);
    assert_eq!(report["authors"].as_array().unwrap().len(), 2, "{report}");
    let trained_on = || {
        let rows = place.answer(&["training-data"]);
        let of = |row: &Value| row["text"].as_str().unwrap().rsplit_once(' ').unwrap().1.to_owned();
        rows["rows"].as_array().unwrap().iter().map(of).collect::<BTreeSet<_>>()
    };
    let archive = place.answer(&["archive"]);
    assert_eq!(archive["ask_author"], true);
    let ends = |of: &[u32]| of.iter().map(|n| format!("end{n}")).collect::<BTreeSet<_>>();
    assert_eq!(trained_on(), ends(&[0, 1, 2]), "the most frequent author, until one is chosen");
    let archive = place.answer(&["authors", "kim"]);
    assert_eq!(archive["ask_author"], false);
    assert_eq!(trained_on(), ends(&[3, 4]));
    place.answer(&["authors", "Jo", "Kim"]);
    assert_eq!(trained_on().len(), 5);
}

#[test]
fn a_git_repository_of_posts_contains_their_revisions() {
    let place = Place::without_base();
    if std::process::Command::new("git").arg("--version").output().is_err() {
        return skipped("the history of a repository", "git is not installed");
    }
    let git = |day: u32, line: &[&str]| {
        let at = format!("2024-03-{day:02}T10:00:00Z");
        let done = place
            .program_called("git")
            .current_dir(place.at("blog"))
            .args(["-c", "user.name=Jo", "-c", "user.email=jo@example.org"])
            .args(line)
            .envs([("GIT_AUTHOR_DATE", &at), ("GIT_COMMITTER_DATE", &at)])
            .output()
            .unwrap();
        assert!(done.status.success(), "{line:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let keep = |day: u32| {
        git(day, &["add", "-A"]);
        git(day, &["commit", "-q", "--no-verify", "-m", "."]);
    };
    let rest = "\nThe rest of it was written in one go and stayed as it was.\n";
    let post = |text: &str| format!("---\ntitle: Up\n---\n{text}\n{rest}");
    place.file("blog/_drafts/up.md", post("I go up a hill, slowly, in the rain."));
    git(1, &["init", "-q"]);
    keep(1);
    std::fs::create_dir(place.at("blog/_posts")).unwrap();
    git(2, &["mv", "_drafts/up.md", "_posts/2024-03-02-up.md"]);
    place.file("blog/_posts/2024-03-02-up.md", post("I went up a hill, slowly, in the rain."));
    keep(2);
    place.file("blog/_posts/2024-03-02-up.md", post("I went up a hill, in the rain."));
    keep(20);
    // No command that the repository configures is run.
    let trap = place.at("trapped");
    let run = format!("touch {}", trap.display());
    for setting in
        ["core.fsmonitor", "core.pager", "diff.external", "gpg.program", "core.sshCommand"]
    {
        git(20, &["config", setting, &run]);
    }
    git(20, &["config", "log.showSignature", "true"]);

    let blog = place.at("blog");
    let report = place.answer(&["import", blog.to_str().unwrap()]);
    assert_eq!((&report["pieces"], &report["pairs"]), (&1.into(), &2.into()), "{report}");
    assert!(!trap.exists());
    let rows = place.answer(&["training-data"]);
    let first = |row: &Value| row["text"].as_str().unwrap().lines().next().unwrap().to_owned();
    let texts: Vec<_> = rows["rows"].as_array().unwrap().iter().map(first).collect();
    assert_eq!(
        texts,
        [
            "I went up a hill, in the rain.",
            "I went up a hill, slowly, in the rain.",
            "I went up a hill, in the rain."
        ]
    );
    assert_eq!(place.answer(&["archive"])["authors"][0]["name"], "Jo");
    let again = place.answer(&["import", blog.to_str().unwrap()]);
    assert_eq!((&again["added"], &again["pairs"]), (&0.into(), &2.into()), "{again}");
}

#[test]
fn no_earlier_version_of_a_held_out_post_is_trained_on() {
    let place = Place::without_base();
    let binder: String = (0..40)
        .map(|n| {
            format!(
                "<BinderItem UUID=\"A-{n}\" Type=\"Text\" Created=\"2024-01-{:02} 10:00:00 +0000\">\
                 <Title>Post {n}</Title></BinderItem>",
                n % 28 + 1
            )
        })
        .collect();
    place.file(
        "n.scriv/n.scrivx",
        format!(
            "<?xml version=\"1.0\"?><ScrivenerProject><Binder>{binder}</Binder></ScrivenerProject>"
        ),
    );
    for n in 0..40 {
        let text = post(n).rsplit_once("---\n").unwrap().1.to_owned();
        place.file(&format!("n.scriv/Files/Data/A-{n}/content.rtf"), format!("{{\\rtf1 {text}}}"));
        let before = format!("{{\\rtf1 At first {text}}}");
        place.file(&format!("n.scriv/Snapshots/A-{n}.snapshots/2024-01-01-10-00.rtf"), before);
    }
    let report = place.answer(&["import", place.at("n.scriv").to_str().unwrap()]);
    assert_eq!((&report["pieces"], &report["pairs"]), (&40.into(), &40.into()), "{report}");
    let rows = place.answer(&["training-data"]);
    let mut sides = BTreeMap::new();
    for row in rows["rows"].as_array().unwrap() {
        let end = row["text"].as_str().unwrap().rsplit_once(' ').unwrap().1.to_owned();
        let side = row["split"].as_str().unwrap().to_owned();
        sides.entry(end).or_insert_with(Vec::new).push((side, row["origin"] == "history"));
    }
    let held_out: Vec<_> = sides.values().filter(|rows| rows[0].0 == "test").collect();
    assert!(held_out.len() >= 8, "{sides:?}");
    assert!(held_out.iter().all(|rows| rows.len() == 1), "{sides:?}");
    for rows in sides.values().filter(|rows| rows[0].0 != "test") {
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].0, rows[1].0, "a pair has the split of its post");
    }
}

#[test]
fn a_stopped_import_leaves_whole_files() {
    let place = Place::without_base();
    for n in 0..900 {
        place.file(&format!("blog/{n:04}.md"), post(n));
    }
    let desk = Desk::open(&place.home(), Host::CommandLine).unwrap();
    let ask = serde_json::json!({ "paths": [place.at("blog").to_str().unwrap()] });
    let mut stopped = false;
    let report = commands::call(&desk, "archive_import", ask.clone(), &mut |event| {
        if let Event::ImportProgressed { pieces, of, .. } = event {
            assert_eq!(of, 900);
            if pieces > 0 && !stopped {
                stopped = true;
                commands::call(&desk, "import_stop", serde_json::json!({}), &mut |_| {}).unwrap();
            }
        }
    })
    .unwrap();
    let kept = report["added"].as_u64().unwrap();
    // A fast computer may finish before progress is reported.
    assert!(kept > 0 && (kept < 900 || report["cancelled"] == false), "{report}");
    let archive =
        commands::call(&desk, "archive_read", serde_json::json!({}), &mut |_| {}).unwrap();
    for piece in archive["pieces"].as_array().unwrap() {
        assert_eq!(piece["words"], 61, "{piece}");
    }
    let rest = commands::call(&desk, "archive_import", ask, &mut |_| {}).unwrap();
    assert_eq!(rest["added"].as_u64().unwrap() + kept, 900);
}

#[test]
fn a_killed_import_leaves_whole_files() {
    let place = Place::without_base();
    for n in 0..1500 {
        place.file(&format!("blog/{n:04}.md"), post(n));
    }
    let blog = place.at("blog");
    let mut import = place
        .program()
        .arg("--home")
        .arg(place.home())
        .args(["--json", "import", blog.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let told = BufReader::new(import.stderr.take().unwrap());
    for line in told.lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap_or_default();
        if event["pieces"].as_u64().is_some_and(|pieces| pieces > 0) {
            break;
        }
    }
    import.kill().unwrap();
    import.wait().unwrap();
    let archive = place.answer(&["archive"]);
    let pieces = archive["pieces"].as_array().unwrap();
    assert!(!pieces.is_empty());
    for piece in pieces {
        assert_eq!(piece["words"], 61, "{piece}");
    }
    assert_eq!(place.answer(&["training-data"])["rows"].as_array().unwrap().len(), pieces.len());
    let rest = place.answer(&["import", blog.to_str().unwrap()]);
    assert_eq!(rest["added"].as_u64().unwrap() as usize + pieces.len(), 1500);
}

/// The test files of every format.
fn formats() -> std::path::PathBuf {
    crate::support::root().join("src-tauri/ghost-core/tests/formats")
}

#[test]
fn private_fields_of_an_export_are_never_stored() {
    let place = Place::without_base();
    // Members, addresses, keys and places: in these files each contains the word "secret".
    let report = place.answer(&["import", formats().to_str().unwrap()]);
    assert!(report["added"].as_u64().unwrap() > 50, "{report}");
    place.answer(&["training-data"]);
    let mut looked_at = 0;
    for entry in walkdir(&place.home()) {
        let bytes = std::fs::read(&entry).unwrap();
        looked_at += bytes.len();
        let found = bytes.windows(6).any(|window| window.eq_ignore_ascii_case(b"secret"));
        assert!(!found, "a secret is in {}", entry.display());
    }
    assert!(looked_at > 100_000);
}

fn walkdir(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walkdir(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_same_post_from_three_sources_is_one_piece() {
    let place = Place::without_base();
    place.file(
        "site/_posts/2024-03-05-the-gate.md",
        "---\nlayout: post\ntitle: \"The gate\"\n---\nThe gate was _shut_, as it is every winter; \
         see [the map](/map).\n\n* A key that did not fit\n* A torch\n\nSo I climbed it, slowly, \
         and nobody saw me do it but the sheep, who have never told anybody anything.\n",
    );
    let html = "<p>The gate was <em>shut</em>, as it is every winter; see \
         <a href=\"https://hill.example/map\">the map</a>.</p><ul><li>A key that did not fit</li>\
         <li>A torch</li></ul><p>So I climbed it, slowly, and nobody saw me do it but the sheep, who \
         have never told anybody anything.</p>";
    place.file(
        "export.xml",
        format!(
            "<rss xmlns:wp=\"w\" xmlns:content=\"c\"><channel><item><title>The gate</title>\
             <content:encoded><![CDATA[{html}]]></content:encoded><wp:post_type>post</wp:post_type>\
             <wp:status>publish</wp:status><wp:post_date>2024-03-05 10:00:00</wp:post_date></item>\
             </channel></rss>"
        ),
    );
    place.file(
        "feed.xml",
        format!(
            "<rss><channel><item><title>The gate | Up the hill</title><pubDate>Tue, 05 Mar 2024 \
             10:00:00 GMT</pubDate><description><![CDATA[{html}]]></description></item></channel></rss>"
        ),
    );
    let paths = ["site", "export.xml", "feed.xml"].map(|name| place.at(name));
    let mut ask = vec!["import"];
    ask.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let mut dry = ask.clone();
    dry.insert(1, "--dry-run");
    for (ask, pieces) in [(&dry, 0), (&ask, 1)] {
        let report = place.answer(ask);
        assert_eq!((&report["pieces"], &report["added"]), (&3.into(), &1.into()), "{report}");
        assert_eq!(report["duplicates"], 2, "{report}");
        let archive = place.answer(&["archive"]);
        assert_eq!(archive["pieces"].as_array().unwrap().len(), pieces);
    }
    // A change of punctuation alone is a change.
    let post = place.at("site/_posts/2024-03-05-the-gate.md");
    let changed = std::fs::read_to_string(&post).unwrap().replace("_shut_, as", "shut — as");
    std::fs::write(&post, changed).unwrap();
    assert_eq!(place.answer(&["import", paths[0].to_str().unwrap()])["changed"], 1);
    assert_eq!(place.answer(&["archive"])["pieces"].as_array().unwrap().len(), 1);
}

#[test]
fn a_changed_post_in_a_watched_folder_is_imported() {
    let place = Place::without_base();
    for n in 0..3 {
        place.file(&format!("blog/{n}.md"), post(n));
    }
    let desk = Desk::open(&place.home(), Host::CommandLine).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    desk.listen(move |event| {
        if let Event::ArchiveChanged { report } = event {
            let _ = tell.send(report);
        }
    });
    let blog = place.at("blog");
    let ask = serde_json::json!({ "path": blog.to_str().unwrap(), "on": true });
    commands::call(&desk, "folder_watch", ask, &mut |_| {}).unwrap();
    place.file("blog/1.md", post(7));
    let report = told.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!((report.added, report.changed), (0, 1));
    let archive =
        commands::call(&desk, "archive_read", serde_json::json!({}), &mut |_| {}).unwrap();
    assert_eq!(archive["pieces"].as_array().unwrap().len(), 3);
    assert!(archive["pieces"].as_array().unwrap().iter().any(|p| p["title"] == "Post 7"));
    drop(desk);
    // A post is written while nothing watches; then the window opens.
    place.file("blog/3.md", post(8));
    let desk = Desk::open(&place.home(), Host::Window).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    desk.listen(move |event| {
        if let Event::ArchiveChanged { report } = event {
            let _ = tell.send(report);
        }
    });
    let pieces = || {
        let kept = commands::call(&desk, "archive_read", serde_json::json!({}), &mut |_| {});
        kept.unwrap()["pieces"].as_array().unwrap().len()
    };
    // It may have been imported before the listener was added.
    if pieces() < 4 {
        told.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    }
    assert_eq!(pieces(), 4);
}
