//! Malicious files: whatever they unpack to, nest or pretend to be, reading them ends soon, takes little
//! memory apart from the file itself, and reports the problem.

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
/// Memory is measured for the whole process, so tests run one at a time.
static ALONE: Mutex<()> = Mutex::new(());

const MAX_MEMORY_MB: f32 = 300.0;
/// An optimised build needs less than half of that.
const MAX_TIME: Duration = Duration::from_secs(20);
const MB: usize = 1 << 20;

/// The CPU time of this thread on Linux, so that other tests and machines do not count; on other systems the
/// time since `since`.
fn cpu_time(since: Instant) -> Duration {
    let stats = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stats.and_then(|stats| stats.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Reads a file like an import: a zip member by member, any other file as a whole.
#[track_caller]
fn read(name: &str, bytes: &[u8]) -> ImportResult {
    let (before, since) = (MEMORY.current_usage_as_mb(), Instant::now());
    let started = cpu_time(since);
    MEMORY.reset_peak_usage();
    let result = match archive::is_zip(bytes) {
        true => archive::read_zip(name, Cursor::new(bytes), &SidecarIndex::default()),
        false => archive::read_with(name, bytes, &SidecarIndex::default()),
    };
    let (took, held) = (cpu_time(since) - started, MEMORY.peak_usage_as_mb() - before);
    let in_memory = if archive::is_zip(bytes) { 0 } else { bytes.len() };
    let held = held + (in_memory / MB) as f32;
    println!("{name}: {} bytes, {held:.0} MB, {:.2} s", bytes.len(), took.as_secs_f64());
    assert!(held < MAX_MEMORY_MB, "{name} takes {held} MB");
    assert!(took < MAX_TIME, "{name} takes {took:?}");
    result
}

#[track_caller]
fn warns(name: &str, bytes: &[u8], part: &str) {
    let result = read(name, bytes);
    let found = result.warnings.iter().any(|warning| warning.reason.contains(part));
    assert!(found, "{name} should say {part:?}: {:?}", result.warnings.iter().take(3));
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

/// A zip with its only member repeated, each copy under its own name.
fn copied(zip: &[u8], times: usize) -> Vec<u8> {
    let mut whole = ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut copies = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..times {
        copies.raw_copy_file_rename(whole.by_index_raw(0).unwrap(), format!("{n}.md")).unwrap();
    }
    copies.finish().unwrap().into_inner()
}

/// `bytes` bytes of a repeated pattern.
fn filled(pattern: &str, bytes: usize) -> Vec<u8> {
    pattern.as_bytes().iter().copied().cycle().take(bytes).collect()
}

#[test]
fn a_zip_bomb_is_refused() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let steep = packed(&[("a.md", &vec![b'a'; 60 * MB])]);
    warns("steep.zip", &steep, "far more than a text would");
    // Each below the limit for one member, but many of them.
    let flat = packed(&[("a.md", &filled("It rained all day, and I put a pan under it. ", MB))]);
    let many = copied(&flat, 4_000);
    warns("many.zip", &many, "more than can be read at once");
    let small = packed(&[("inner.zip", &copied(&steep, 70))]);
    assert!(small.len() < 128 * 1024, "{} bytes open to 4 GB", small.len());
    warns("small.zip", &small, "far more than a text would");
}

#[test]
fn huge_and_nested_zips_are_bounded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let one = packed(&[("a.md", b"It rained.")]);
    warns("files.zip", &copied(&one, 100_000), "Too many files");
    let nested = (0..10).fold(one, |zip, _| packed(&[("a.zip", &zip)]));
    warns("nested.zip", &nested, "zip inside a zip");
    // Many zips in one as well as nested ones.
    let wide = copied(&packed(&[("a.md", b"It rained.")]), 2_000);
    let wide = copied(&packed(&[("a.zip", &wide)]), 1);
    read("wide.zip", &wide);
}

#[test]
fn compressed_books_and_documents_are_bounded() {
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
fn growing_and_external_entities_are_refused() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bomb = "<!ENTITY a0 \"ha\">".to_owned();
    for n in 1..30 {
        bomb += &format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    let grown = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE a [{bomb}]><rss><item><title>&a29;</title></item></rss>"
    );
    warns("grown.xml", grown.as_bytes(), "entities");
    let reaching = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><feed><entry><title>&b;</title></entry></feed>";
    warns("reaching.xml", reaching.as_bytes(), "entities");
    // After so much white space that the head of the file does not show them.
    let late = format!(
        "<?xml version=\"1.0\"?>{}<!DOCTYPE a [{bomb}]><rss><item><description>&a29;</description></item></rss>",
        " ".repeat(64 * 1024)
    );
    assert!(read("late.xml", late.as_bytes()).pieces.iter().all(|piece| piece.text.len() < 1000));
}

#[test]
fn endless_lines_and_binary_data_are_bounded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bytes = vec![b'a'; 200 * MB];
    let texts = ["a.txt", "a.md", "a.html", "a.rtf", "a.org", "a.dj", "a.mbox", "a.xml"];
    for name in texts.iter().chain(&["a.csv", "a.json", "a.enex"]) {
        warns(name, &bytes, "too large");
    }
    for name in ["a.docx", "a.zip", "a.epub"] {
        warns(name, &bytes, "broken");
    }
    bytes.fill(0);
    for name in texts.iter().chain(&["a.csv", "a.json", "a.docx", "a.zip"]) {
        warns(name, &bytes, "");
    }
    // The largest files that are read.
    for name in texts.iter().chain(&["a.csv", "a.json"]) {
        warns(name, &bytes[..8 * MB], "");
    }
    bytes.fill(b'a');
    for name in texts {
        read(name, &bytes[..8 * MB]);
    }
}

#[test]
fn exports_without_text_are_bounded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let full = |head: &str, pattern: &str| {
        let count = (62 * MB - head.len()) / pattern.len();
        [head.as_bytes(), &filled(pattern, count * pattern.len())].concat()
    };
    let more = "Too many texts";
    warns("a.xml", &full("<rss>", "<item/>"), more);
    warns("a.xml", &full("<rss xmlns:wp=\"w\">", "<item></item>"), "");
    warns("a.xml", &full("<feed>", "<entry><a/></entry>"), more);
    warns("a.enex", &full("<en-export>", "<note/>"), more);
    warns("a.xml", &full("<rss>", "<item>"), more);
    warns("a.xml", &full("<rss><item>", "<a b='' c='' d=''/>"), "cut short");
    warns("a.json", &full("{\"posts\":[", "{},"), "too large to read at once");
    warns("a.json", &full("{\"posts\":", "["), "too large to read at once");
    warns("a.csv", &full("title,content\n", "a,b\n"), more);
    read("a.csv", &full("title,content\n", ","));
    read("a.csv", &full(&format!("{}content\n", "a,".repeat(4_990)), "b\n"));
    warns("a.csv", &full("title,content\na,\"", "b"), "empty");
    let mail = "From jo@a.b Sat Jan  3 01:05:34 1996\n";
    read("a.mbox", &full("", &format!("{mail}\na\n\n")));
    warns("a.mbox", &full(mail, "a: b\n"), "too large");
    let parts = format!("{mail}Content-Type: multipart/mixed; boundary=b\n\n");
    warns("a.mbox", &full(&parts, "--b\n\n")[..30 * MB], "too large");
}

#[test]
fn texts_of_markup_are_bounded() {
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
            // The maximum number of marks, the maximum size, and more.
            read(name, &marks[..500_000]);
            read(name, &marks[..8 * MB - 64]);
            warns(name, &marks, "too large");
        }
    }
    for mark in ["[", "<b>", "> "] {
        let json = format!("{{\"posts\":[{{\"html\":\"{}\"}}]}}", mark.repeat(50 * MB / 3));
        read("a.json", json.as_bytes());
        let xml = format!(
            "<rss><item><description><![CDATA[{}]]></description></item></rss>",
            mark.repeat(50 * MB / 3)
        );
        warns("a.xml", xml.as_bytes(), "");
    }
}
