//! Files made to hurt: whatever they unpack, nest or pretend to be, reading them ends soon, takes
//! little memory beside the file itself, and says what was wrong.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Cursor, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ghost_core::archive::{self, ImportResult, SidecarIndex};
use peak_alloc::PeakAlloc;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;
/// Memory is the whole program's, so one at a time.
static ALONE: Mutex<()> = Mutex::new(());

const MOST_MEMORY_MB: f32 = 300.0;
/// Half of it would do in an optimised build.
const MOST_TIME: Duration = Duration::from_secs(20);
const MB: usize = 1 << 20;

/// How long this thread has been at work. Where the system tells, only while it had a processor:
/// other tests, or other machines on the same computer, may be at work beside it.
fn at_work(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Reads a file, as whoever walks the disk does: a zip where it lies, another whole.
#[track_caller]
fn read(name: &str, bytes: &[u8]) -> ImportResult {
    let (before, since) = (MEMORY.current_usage_as_mb(), Instant::now());
    let started = at_work(since);
    MEMORY.reset_peak_usage();
    let result = match archive::is_zip(bytes) {
        true => archive::read_zip(name, Cursor::new(bytes), &SidecarIndex::default()),
        false => archive::read_with(name, bytes, &SidecarIndex::default()),
    };
    let (took, held) = (at_work(since) - started, MEMORY.peak_usage_as_mb() - before);
    let in_memory = if archive::is_zip(bytes) { 0 } else { bytes.len() };
    let held = held + (in_memory / MB) as f32;
    println!("{name}: {} bytes, {held:.0} MB, {:.2} s", bytes.len(), took.as_secs_f64());
    assert!(held < MOST_MEMORY_MB, "{name} takes {held} MB");
    assert!(took < MOST_TIME, "{name} takes {took:?}");
    result
}

#[track_caller]
fn complains(name: &str, bytes: &[u8], part: &str) {
    let result = read(name, bytes);
    let said = result.warnings.iter().any(|warning| warning.reason.contains(part));
    assert!(said, "{name} should say {part:?}: {:?}", result.warnings.iter().take(3));
}

fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A zip that has its one member so many times, each under a name of its own.
fn copied(zip: &[u8], times: usize) -> Vec<u8> {
    let mut whole = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut copies = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..times {
        copies.raw_copy_file_rename(whole.by_index_raw(0).unwrap(), format!("{n}.md")).unwrap();
    }
    copies.finish().unwrap().into_inner()
}

/// So many bytes of a pattern.
fn filled(pattern: &str, bytes: usize) -> Vec<u8> {
    pattern.as_bytes().iter().copied().cycle().take(bytes).collect()
}

#[test]
fn a_small_zip_that_opens_to_gigabytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let steep = packed(&[("a.md", &vec![b'a'; 60 * MB])]);
    complains("steep.zip", &steep, "far more than a text would");
    // Flatter than any limit on one member sees, but many.
    let flat = packed(&[("a.md", &filled("It rained all day, and I put a pan under it. ", MB))]);
    let many = copied(&flat, 4_000);
    complains("many.zip", &many, "more than can be read at once");
    let small = packed(&[("inner.zip", &copied(&steep, 70))]);
    assert!(small.len() < 128 * 1024, "{} bytes open to 4 GB", small.len());
    complains("small.zip", &small, "far more than a text would");
}

#[test]
fn a_zip_of_a_hundred_thousand_files_and_ten_zips_one_in_the_other() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let one = packed(&[("a.md", b"It rained.")]);
    complains("files.zip", &copied(&one, 100_000), "more files");
    let nested = (0..10).fold(one, |zip, _| packed(&[("a.zip", &zip)]));
    complains("nested.zip", &nested, "zip inside a zip");
    // Side by side as well as one in the other.
    let wide = copied(&packed(&[("a.md", b"It rained.")]), 2_000);
    let wide = copied(&packed(&[("a.zip", &wide)]), 1);
    read("wide.zip", &wide);
}

#[test]
fn books_and_documents_that_are_larger_than_they_look() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let run = "<w:p><w:ins w:id=\"1\"><w:r><w:t>It rained all day.</w:t></w:r></w:ins></w:p>";
    let document = [
        b"<w:document><w:body>",
        filled(run, 60 * MB / run.len() * run.len()).as_slice(),
        b"</w:body></w:document>",
    ]
    .concat();
    read("long.docx", &packed(&[("word/document.xml", &document)]));
    let container = "<container><rootfiles><rootfile full-path=\"b.opf\"/></rootfiles></container>";
    let package = format!(
        "<package><metadata/><manifest><item id=\"a\" href=\"a.xhtml\"/></manifest><spine>{}</spine></package>",
        "<itemref idref=\"a\"/>".repeat(10_000)
    );
    let chapter = filled("<p>It rained all day, and I put a pan under it.</p>", 4 * MB);
    let members: [(&str, &[u8]); 3] = [
        ("META-INF/container.xml", container.as_bytes()),
        ("b.opf", package.as_bytes()),
        ("a.xhtml", &chapter),
    ];
    read("again.epub", &packed(&members));
}

#[test]
fn entities_that_grow_and_entities_that_reach_out() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bomb = "<!ENTITY a0 \"ha\">".to_owned();
    for n in 1..30 {
        bomb += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    let grown = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><rss><item><title>&a29;</title></item></rss>"
    );
    complains("grown.xml", grown.as_bytes(), "entities");
    let reaching = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><feed><entry><title>&b;</title></entry></feed>";
    complains("reaching.xml", reaching.as_bytes(), "entities");
    // Behind so much blank that a look at the head does not see them.
    let late = format!(
        "<?xml version=\"1.0\"?>{}<!DOCTYPE a [{bomb}]><rss><item><description>&a29;</description></item></rss>",
        " ".repeat(64 * 1024)
    );
    assert!(read("late.xml", late.as_bytes()).pieces.iter().all(|piece| piece.text.len() < 1000));
}

#[test]
fn lines_without_an_end_and_bytes_without_a_meaning() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bytes = vec![b'a'; 200 * MB];
    let texts = ["a.txt", "a.md", "a.html", "a.rtf", "a.org", "a.dj", "a.mbox", "a.xml"];
    for name in texts.iter().chain(&["a.csv", "a.json", "a.enex"]) {
        complains(name, &bytes, "too large");
    }
    for name in ["a.docx", "a.zip", "a.epub"] {
        complains(name, &bytes, "broken");
    }
    bytes.fill(0);
    for name in texts.iter().chain(&["a.csv", "a.json", "a.docx", "a.zip"]) {
        complains(name, &bytes, "");
    }
    // As large as is read at all.
    for name in texts.iter().chain(&["a.csv", "a.json"]) {
        complains(name, &bytes[..8 * MB], "");
    }
    bytes.fill(b'a');
    for name in texts {
        read(name, &bytes[..8 * MB]);
    }
}

#[test]
fn exports_that_are_all_structure() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let full = |head: &str, pattern: &str| {
        let count = (62 * MB - head.len()) / pattern.len();
        [head.as_bytes(), &filled(pattern, count * pattern.len())].concat()
    };
    let more = "more in it than can be read";
    complains("a.xml", &full("<rss>", "<item/>"), more);
    complains("a.xml", &full("<rss xmlns:wp=\"w\">", "<item></item>"), "");
    complains("a.xml", &full("<feed>", "<entry><a/></entry>"), more);
    complains("a.enex", &full("<en-export>", "<note/>"), more);
    complains("a.xml", &full("<rss>", "<item>"), more);
    complains("a.xml", &full("<rss><item>", "<a b='' c='' d=''/>"), "cut short");
    complains("a.json", &full("{\"posts\":[", "{},"), "more in it");
    complains("a.json", &full("{\"posts\":", "["), "more in it");
    complains("a.csv", &full("title,content\n", "a,b\n"), more);
    read("a.csv", &full("title,content\n", ","));
    read("a.csv", &full(&format!("{}content\n", "a,".repeat(4_990)), "b\n"));
    complains("a.csv", &full("title,content\na,\"", "b"), "empty");
    let mail = "From jo@a.b Sat Jan  3 01:05:34 1996\n";
    read("a.mbox", &full("", &format!("{mail}\na\n\n")));
    complains("a.mbox", &full(mail, "a: b\n"), "too large");
    let parts = format!("{mail}Content-Type: multipart/mixed; boundary=b\n\n");
    complains("a.mbox", &full(&parts, "--b\n\n")[..30 * MB], "too large");
}

#[test]
fn texts_that_are_all_marks() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    const MARKS: [&str; 10] = ["<", "[", "*", ">", "{{", "(", "- ", "_a ", "[a](b) ", "<p>a"];
    let names = ["a.md", "a.txt", "a.org", "a.dj", "g/journals/a.md", "a.html", "a.rtf"];
    for mark in MARKS {
        let mut marks = filled(mark, 70 * MB);
        for name in names {
            let head = match name {
                "a.html" => "<p></p>",
                "a.rtf" => "{\\rtf1 ",
                _ => "",
            };
            marks[..head.len()].copy_from_slice(head.as_bytes());
            // As many as are taken for marks, as large as is read, and more.
            read(name, &marks[..500_000]);
            read(name, &marks[..8 * MB - 64]);
            complains(name, &marks, "too large");
        }
    }
    for mark in ["[", "<b>", "> "] {
        let json = format!("{{\"posts\":[{{\"html\":\"{}\"}}]}}", mark.repeat(50 * MB / 3));
        read("a.json", json.as_bytes());
        let xml = format!(
            "<rss><item><description><![CDATA[{}]]></description></item></rss>",
            mark.repeat(50 * MB / 3)
        );
        complains("a.xml", xml.as_bytes(), "");
    }
}
