//! Reads zips in memory; members are never written to disk.

use std::io::{Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use zip::{System, ZipArchive};

/// Members that are read of one zip.
const MAX_MEMBERS: usize = 50_000;
/// Members of a zip that is a document.
const MAX_PARTS: usize = 10_000;
/// Bytes of one member, unpacked.
pub(super) const MAX_MEMBER_BYTES: u64 = 64 << 20;
/// Bytes of all members together, unpacked.
pub(super) const MAX_TOTAL_BYTES: u64 = 128 << 20;
/// Text compresses to a tenth; a higher ratio is an attack.
const MAX_RATIO: u64 = 400;

/// Bytes of names from which their encoding is detected.
const MAX_NAME_BYTES: usize = 64 << 10;

/// The reason why a member whose name leads outside the zip is skipped.
pub(super) const OUTSIDE: &str = "Skipped: its name points outside the zip.";

/// An open zip.
pub(super) struct Zip<R> {
    archive: ZipArchive<R>,
    /// The encoding of names that are not UTF-8; `None` is code page 437, the zip standard.
    encoding: Option<&'static Encoding>,
}

/// A member of a zip.
pub(super) enum Member {
    File {
        name: String,
        bytes: Vec<u8>,
    },
    /// Not read, for this reason, as a sentence.
    Skipped {
        name: String,
        reason: &'static str,
    },
    /// A folder, or a file that is not writing by its name.
    Ignored,
}

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

impl<R: Read + Seek> Zip<R> {
    /// Opens a zip; `None` if it is broken.
    pub(super) fn open(zip: R) -> Option<Zip<R>> {
        let mut archive = ZipArchive::new(zip).ok()?;
        let encoding = encoding_of_names(&mut archive);
        Some(Zip { archive, encoding })
    }

    /// The number of members that are read, and true if there are more.
    pub(super) fn count(&self) -> (usize, bool) {
        (self.archive.len().min(MAX_MEMBERS), self.archive.len() > MAX_MEMBERS)
    }

    /// Returns true if all members are in a single folder.
    pub(super) fn is_one_folder(&self) -> bool {
        let mut names =
            self.archive.file_names().flatten().filter(|name| !name.starts_with("__MACOSX"));
        let top = |name: &str| name.split_once(['/', '\\']).map(|(top, _)| top.to_owned());
        let first = names.next().and_then(|name| top(&name));
        first.is_some() && names.all(|name| top(&name) == first)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.index(name).is_some()
    }

    /// The index of a part by its name. Some programs write `\\` for `/`, or a different case.
    fn index(&self, name: &str) -> Option<usize> {
        let plain = |name: &str| name.replace('\\', "/").to_lowercase();
        self.archive.index_for_name(name).or_else(|| {
            let wanted = plain(name);
            let names = self.archive.file_names().take(MAX_PARTS);
            let mut names = names.map(|name| name.is_ok_and(|name| plain(&name) == wanted));
            names.position(|is_wanted| is_wanted)
        })
    }

    /// The bytes of a part by name; `None` if it is missing, broken or too large.
    pub(super) fn read_part(&mut self, name: &str, budget: u64) -> Option<Vec<u8>> {
        let index = self.index(name)?;
        match self.member(index, budget, |_| true) {
            Member::File { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Reads one member, of at most `budget` bytes, if its name is wanted.
    pub(super) fn member(
        &mut self,
        index: usize,
        budget: u64,
        wanted: impl Fn(&str) -> bool,
    ) -> Member {
        let Ok(raw) = self.archive.by_index_raw(index) else {
            return Member::Skipped {
                name: format!("member {}", index + 1),
                reason: "Skipped: this part of the zip is broken.",
            };
        };
        // Many tools write UTF-8 without saying so.
        let name = match (std::str::from_utf8(raw.name_raw()), self.encoding) {
            (Ok(name), _) => name.to_owned(),
            (_, Some(encoding)) => {
                encoding.decode_without_bom_handling(raw.name_raw()).0.into_owned()
            }
            (_, None) => raw.name().map(|name| name.into_owned()).unwrap_or_default(),
        };
        let name = name.replace('\\', "/");
        let (encrypted, size, packed) = (raw.encrypted(), raw.size(), raw.compressed_size());
        let (folder, link) = (raw.is_dir() || name.ends_with('/'), raw.is_symlink());
        drop(raw);
        let skipped = |reason| Member::Skipped { name: name.clone(), reason };
        if folder || name.is_empty() {
            return Member::Ignored;
        }
        if points_outside(&name) {
            return skipped(OUTSIDE);
        }
        if !wanted(&name) {
            return Member::Ignored;
        }
        if link {
            return skipped("Skipped: a link to another file.");
        }
        if encrypted {
            return skipped("Skipped: protected with a password.");
        }
        if size > MAX_MEMBER_BYTES {
            return skipped("Skipped: too large for a text.");
        }
        if size > (1 << 20) && size / packed.max(1) > MAX_RATIO {
            return skipped("Skipped: it unpacks to far more than a text would.");
        }
        let limit = budget.min(MAX_MEMBER_BYTES).min(packed.saturating_mul(MAX_RATIO).max(1 << 20));
        let Ok(file) = self.archive.by_index(index) else {
            return skipped(
                "Skipped: this part of the zip is broken or compressed with an unsupported method.",
            );
        };
        let mut bytes = Vec::with_capacity(size.min(1 << 20) as usize);
        match file.take(limit + 1).read_to_end(&mut bytes) {
            Err(_) => skipped("Skipped: this part of the zip is broken."),
            Ok(_) if bytes.len() as u64 > limit => {
                skipped("Skipped: it unpacks to far more than a text would.")
            }
            Ok(_) => Member::File { name, bytes },
        }
    }
}

/// Detects the encoding of names that are not UTF-8: the detector's guess over all of them, unless code
/// page 437 yields better words (`None`).
fn encoding_of_names(archive: &mut ZipArchive<impl Read + Seek>) -> Option<&'static Encoding> {
    let mut bytes = Vec::new();
    let mut first = None;
    for (index, name) in archive.file_names_raw().enumerate().take(MAX_MEMBERS) {
        if std::str::from_utf8(name).is_err() && bytes.len() < MAX_NAME_BYTES {
            first = first.or(Some(index));
            bytes.extend_from_slice(name);
            bytes.push(b'\n');
        }
    }
    let first = first?;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&bytes, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let (guessed, _, broken) = guess.decode(&bytes);
    let raw = archive.by_index_raw(first).ok()?;
    let standard = raw.name().ok()?;
    let odd = |text: &str| text.chars().filter(|c| !c.is_ascii() && !c.is_alphanumeric()).count();
    let guessed_first = guessed.split('\n').next().unwrap_or_default();
    let (by_guess, by_standard) = (odd(guessed_first), odd(&standard));
    // If both yield words, a program of DOS or Windows meant its own code page.
    let is_western = guess.name().starts_with("windows-125") && guess != encoding_rs::WINDOWS_1251;
    let is_dos = matches!(raw.system(), System::Dos | System::WindowsNTFS | System::VFAT);
    let is_standard = broken || by_guess > by_standard;
    let is_standard = is_standard || (by_guess == by_standard && is_western && is_dos);
    (!is_standard).then_some(guess)
}

/// Returns true for a path that is absolute, on a drive, or leads outside.
fn points_outside(name: &str) -> bool {
    name.starts_with('/')
        || name.contains('\0')
        || name.split('/').any(|part| part == "..")
        || name.as_bytes().get(1) == Some(&b':')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Cursor, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A zip of empty files with these names, as written by a program of this system.
    fn named(names: &[&[u8]], system: u8) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (n, name) in names.iter().enumerate() {
            // A name of the same length, which is overwritten.
            let same = format!("{n}{}", "x".repeat(name.len() - n.to_string().len()));
            zip.start_file(same, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"It rained.").unwrap();
        }
        let mut bytes = zip.finish().unwrap().into_inner();
        for (n, name) in names.iter().enumerate() {
            let same = format!("{n}{}", "x".repeat(name.len() - n.to_string().len()));
            for at in 0..bytes.len() - same.len() {
                if bytes[at..].starts_with(same.as_bytes()) {
                    bytes[at..at + name.len()].copy_from_slice(name);
                }
            }
        }
        for at in 0..bytes.len() - 6 {
            if bytes[at..].starts_with(b"PK\x01\x02") {
                bytes[at + 5] = system;
            }
        }
        bytes
    }

    #[test]
    fn names_are_decoded_in_the_most_plausible_code_page() {
        const DOS: u8 = 0;
        const UNIX: u8 = 3;
        for (names, system, expected) in [
            (&[b"caf\x82.md".as_slice()][..], UNIX, &["café.md"][..]),
            (&[b"\x9abung/a.md", b"gr\x81n.md"], DOS, &["Übung/a.md", "grün.md"]),
            (
                &["Überfahrt.md".as_bytes(), "U\u{308}ber.md".as_bytes()],
                UNIX,
                &["Überfahrt.md", "U\u{308}ber.md"],
            ),
            (
                &[b"\x84\xad\xa5\xa2\xad\xa8\xaa/\xaf\xe0\xa8\xa2\xa5\xe2 \xac\xa8\xe0.txt"],
                DOS,
                &["Дневник/привет мир.txt"],
            ),
            (
                &[b"\x93\xfa\x8bL/\x8f\x89\x82\xdf\x82\xc4\x82\xcc\x93\xfa.txt"],
                DOS,
                &["日記/初めての日.txt"],
            ),
            (&[b"caf\xe9 cr\xe8me.md"], UNIX, &["café crème.md"]),
        ] {
            let mut zip = Zip::open(Cursor::new(named(names, system))).unwrap();
            let found: Vec<String> = (0..names.len())
                .map(|index| match zip.member(index, 1 << 20, |_| true) {
                    Member::File { name, .. } => name,
                    _ => String::new(),
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn parts_are_found_in_every_spelling() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("Word\\Document.xml", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"x").unwrap();
        let mut zip = Zip::open(zip.finish().unwrap()).unwrap();
        assert_eq!(zip.read_part("word/document.xml", 10), Some(b"x".to_vec()));
        assert_eq!(zip.read_part("word/styles.xml", 10), None);
    }
}
